# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Run by cpack as the installation of one Debian package (PackageNM.cmake): installs the components of NM_FILES apart, and copies
# what its regular expressions name to where the package is put together, in the forms that Debian wants.
cmake_policy(VERSION 3.25)
set(destination "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(stage ${NM_BUILD}/package-stage/${NM_PACKAGE})
file(REMOVE_RECURSE ${stage})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command} failed: ${output}")
  endif()
endfunction()

# Debian's libraries lie where the system looks, but for libMLIR.
function(clean_rpath path)
  if(NOT path MATCHES "/bin/|\\.so\\.")
    return()
  endif()
  file(READ_ELF ${path} RUNPATH runpath)
  if(path MATCHES "/bin/" AND NM_LLVM_RPATH IN_LIST runpath)
    file(RPATH_SET FILE ${path} NEW_RPATH "${NM_LLVM_RPATH}")
  else()
    file(RPATH_REMOVE FILE ${path})
  endif()
endfunction()

while(NM_FILES)
  list(POP_FRONT NM_FILES component pattern)
  set(from ${stage}/${component})
  run(${CMAKE_COMMAND} -E env --unset=DESTDIR
    ${CMAKE_COMMAND} --install ${NM_BUILD} --component ${component} --prefix ${from} --strip)
  file(GLOB_RECURSE found RELATIVE ${from} ${from}/*)
  list(FILTER found INCLUDE REGEX "${pattern}")
  if(NOT found)
    message(FATAL_ERROR "${NM_PACKAGE}: component ${component} has no file like ${pattern}; is everything built?")
  endif()
  foreach(file ${found})
    get_filename_component(folder ${file} DIRECTORY)
    file(COPY ${from}/${file} DESTINATION ${destination}/${folder})
    if(NOT IS_SYMLINK ${destination}/${file})
      clean_rpath(${destination}/${file})
      if(file MATCHES "^bin/|\\.so\\.")
        set(has_binaries TRUE)
      endif()
    endif()
  endforeach()
endwhile()
file(REMOVE_RECURSE ${stage})

# Debian's libomp5-NN exclude one another, and any of them serves: dpkg-shlibdeps, which cpack runs here where there are
# binaries, is told so. cpack removes the folder then.
if(has_binaries)
  file(WRITE $ENV{DESTDIR}/debian/shlibs.local "libomp 5 libomp5-19 | libomp-x.y\n")
endif()

set(documents ${destination}/share/doc/${NM_PACKAGE})
file(COPY ${NM_BUILD}/debian/copyright ${NM_BUILD}/debian/changelog DESTINATION ${documents})
file(GLOB manuals ${destination}/share/man/man1/*.1)
run(gzip -9n ${documents}/changelog ${manuals})
if(EXISTS ${NM_OVERRIDES})
  file(COPY ${NM_OVERRIDES} DESTINATION ${destination}/share/lintian/overrides)
  file(RENAME ${destination}/share/lintian/overrides/${NM_PACKAGE}.lintian-overrides
    ${destination}/share/lintian/overrides/${NM_PACKAGE})
endif()
