# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# CMake wrappers: each folder of nm lists names, the how stands here.

define_property(GLOBAL PROPERTY NM_LIBRARIES BRIEF_DOCS "all MLIR-based libraries of nm")
define_property(GLOBAL PROPERTY NM_MODEL_LIBRARIES BRIEF_DOCS "all C++ libraries of nm without LLVM and MLIR")
define_property(GLOBAL PROPERTY NM_TOOLS BRIEF_DOCS "all executables that are installed")
define_property(GLOBAL PROPERTY NM_UNITTESTS BRIEF_DOCS "all GoogleTest executables")
define_property(GLOBAL PROPERTY NM_FUZZERS BRIEF_DOCS "all libFuzzer executables")
define_property(GLOBAL PROPERTY NM_DOCS BRIEF_DOCS "targets of all generated reference pages")
define_property(GLOBAL PROPERTY NM_DOC_PAGES BRIEF_DOCS "files of all generated reference pages")

# A header that changes when Debian's header packages do: clang refuses a precompiled header whose
# sources have another time than when it was built, and ninja does not see that, because an
# upgraded package brings files that are older than the build.
function(_nm_write_pch_stamp path)
  file(GLOB lists
    /var/lib/dpkg/info/linux-libc-dev*.list /var/lib/dpkg/info/libc6-dev*.list
    /var/lib/dpkg/info/libstdc++-*-dev*.list /var/lib/dpkg/info/libclang-common-22-dev*.list
    /var/lib/dpkg/info/llvm-22-dev*.list /var/lib/dpkg/info/libmlir-22-dev*.list)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${lists})
  set(content "")
  foreach(list ${lists})
    file(TIMESTAMP ${list} time UTC)
    string(APPEND content "// ${list} ${time}\n")
  endforeach()
  file(CONFIGURE OUTPUT ${path} CONTENT "${content}" @ONLY)
endfunction()

# _nm_add_pch(<owner> <header> [options...]): the object library whose precompiled header others reuse.
function(_nm_add_pch owner header)
  if(TARGET ${owner})
    return()
  endif()
  _nm_write_pch_stamp(${PROJECT_BINARY_DIR}/include/nm_pch_stamp.h)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/nm_pch.cpp CONTENT "")
  add_library(${owner} OBJECT ${PROJECT_BINARY_DIR}/nm_pch.cpp)
  # CMake rewrites the generated header when it configures; its time stamp says
  # nothing.
  target_compile_options(${owner} PRIVATE ${ARGN} -fPIC
    "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  target_precompile_headers(${owner} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/${header})
endfunction()

# Exceptions are used inside of plain C++ (json, bad_alloc) and never leave it. Coverage is for the fuzzers.
set(NM_PLAIN_OPTIONS -fexceptions)
if(NM_BUILD_FUZZERS AND NM_SANITIZE MATCHES "address")
  list(APPEND NM_PLAIN_OPTIONS -fsanitize=fuzzer-no-link)
endif()

# Another one for plain C++: of the standard library and of JSON, which cost a second a translation unit.
function(_nm_plain_common name)
  target_compile_options(${name} PRIVATE ${NM_PLAIN_OPTIONS})
  _nm_add_pch(nm_plain_pch nm_plain_pch.h ${NM_PLAIN_OPTIONS})
  target_precompile_headers(${name} REUSE_FROM nm_plain_pch)
endfunction()

# One precompiled header serves every MLIR-based target: the MLIR headers cost
# about six seconds a translation unit otherwise.
function(_nm_common name)
  # Executables are compiled as -fPIC like the libraries, not -fPIE: a
  # precompiled header serves one of the two only.
  target_compile_options(${name} PRIVATE -fno-exceptions -fPIC)
  _nm_add_pch(nm_pch nm_pch.h -fno-exceptions)
  target_precompile_headers(${name} REUSE_FROM nm_pch)
endfunction()

# add_nm_dialect(<Dialect> <namespace>): TableGen of <Dialect>.td in an IR folder, and <Dialect>Register.cpp.inc,
# by which the dialect's initialize() adds what TableGen has made.
function(add_nm_dialect dialect namespace)
  set(LLVM_TARGET_DEFINITIONS ${dialect}.td)
  mlir_tablegen(${dialect}Dialect.h.inc -gen-dialect-decls -dialect=${namespace})
  mlir_tablegen(${dialect}Dialect.cpp.inc -gen-dialect-defs -dialect=${namespace})
  mlir_tablegen(${dialect}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${dialect}Enums.cpp.inc -gen-enum-defs)
  mlir_tablegen(${dialect}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${namespace})
  mlir_tablegen(${dialect}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${namespace})
  mlir_tablegen(${dialect}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${dialect}Ops.cpp.inc -gen-op-defs)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${dialect}Register.cpp.inc @ONLY CONTENT [=[
addAttributes<
#define GET_ATTRDEF_LIST
#include "@dialect@Attrs.cpp.inc"
    >();
addOperations<
#define GET_OP_LIST
#include "@dialect@Ops.cpp.inc"
    >();
]=])
  add_public_tablegen_target(NM${dialect}IncGen)
  add_nm_doc(${dialect}.td Dialects/${dialect}.md -gen-dialect-doc -dialect=${namespace})
