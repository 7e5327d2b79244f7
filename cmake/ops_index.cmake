# Writes OUT, a C file that lists the operator tables: fac__ops_X of each file OPS/X.c that has one.
file(GLOB files RELATIVE ${OPS} ${OPS}/*.c)
list(SORT files)
foreach(name ${files})
  file(READ ${OPS}/${name} text)
  string(REGEX REPLACE "\\.c$" "" name ${name})
  string(FIND "${text}" "fac__ops_${name}[]" at)
  if(at GREATER_EQUAL 0)
    string(APPEND declarations "extern const fac__op fac__ops_${name}[];\n")
    string(APPEND list "    fac__ops_${name},\n")
  endif()
endforeach()
file(WRITE ${OUT} "/* Floor 4. Every operator table. Written by cmake/ops_index.cmake. */
#include \"ops/op.h\"

${declarations}
const fac__op *const fac__op_tables[] = {
${list}    0,
};
")
