# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Debian's libomp-NN-dev exclude one another, and the one of this compiler may be kept out by another that is installed. Its
# interface to compiled code is stable, so header and library of any release serve: find_package(OpenMP) is told where they are. What includes omp.h
# without being compiled for OpenMP has the options NM_OMP_HEADER.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND NOT DEFINED OpenMP_CXX_FLAGS)
  include(CheckIncludeFileCXX)
  set(CMAKE_REQUIRED_FLAGS -fopenmp=libomp)
  check_include_file_cxx(omp.h NM_COMPILER_HAS_OMP_H)
  unset(CMAKE_REQUIRED_FLAGS)
  if(NOT NM_COMPILER_HAS_OMP_H)
    file(GLOB headers /usr/lib/llvm-*/lib/clang/*/include/omp.h)
    list(SORT headers COMPARE NATURAL ORDER DESCENDING)
    foreach(header ${headers})
      string(REGEX REPLACE "/clang/.*" "/libomp.so" library ${header})
      if(EXISTS ${library})
        get_filename_component(folder ${header} DIRECTORY)
        # After the compiler's own headers, which lie in a folder of the same kind.
        set(OpenMP_CXX_FLAGS "-fopenmp=libomp -idirafter ${folder}" CACHE STRING "how C++ is compiled with OpenMP")
        set(OpenMP_CXX_LIB_NAMES omp CACHE STRING "libraries of OpenMP")
        set(OpenMP_omp_LIBRARY ${library} CACHE FILEPATH "LLVM's runtime of OpenMP")
        set(NM_OMP_HEADER -idirafter ${folder} CACHE STRING "how omp.h is found")
        message(STATUS "OpenMP: ${library}, since this compiler has none of its own")
        break()
      endif()
    endforeach()
  endif()
endif()
