# Writes OUT, a C file that lists the operator tables, fac__ops_X of each file OPS/X.c that has one, with its X, and the
# second names that ALIASES, facula/aliases.h, defines.
file(GLOB files RELATIVE ${OPS} ${OPS}/*.c)
list(SORT files)
foreach(name ${files})
  file(READ ${OPS}/${name} text)
  string(REGEX REPLACE "\\.c$" "" name ${name})
  string(FIND "${text}" "fac__ops_${name}[]" at)
  if(at GREATER_EQUAL 0)
    string(APPEND declarations "extern const fac__op fac__ops_${name}[];\n")
    string(APPEND list "    fac__ops_${name},\n")
    string(APPEND names "    \"${name}\",\n")
  endif()
endforeach()
file(STRINGS ${ALIASES} lines REGEX "^#define fac_.* fac_")
foreach(line ${lines})
  string(REGEX REPLACE "#define fac_([a-z0-9_]+) fac_([a-z0-9_]+)" "    {\"\\1\", \"\\2\"},\n" line "${line}")
  string(APPEND aliases "${line}")
endforeach()
file(WRITE ${OUT} "/* Floor 4. Every operator table and every second name. Written by cmake/ops_index.cmake. */
#include \"ops/op.h\"

${declarations}
const fac__op *const fac__op_tables[] = {
${list}    0,
};

const char *const fac__op_families[] = {
${names}    0,
};

const char *const fac__aliases[][2] = {
${aliases}    {0},
};
")
