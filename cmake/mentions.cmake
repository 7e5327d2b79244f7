# Writes OUT, row_mentions.h: for each row of pointwise.def a macro FAC__MENTIONS_name with the rows that the texts of its
# derivatives call, "FAC__ROW_sign, FAC__ROW_mul,", and FAC__COST_name, what it costs in additions by the functions that its
# expression calls. CC is the C preprocessor's compiler, INCLUDE the folder of facula/.
cmake_minimum_required(VERSION 3.22)
set(table ${OUT}.c)
file(WRITE ${table} "#define FAC_UNARY(name, rule, expr, da, doc) @name {expr} da
#define FAC_UNARY_P(name, rule, params, n, expr, da, doc) @name {expr} da
#define FAC_BINARY(name, rule, expr, da, db, doc) @name {expr} da db
#define FAC_BINARY_T(name, rule, expr, da, db, doc) @name {expr} da db
#define FAC_TERNARY(name, rule, schema, expr, da, db, dc, doc) @name {expr} da db dc
#define FAC_HELPER(name, n, expr, da, db, dc, dd) @name {expr} da db dc dd
#include \"facula/pointwise.def\"
")
execute_process(COMMAND ${CC} -I${INCLUDE} -E -P ${table} OUTPUT_VARIABLE text ERROR_VARIABLE errors RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "Preprocessing of pointwise.def failed:\n${errors}")
endif()
string(REGEX REPLACE "[][; \t\r\n]+" " " text "${text}") # semicolons and brackets mean something to CMake's lists
string(REGEX MATCHALL "@[^@]*" rows "${text}")
set(out "/* Written by cmake/mentions.cmake. */\n")
foreach(row IN LISTS rows)
  string(REGEX MATCH "^@([a-z0-9_]+)" name "${row}")
  set(name ${CMAKE_MATCH_1})
  string(REGEX MATCH "{(.*)}(.*)" parts "${row}")
  set(expression "${CMAKE_MATCH_1}")
  set(derivatives "${CMAKE_MATCH_2}")
  string(REGEX MATCHALL "[a-z0-9_]+\\(" calls "${derivatives}")
  list(TRANSFORM calls REPLACE "(.*)\\(" "FAC__ROW_\\1,")
  list(REMOVE_DUPLICATES calls)
  list(JOIN calls " " calls)
  set(cost 1)
  string(REGEX MATCHALL "[A-Z][A-Z0-9_]*\\(" functions "${expression}")
  foreach(function IN LISTS functions)
    if(function STREQUAL "SPECIAL(")
      math(EXPR cost "${cost} + 40")
    elseif(NOT function MATCHES "^(FMA|ABS|MAX|MIN|SIGN|NUM|SQRT)\\($")
      math(EXPR cost "${cost} + 4")
    endif()
  endforeach()
  string(APPEND out "#define FAC__MENTIONS_${name} ${calls}\n#define FAC__COST_${name} ${cost}\n")
endforeach()
file(WRITE ${OUT} "${out}")
