# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Install rules and the exported package: another project writes
#   find_package(nm REQUIRED CONFIG)
#   target_link_libraries(mine PRIVATE nm::NMDialect)
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY NM_LIBRARIES)
install(TARGETS ${libraries} nm_runtime EXPORT nmTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/nm ${PROJECT_BINARY_DIR}/include/nm
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "*.td" PATTERN "*.inc" PATTERN "CMakeFiles" EXCLUDE)
install(EXPORT nmTargets NAMESPACE nm:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nm)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/nmConfig.cmake.in
  ${PROJECT_BINARY_DIR}/nmConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nm)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nmConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nmConfig.cmake ${PROJECT_BINARY_DIR}/nmConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nm)
