# Debian packages by CPack: `make deb`, or `cpack` in the build folder. Two of them, as what ships a program needs one and what builds
# a program the other: libfacula0.1, the shared library, and libfacula-dev, all else: headers, the static library, how pkg-config
# and CMake find it, the guides, and the facula command with its page and completion.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR facula)
set(CPACK_PACKAGE_CONTACT "facula <facula@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)

string(TOLOWER libfacula${abi} runtime)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${runtime})
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "Tensors, autograd, modules and optimisers in C
 PyTorch's tensors, gradients, modules and optimisers as one C library, to
 train and run networks inside a program. This is the shared library.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
file(WRITE ${generated}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${generated}/triggers)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libfacula-dev)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "Tensors, autograd, modules and optimisers in C: development
 What programs that use facula are built with: headers for C and C++, the
 static library, the guides, and the facula command, which trains and runs
 networks from the shell.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${runtime} (= ${PROJECT_VERSION}), zlib1g-dev, libjansson-dev")
if(MICROHTTPD_INCLUDE_DIR AND MICROHTTPD_LIBRARY)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libmicrohttpd-dev")
endif()
include(CPack)