endfunction()

# add_nm_passes(<Name>): TableGen of Passes.td in a Transforms or Conversion folder.
function(add_nm_passes name)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name=${name})
  add_public_tablegen_target(NM${name}PassesIncGen)
  add_nm_doc(Passes.td Passes/${name}.md -gen-pass-doc)
endfunction()

# add_nm_doc(<td> <output below docs/reference> <mlir-tblgen options...>)
function(add_nm_doc td output)
  set(page ${PROJECT_BINARY_DIR}/docs/reference/${output})
  get_filename_component(dir ${page} DIRECTORY)
  file(MAKE_DIRECTORY ${dir})
  string(REPLACE "/" "_" target "nm_doc_${output}")
  get_property(includes DIRECTORY PROPERTY INCLUDE_DIRECTORIES)
  list(TRANSFORM includes PREPEND "-I")
  add_custom_command(OUTPUT ${page}
    COMMAND ${MLIR_TABLEGEN_EXE} ${ARGN} ${includes} -I${CMAKE_CURRENT_SOURCE_DIR}
            ${CMAKE_CURRENT_SOURCE_DIR}/${td} -o ${page} -d ${page}.d
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${td} ${LLVM_TARGET_DEPENDS} DEPFILE ${page}.d
    COMMENT "Generating docs/reference/${output}" VERBATIM)
  add_custom_target(${target} DEPENDS ${page})
  set_property(GLOBAL APPEND PROPERTY NM_DOCS ${target})
  set_property(GLOBAL APPEND PROPERTY NM_DOC_PAGES ${page})
endfunction()

# _nm_together(<name> [sources...]): with NM_UNITY several sources of a library are one translation unit, but for
# those that are named here, where a name is ambiguous then.
function(_nm_together name)
  if(NM_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 7)
    foreach(source ${ARGN})
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endforeach()
  endif()
endfunction()

# add_nm_library(<name> <sources...> [TOGETHER] [APART ...] [DEPENDS ...] [LINK_LIBS ...]): see _nm_together for
# TOGETHER and APART.
function(add_nm_library name)
  cmake_parse_arguments(ARG "TOGETHER" "" "APART;DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS} ${ARG_APART})
  if(ARG_TOGETHER)
    _nm_together(${name} ${ARG_APART})
  endif()
  add_library(nm::${name} ALIAS ${name})
  _nm_common(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS} MLIR LLVM)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_include_directories(${name} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:include>)
  set_property(GLOBAL APPEND PROPERTY NM_LIBRARIES ${name})
endfunction()

# add_nm_plain_library(<name> <sources...> [TOGETHER] [LINK_LIBS ...] [PRIVATE_LIBS ...]): plain C++ without
# LLVM and MLIR; nothing of it is shown by a shared library that it ends up in. LINK_LIBS are what its
# headers name.
function(add_nm_plain_library name)
  cmake_parse_arguments(ARG "TOGETHER" "" "LINK_LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  if(ARG_TOGETHER)
    _nm_together(${name})
  endif()
  add_library(nm::${name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_compile_features(${name} PUBLIC cxx_std_17)
  _nm_plain_common(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS})
  foreach(library ${ARG_PRIVATE_LIBS})
    target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:${library}>)
  endforeach()
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:include>)
  set_property(GLOBAL APPEND PROPERTY NM_MODEL_LIBRARIES ${name})
