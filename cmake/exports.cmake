# Writes OUT, a linker's version script: the names of the shared library that others may link, all of version NODE, and none
# beside them. They are what the preprocessor CC leaves of facula.h behind FAC_API, functions and objects, so a new function
# is exported by being declared there.
cmake_minimum_required(VERSION 3.22)
execute_process(
  COMMAND ${CC} -I${INCLUDE} -DFACULA_NO_HERE -E -P -x c ${INCLUDE}/facula/facula.h
  OUTPUT_VARIABLE text
  ERROR_VARIABLE errors
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "Preprocessing of facula.h failed:\n${errors}")
endif()
# Semicolons and brackets mean something to CMake's lists.
string(REGEX REPLACE "[][; \t\r\n]+" " " text "${text}")
string(REPLACE "__attribute__((visibility(\"default\")))" "\n" text "${text}")
string(REGEX MATCHALL "\n[^()\n]*[ *]fac_[A-Za-z0-9_]+ ?(\\(|__attribute__)" declarations "${text}")
set(names)
foreach(declaration IN LISTS declarations)
  string(REGEX MATCH "(fac_[A-Za-z0-9_]+) ?(\\(|__attribute__)$" declaration "${declaration}")
  list(APPEND names ${CMAKE_MATCH_1})
endforeach()
list(REMOVE_DUPLICATES names)
list(SORT names)
list(JOIN names ";\n    " names)
file(WRITE ${OUT} "${NODE} {\nglobal:\n    ${names};\nlocal:\n    *;\n};\n")
