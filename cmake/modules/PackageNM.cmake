# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Debian packages: `cpack` in the folder of a build writes them there, in packages/. Each has files of the
# components of InstallNM.cmake, which PackageFiles.cmake takes from an installation of its own; dpkg-shlibdeps
# finds what its binaries need. docs/installing.md lists the packages.
set(NM_PACKAGE_CONTACT "nm maintainers <nm@packages.invalid>" CACHE STRING "maintainer of the Debian packages")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME nm)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has one of its own
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${NM_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=") # functions are only ever added
set(CPACK_COMPONENTS_ALL "")
set(version ${PROJECT_VERSION}) # native: the packages are made by the tree itself

string(TIMESTAMP year "%Y" UTC)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # that of SOURCE_DATE_EPOCH where it is set
file(READ ${PROJECT_SOURCE_DIR}/LICENSE licence)
string(FIND "${licence}" "As an exception, if," at)
string(SUBSTRING "${licence}" ${at} -1 exceptions)
string(REGEX REPLACE "\n+$" "" exceptions "${exceptions}")
string(REPLACE "\n\n" "\n.\n" exceptions "${exceptions}")
string(REPLACE "\n" "\n " exceptions "${exceptions}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/debian/copyright.in ${PROJECT_BINARY_DIR}/debian/copyright @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/debian/changelog.in ${PROJECT_BINARY_DIR}/debian/changelog @ONLY)

# nm_package(<name> SECTION <section> SUMMARY <text> TEXT <text> [DEPENDS <text>] [RECOMMENDS <text>] [ALL]
#            FILES <component> <regular expression of its paths below the prefix>...)
# `@version@` of dependencies is that of the packages. ALL: for every architecture.
function(nm_package name)
  cmake_parse_arguments(ARG "ALL" "SECTION;SUMMARY;TEXT;DEPENDS;RECOMMENDS" "FILES" ${ARGN})
  string(TOUPPER ${name} upper)
  string(CONFIGURE "${ARG_DEPENDS}" depends @ONLY)
  string(CONFIGURE "${ARG_RECOMMENDS}" recommends @ONLY)
  set(prefix CPACK_DEBIAN_${upper}_PACKAGE)
  set(${prefix}_NAME ${name} PARENT_SCOPE)
  set(${prefix}_SECTION ${ARG_SECTION} PARENT_SCOPE)
  set(${prefix}_DEPENDS ${depends} PARENT_SCOPE)
  set(${prefix}_RECOMMENDS ${recommends} PARENT_SCOPE)
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${ARG_SUMMARY}\n${ARG_TEXT}" PARENT_SCOPE)
  if(ARG_ALL)
    set(${prefix}_ARCHITECTURE all PARENT_SCOPE)
  else()
    set(${prefix}_SHLIBDEPS ON PARENT_SCOPE)
  endif()
  file(GLOB scripts ${PROJECT_SOURCE_DIR}/cmake/debian/${name}/*)
  set(${prefix}_CONTROL_EXTRA ${scripts} PARENT_SCOPE)
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${name} PARENT_SCOPE)
  set(overrides ${PROJECT_SOURCE_DIR}/cmake/debian/${name}.lintian-overrides)
  install(CODE "
    set(NM_BUILD [==[${PROJECT_BINARY_DIR}]==])
    set(NM_PACKAGE ${name})
    set(NM_FILES [==[${ARG_FILES}]==])
    set(NM_OVERRIDES [==[${overrides}]==])
    set(NM_LLVM_RPATH [==[${LLVM_LIBRARY_DIR}]==])
    include([==[${PROJECT_SOURCE_DIR}/cmake/PackageFiles.cmake]==])" COMPONENT ${name} EXCLUDE_FROM_ALL)
endfunction()

set(about "nm compiles transformer models whose weights are pruned to N of every M\nelements.")
nm_package(libnm-runtime0 SECTION libs
  SUMMARY "runs compiled models with N:M sparse weights (shared library)"
  TEXT "${about} This library loads and runs compiled models, and reads, prunes and\npacks checkpoints, by a C interface. It needs neither LLVM nor MLIR."
  FILES runtime "^lib/libnm_runtime\\.so\\.")
nm_package(libnm-runtime-dev SECTION libdevel
  SUMMARY "runs compiled models with N:M sparse weights (development files)"
  TEXT "${about} Headers of the C interface, and what CMake and pkg-config find the\nlibrary by."
  DEPENDS "libnm-runtime0 (= @version@)"
  FILES runtime "^include/|^lib/libnm_runtime\\.so$|^lib/cmake/|^lib/pkgconfig/")
nm_package(python3-nm SECTION python ALL
  SUMMARY "compiles and runs models with N:M sparse weights from Python"
  TEXT "${about} The Python package: NumPy in and out, optimizers for PyTorch that\nlearn the masks."
  DEPENDS "python3 (>= 3.9), python3-numpy, libnm-runtime0 (>= @version@), libnm-runtime0 (<< @version@+)"
  RECOMMENDS "nm-tools"
  FILES python "^lib/python3/")
if(NOT NM_RUNTIME_ONLY)
  nm_package(nm-tools SECTION devel
    SUMMARY "compiles, runs, simulates and inspects models with N:M sparse weights"
    TEXT "${about} The tools: nm-run, nm-compile, nm-inspect, nm-sim, nm-explore,\nnm-pifo, nm-opt, nm-translate and nm-lsp-server, with descriptions of devices,\npages and examples."
    RECOMMENDS "gcc | clang-22, libc6-dev"
    FILES compiler "^bin/|^share/" model "^share/nm/" documentation "^share/doc/")
  nm_package(libnm-dev SECTION libdevel
    SUMMARY "dialects, passes and models of nm (development files)"
    TEXT "${about} Headers and static libraries in C++: MLIR dialects and passes, cost\nmodel, programs of accelerators and their simulator, schedulers."
    DEPENDS "libnm-runtime-dev (= @version@), libmlir-22-dev, mlir-22-tools, llvm-22-dev, libomp-22-dev, libzip-dev, zipcmp, zipmerge, ziptool, libpcap-dev, libzstd-dev, nlohmann-json3-dev"
    FILES model "^include/|^lib/lib|^lib/cmake/nm/(nmModel|FindLibOMP)" compiler "^include/|^lib/lib|^lib/cmake/nm/nmCompiler")
endif()
include(CPack)
