# Files that programs have in them as C arrays.
#
#   facula_text(OUT_VARIABLE name FILE)
#   facula_page(OUT_VARIABLE name FILE.html [FOLDERS dir…] [OPTIONAL file…])
#
# give the path of a C file, written by the build, that defines `const char name[]`, with a 0 behind it, and `const size_t name_bytes`.
# A page becomes self-contained: its lines <link rel="stylesheet" href="X.css"> and <script src="X.js"></script> are replaced by what these
# files hold. They lie beside it or in one of the FOLDERS; those that are OPTIONAL may lie nowhere, and are then left out.
# This file is also the script that does it.

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(facula_embed ${CMAKE_CURRENT_LIST_FILE})

  function(facula__embed variable name file folders optional parts)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
    add_custom_command(
      OUTPUT ${out}
      COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DFILE=${file} "-DFOLDERS=${folders}" "-DOPTIONAL=${optional}" -DOUT=${out} -P
              ${facula_embed}
      DEPENDS ${file} ${parts} ${facula_embed}
      COMMENT "Writing ${name}.c"
      VERBATIM)
    set(${variable} ${out} PARENT_SCOPE)
  endfunction()

  function(facula_text variable name file)
    get_filename_component(file ${file} ABSOLUTE)
    facula__embed(${variable} ${name} ${file} "" "" "")
    set(${variable} ${${variable}} PARENT_SCOPE)
  endfunction()

  function(facula_page variable name file)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "FOLDERS;OPTIONAL")
    get_filename_component(file ${file} ABSOLUTE)
    get_filename_component(here ${file} DIRECTORY)
    set(parts)
    foreach(folder ${here} ${arg_FOLDERS})
      file(GLOB found CONFIGURE_DEPENDS ${folder}/*.css ${folder}/*.js)
      list(APPEND parts ${found})
    endforeach()
    facula__embed(${variable} ${name} ${file} "${here};${arg_FOLDERS}" "${arg_OPTIONAL}" "${parts}")
    set(${variable} ${${variable}} PARENT_SCOPE)
  endfunction()
  return()
endif()

# ---- the script -------------------------------------------------------------------------------------------------

cmake_minimum_required(VERSION 3.22)

# The text of a part of the page; fails when it is nowhere, unless it may be.
function(read_part part variable)
  foreach(folder ${FOLDERS})
    if(EXISTS ${folder}/${part})
      file(READ ${folder}/${part} text)
      string(FIND "${text}" "</script" end)
      if(NOT end EQUAL -1)
        message(FATAL_ERROR "${folder}/${part} has a \"</script\" in it, which would end it in the page")
      endif()
      set(${variable} "${text}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  if(NOT part IN_LIST OPTIONAL)
    message(FATAL_ERROR "${FILE} wants ${part}, which is in none of ${FOLDERS}")
  endif()
  set(${variable} "" PARENT_SCOPE)
endfunction()

if(FILE MATCHES "\\.html$")
  file(READ ${FILE} page)
  string(REGEX MATCHALL "<link rel=\"stylesheet\" href=\"[^\"]+\">|<script src=\"[^\"]+\"></script>" elements "${page}")
  foreach(element ${elements})
    string(REGEX REPLACE ".*(href|src)=\"([^\"]+)\".*" "\\2" part "${element}")
    read_part(${part} text)
    if(element MATCHES "^<link")
      string(REPLACE "${element}" "<style>\n${text}</style>" page "${page}")
    else()
      string(REPLACE "${element}" "<script>\n${text}</script>" page "${page}")
    endif()
  endforeach()
  set(FILE ${OUT}.html)
  file(WRITE ${FILE} "${page}")
endif()

file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include <stddef.h>\nextern const char ${NAME}[];\nextern const size_t ${NAME}_bytes;\nconst char ${NAME}[] = {\n"
                  "${bytes}0};\nconst size_t ${NAME}_bytes = sizeof ${NAME} - 1;\n")
