# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Install rules, by component, and the exported package. Another project writes
#   find_package(nm REQUIRED CONFIG COMPONENTS runtime)     # no LLVM, no MLIR
#   target_link_libraries(mine PRIVATE nm::runtime)
# or `model` for the C++ libraries without LLVM, or `compiler` for dialects and passes. docs/installing.md
# lists what is in each. Everything is found from where it lies: an installation can be moved.
include(CMakePackageConfigHelpers)

if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  message(FATAL_ERROR "CMAKE_INSTALL_LIBDIR is ${CMAKE_INSTALL_LIBDIR}; expected a folder below the prefix, such as lib")
endif()
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/nm)
set(NM_PYTHON_INSTALL_DIR lib/python3/dist-packages CACHE STRING "where the Python package goes, below the prefix")

# -- runtime: libnm_runtime and its C headers ----------------------------------
install(TARGETS nm_runtime EXPORT nmRuntimeTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
install(EXPORT nmRuntimeTargets NAMESPACE nm:: DESTINATION ${package_dir} COMPONENT runtime)
install(FILES ${PROJECT_SOURCE_DIR}/include/nm/nm_model.h ${PROJECT_BINARY_DIR}/include/nm/Version.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nm COMPONENT runtime)
install(FILES ${PROJECT_SOURCE_DIR}/include/nm/Runtime/nm_runtime.h ${PROJECT_SOURCE_DIR}/include/nm/Runtime/nm_recipe.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nm/Runtime COMPONENT runtime)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/nmConfig.cmake.in ${PROJECT_BINARY_DIR}/nmConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nmConfigVersion.cmake COMPATIBILITY SameMinorVersion)
foreach(component runtime model compiler) # each may be installed alone
  install(FILES ${PROJECT_BINARY_DIR}/nmConfig.cmake ${PROJECT_BINARY_DIR}/nmConfigVersion.cmake
    DESTINATION ${package_dir} COMPONENT ${component})
endforeach()

file(RELATIVE_PATH NM_PKGCONFIG_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/nm-runtime.pc.in ${PROJECT_BINARY_DIR}/nm-runtime.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nm-runtime.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT runtime)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/python/nm DESTINATION ${NM_PYTHON_INSTALL_DIR} COMPONENT python
  FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)

# -- model: the C++ libraries without LLVM, descriptions and schemas -----------
get_property(model_libraries GLOBAL PROPERTY NM_MODEL_LIBRARIES)
install(TARGETS ${model_libraries} EXPORT nmModelTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT model)
install(EXPORT nmModelTargets NAMESPACE nm:: DESTINATION ${package_dir} COMPONENT model)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/modules/FindLibOMP.cmake DESTINATION ${package_dir} COMPONENT model)
foreach(folder Support Runtime Machine Model Isa Simulator Traffic Target/SystemVerilog)
  get_filename_component(parent nm/${folder} DIRECTORY)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/nm/${folder}
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${parent} COMPONENT model
    FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "nm_runtime.h" EXCLUDE PATTERN "nm_recipe.h" EXCLUDE)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/include/nm/Import/PifoPolicy.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nm/Import COMPONENT model)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/devices DESTINATION ${CMAKE_INSTALL_DATADIR}/nm COMPONENT model)
file(GLOB schemas CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.schema.json)
install(FILES ${schemas} DESTINATION ${CMAKE_INSTALL_DATADIR}/nm/schemas COMPONENT model)

# -- compiler: dialects, passes and the driver; the tools say so themselves -----
if(NOT NM_RUNTIME_ONLY)
  get_property(libraries GLOBAL PROPERTY NM_LIBRARIES)
  install(TARGETS ${libraries} EXPORT nmCompilerTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT compiler)
  install(EXPORT nmCompilerTargets NAMESPACE nm:: DESTINATION ${package_dir} COMPONENT compiler)
  string(REPLACE ";" " " libraries "${libraries}")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/nmCompiler.cmake @ONLY CONTENT
"# The MLIR package does not attach its headers to its targets.
foreach(library @libraries@)
  target_include_directories(nm::\${library} SYSTEM INTERFACE \${MLIR_INCLUDE_DIRS} \${LLVM_INCLUDE_DIRS})
endforeach()
")
  install(FILES ${PROJECT_BINARY_DIR}/nmCompiler.cmake DESTINATION ${package_dir} COMPONENT compiler)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/nm ${PROJECT_BINARY_DIR}/include/nm
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT compiler
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc" PATTERN "CMakeFiles" EXCLUDE PATTERN "Machine" EXCLUDE
    PATTERN "Support" EXCLUDE PATTERN "Runtime" EXCLUDE PATTERN "Model" EXCLUDE PATTERN "Isa" EXCLUDE
    PATTERN "Simulator" EXCLUDE PATTERN "Traffic" EXCLUDE PATTERN "SystemVerilog" EXCLUDE
    PATTERN "PifoPolicy.h" EXCLUDE PATTERN "nm_model.h" EXCLUDE PATTERN "Version.h" EXCLUDE)
endif()

# -- documentation: pages and examples, in the order of the tree ----------------
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs ${PROJECT_SOURCE_DIR}/examples ${PROJECT_SOURCE_DIR}/editors
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT documentation
  USE_SOURCE_PERMISSIONS PATTERN "CMakeLists.txt" EXCLUDE PATTERN "__pycache__" EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT documentation)
