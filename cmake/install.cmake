# SPDX-License-Identifier: MIT
# What `make install` puts below PREFIX:
#
#   bin/ullage                 the command; finds the library at ../lib, relative to itself
#   lib/libullage.so.*, .a     and pkgconfig/ullage.pc, cmake/ullage/ for find_package(ullage)
#   include/ullage/            the public headers, nothing else
#   share/man, bash-completion, zsh, fish    written by the built command from its own tables
#   share/ullage/python        what `ullage run --budget` lets Python import at start
#   share/doc/ullage           licence and changes
#
# ullage.pc and the CMake package find the rest relative to themselves: an installed tree can be
# moved, and `cmake --install --prefix` need not be told at configure time.

# The command looks for it beside itself, too: in the build tree it is a copy.
configure_file(${PROJECT_SOURCE_DIR}/src/launch/python/sitecustomize.py
  ${PROJECT_BINARY_DIR}/python/sitecustomize.py COPYONLY)

if(ULLAGE_SANITIZE)
  return() # nobody wants a sanitized library installed
endif()

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ullage)

install(TARGETS ullage ullage_static EXPORT ullageTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ullage DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

# ---- find_package(ullage): ullage::ullage, ullage::ullage_static ---------------------------------
install(EXPORT ullageTargets NAMESPACE ullage:: DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ullageConfig.cmake.in
  ${PROJECT_BINARY_DIR}/ullageConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ullageConfigVersion.cmake
  COMPATIBILITY SameMinorVersion) # before 1.0 a minor version may change the interface
install(FILES ${PROJECT_BINARY_DIR}/ullageConfig.cmake ${PROJECT_BINARY_DIR}/ullageConfigVersion.cmake
  DESTINATION ${package_dir})

# ---- pkg-config ----------------------------------------------------------------------------------
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_to_prefix /prefix/${pc_dir} /prefix)
string(REGEX REPLACE "/$" "" pc_to_prefix ${pc_to_prefix})
configure_file(${PROJECT_SOURCE_DIR}/cmake/ullage.pc.in ${PROJECT_BINARY_DIR}/ullage.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ullage.pc DESTINATION ${pc_dir})

# ---- the command, its manual pages and completions -----------------------------------------------
if(NOT TARGET ullage-cli)
  return()
endif()
install(TARGETS ullage-cli DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/src/launch/python/sitecustomize.py
  DESTINATION ${CMAKE_INSTALL_DATADIR}/ullage/python)
if(CMAKE_CROSSCOMPILING)
  return() # they are written by running the command
endif()

set(made ${PROJECT_BINARY_DIR}/made)
add_custom_command(OUTPUT ${made}/stamp
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${made}/man
  COMMAND ullage-cli help --man-dir ${made}/man
  COMMAND ullage-cli completion bash > ${made}/ullage.bash
  COMMAND ullage-cli completion zsh > ${made}/_ullage
  COMMAND ullage-cli completion fish > ${made}/ullage.fish
  COMMAND ${CMAKE_COMMAND} -E touch ${made}/stamp
  DEPENDS ullage-cli COMMENT "Manual pages and completions" VERBATIM)
add_custom_target(ullage_manual ALL DEPENDS ${made}/stamp)

# Pages are sorted into sections by their names, whether the command wrote one folder or several.
install(CODE "set(made \"${made}\")\nset(mandir \"${CMAKE_INSTALL_MANDIR}\")")
install(CODE [[
  foreach(section RANGE 1 8)
    file(GLOB_RECURSE pages ${made}/man/*.${section})
    if(pages)
      file(INSTALL ${pages} DESTINATION ${CMAKE_INSTALL_PREFIX}/${mandir}/man${section})
    endif()
  endforeach()
]])
install(FILES ${made}/ullage.bash RENAME ullage
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${made}/_ullage DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${made}/ullage.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
