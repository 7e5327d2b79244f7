# Writes OUT, facula/here.h: for each public function that takes an argument, a macro of its name that notes the file and
# line of the call. The functions are those that the preprocessor CC leaves of facula.h, so it does not matter whether a
# prototype was written out or made by a macro. Left out: those of base.h and error.h, which report no line or read it.
cmake_minimum_required(VERSION 3.22)
set(preprocess ${CC} -I${INCLUDE} -DFACULA_NO_HERE -E -x c)

function(run_compiler out)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE errors RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "Preprocessing of facula.h failed:\n${errors}")
  endif()
  # Semicolons and brackets mean something to CMake's lists.
  string(REGEX REPLACE "[][;]" "\n" text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Names of the public functions of one header. A prototype runs to the semicolon, on any number of lines.
function(public_functions out header)
  run_compiler(text ${preprocess} -P ${INCLUDE}/facula/${header})
  string(REGEX REPLACE "[ \t\r\n]+" " " text "${text}")
  string(REPLACE "__attribute__((visibility(\"default\")))" "\n" text "${text}")
  string(REGEX MATCHALL "\n[^()\n]*[ *]fac_[a-z0-9][a-z0-9_]* ?\\((void ?\\))?" text "${text}")
  set(names)
  foreach(prototype IN LISTS text)
    string(REGEX MATCH "(fac_[a-z0-9_]*) ?\\($" prototype "${prototype}") # no match: no argument
    list(APPEND names ${CMAKE_MATCH_1})
  endforeach()
  set(${out} ${names} PARENT_SCOPE)
endfunction()

public_functions(functions facula.h)
public_functions(without_line error.h) # includes base.h
run_compiler(macros ${preprocess} -dM ${INCLUDE}/facula/facula.h)
string(REGEX MATCHALL "#define fac_[a-z0-9_]*" macros "${macros}")
list(TRANSFORM macros REPLACE "#define " "")
list(REMOVE_ITEM functions ${without_line} ${macros} "")
list(REMOVE_DUPLICATES functions)
list(SORT functions)

set(text)
foreach(name IN LISTS functions)
  string(APPEND text "#define ${name}(...) FAC__HERE(${name}(__VA_ARGS__))\n")
endforeach()
file(WRITE ${OUT} "/* Floor 8. Notes the file and line of each call, for fac_error_line(). facula.h includes it last; define FACULA_NO_HERE
 * before that to do without. A function's address is still its own: no macro without parentheses. Written by
 * cmake/here.cmake. */
#ifndef FACULA_HERE_H
#define FACULA_HERE_H

#include \"facula/error.h\"

#define FAC__HERE(call) (fac__here(__FILE__, __LINE__), call)

${text}
#endif
")