endfunction()

# add_nm_tool(<name> <sources...> [LINK_LIBS ...])
function(add_nm_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  _nm_common(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} MLIR LLVM)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT compiler)
  set_property(GLOBAL APPEND PROPERTY NM_TOOLS ${name})
endfunction()

# The executables lie apart from the tools; lit finds their cases by the list (test/Unit).
function(_nm_unittest name)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/unittests/bin)
  # Pieces that tests of several libraries share lie in unittests/Common.
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/unittests)
  target_link_libraries(${name} PRIVATE GTest::gtest GTest::gtest_main)
  get_target_property(pch ${name} PRECOMPILE_HEADERS_REUSE_FROM)
  if(NOT pch)
    if(NOT TARGET nm_test_pch)
      _nm_add_pch(nm_test_pch nm_test_pch.h)
      target_link_libraries(nm_test_pch PRIVATE GTest::gtest nlohmann_json::nlohmann_json)
    endif()
    target_compile_options(${name} PRIVATE -fPIC) # as the precompiled header
    target_precompile_headers(${name} REUSE_FROM nm_test_pch)
  endif()
  set_property(GLOBAL APPEND PROPERTY NM_UNITTESTS ${name})
endfunction()

# add_nm_plain_tool(<name> <sources...> [LINK_LIBS ...]): the same without LLVM and MLIR.
function(add_nm_plain_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT compiler)
  set_property(GLOBAL APPEND PROPERTY NM_TOOLS ${name})
endfunction()

# add_nm_manual(<tool>): its page for man and its completion for bash, which the tool prints from its
# table of options.
function(add_nm_manual tool)
  set(page ${PROJECT_BINARY_DIR}/share/man/man1/${tool}.1)
  set(completion ${PROJECT_BINARY_DIR}/share/bash-completion/completions/${tool})
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/man/man1
    ${PROJECT_BINARY_DIR}/share/bash-completion/completions)
  add_custom_command(OUTPUT ${page} ${completion}
    COMMAND ${tool} --help=man > ${page}
    COMMAND ${tool} --help=bash > ${completion}
    DEPENDS ${tool} COMMENT "Writing the manual of ${tool}" VERBATIM)
  add_custom_target(nm_manual_${tool} ALL DEPENDS ${page} ${completion})
  set_property(GLOBAL APPEND PROPERTY NM_MANUALS nm_manual_${tool})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT compiler)
  install(FILES ${completion}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT compiler)
endfunction()

# add_nm_unittest(<name> <sources...> [LINK_LIBS ...]): GoogleTest, MLIR-based.
function(add_nm_unittest name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  _nm_common(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} MLIR LLVM)
  _nm_unittest(${name})
endfunction()

# add_nm_plain_unittest(<name> <sources...> [LINK_LIBS ...]): GoogleTest without MLIR.
function(add_nm_plain_unittest name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  _nm_unittest(${name})
endfunction()

# add_nm_runtime_unittest(<name> <sources...> [LINK_LIBS ...]): the same with the runtime's C++.
function(add_nm_runtime_unittest name)
  add_nm_plain_unittest(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE NMRuntime)
endfunction()

# add_nm_capi_unittest(<name> <sources...>): GoogleTest of libnm_runtime.so, by its C ABI alone.
function(add_nm_capi_unittest name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE nm_runtime)
  _nm_unittest(${name})
endfunction()

# add_nm_fuzzer(<name> <sources...> [LINK_LIBS ...]): libFuzzer harness of the runtime library.
# Its seeds lie in fuzz/seeds/<name>; lit runs it (test/Fuzz).
function(add_nm_fuzzer name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE NMRuntime ${ARG_LINK_LIBS})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY NM_FUZZERS ${name})
endfunction()
