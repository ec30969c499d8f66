# SPDX-License-Identifier: MIT
# The package file of pixnerd: find_package(pixnerd 0.2 COMPONENTS image data ...) reads it once installed, and the
# project's own CMakeLists.txt includes it, so that both ways of using the library give the same targets.
#
#   pixnerd::pixnerd   all that <pixnerd/pixnerd.hpp> includes            Eigen, threads
#   pixnerd::io        <pixnerd/io/...>, <pixnerd/zoo/...>: checkpoints   + nlohmann-json, zlib
#   pixnerd::image     <pixnerd/image/...>: PNG and JPEG images           + zlib, libpng, libjpeg
#   pixnerd::data      <pixnerd/data/...>: image folders, emoji, loaders  + io, image, FreeType, HarfBuzz
#   pixnerd::train     <pixnerd/train/...>: the training loop             + io
#   pixnerd::torch     <pixnerd/io/torch/...>, <pixnerd/io/numpy/...>     + io, libzip
#   pixnerd::tokenizer <pixnerd/text/tokenizer.hpp>, data/qwen3_text.hpp  + io, PCRE2, utf8proc
#   pixnerd::cuda      what files that nvcc compiles need beside the rest + cudart, cuBLASLt of the CUDA Toolkit
#
# A component whose libraries are missing has no target; pixnerd_<component>_MISSING then says in one sentence why.

# Each library: the target that it gives, CMake's package for it, its Debian and Ubuntu package.
set(pixnerd_library_eigen Eigen3::Eigen Eigen3 libeigen3-dev)
set(pixnerd_library_threads Threads::Threads Threads libc6-dev)
set(pixnerd_library_json nlohmann_json::nlohmann_json nlohmann_json nlohmann-json3-dev)
set(pixnerd_library_zlib ZLIB::ZLIB ZLIB zlib1g-dev)
set(pixnerd_library_png PNG::PNG PNG libpng-dev)
set(pixnerd_library_jpeg JPEG::JPEG JPEG libjpeg-dev)
set(pixnerd_library_freetype Freetype::Freetype Freetype libfreetype-dev)
set(pixnerd_library_harfbuzz pixnerd::harfbuzz HarfBuzz libharfbuzz-dev)
set(pixnerd_library_zip pixnerd::zip libzip libzip-dev)
set(pixnerd_library_pcre2 pixnerd::pcre2 PCRE2 libpcre2-dev)
set(pixnerd_library_utf8proc pixnerd::utf8proc utf8proc libutf8proc-dev)
# The runtime is linked as nvcc does it by default; neither library needs the driver before it is used.
set(pixnerd_library_cudart CUDA::cudart_static CUDAToolkit cuda-toolkit)
set(pixnerd_library_cublaslt CUDA::cublasLt CUDAToolkit cuda-toolkit)

# HarfBuzz, PCRE2 and utf8proc have no find module in CMake, and their own package files are not shipped everywhere; that of libzip wants programs that
# Debian ships apart from it.
function(pixnerd_find_plainly target package header library)
  if(CMAKE_DISABLE_FIND_PACKAGE_${package})
    return()
  endif()
  find_path(PIXNERD_${package}_INCLUDE_DIR ${header} PATH_SUFFIXES ${library})
  find_library(PIXNERD_${package}_LIBRARY ${library})
  mark_as_advanced(PIXNERD_${package}_INCLUDE_DIR PIXNERD_${package}_LIBRARY)
  if(PIXNERD_${package}_INCLUDE_DIR AND PIXNERD_${package}_LIBRARY)
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(
      ${target} PROPERTIES IMPORTED_LOCATION "${PIXNERD_${package}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                             "${PIXNERD_${package}_INCLUDE_DIR}")
  endif()
endfunction()

# Finds the given libraries; sets `out` to a sentence for each that is missing, empty if all are there. `who` needs them.
function(pixnerd_find_libraries out who)
  set(missing "")
  foreach(library IN LISTS ARGN)
    list(GET pixnerd_library_${library} 0 target)
    list(GET pixnerd_library_${library} 1 package)
    list(GET pixnerd_library_${library} 2 debian)
    if(TARGET ${target})
      continue()
    elseif(library STREQUAL "harfbuzz")
      pixnerd_find_plainly(${target} ${package} hb.h harfbuzz)
    elseif(library STREQUAL "zip")
      pixnerd_find_plainly(${target} ${package} zip.h zip)
    elseif(library STREQUAL "pcre2")
      pixnerd_find_plainly(${target} ${package} pcre2.h pcre2-8)
    elseif(library STREQUAL "utf8proc")
      pixnerd_find_plainly(${target} ${package} utf8proc.h utf8proc)
    else()
      find_package(${package} QUIET)
    endif()
    if(TARGET ${target} AND PIXNERD_GLOBAL_TARGETS)
      set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
      if(TARGET ${target}_deps) # of cudart
        set_target_properties(${target}_deps PROPERTIES IMPORTED_GLOBAL TRUE)
      endif()
    elseif(NOT TARGET ${target} AND NOT missing MATCHES "needs ${package},")
      string(APPEND missing "${who} needs ${package}, which was not found "
             "(on Debian and Ubuntu: apt-get install ${debian}). ")
    endif()
  endforeach()
  string(STRIP "${missing}" missing)
  set(${out} "${missing}" PARENT_SCOPE)
endfunction()

# pixnerd_component(NAME [USES component...] [NEEDS library...]): makes pixnerd::NAME if all that it builds on is there.
function(pixnerd_component component)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;NEEDS")
  pixnerd_find_libraries(missing "pixnerd's component ${component}" ${arg_NEEDS})
  foreach(used IN LISTS arg_USES)
    if(pixnerd_${used}_MISSING)
      string(APPEND missing " pixnerd's component ${component} builds on ${used}: ${pixnerd_${used}_MISSING}")
    endif()
  endforeach()
  string(STRIP "${missing}" missing)
  set(pixnerd_${component}_MISSING "${missing}" PARENT_SCOPE)
  if(missing OR TARGET pixnerd::${component})
    return()
  endif()
  if(PIXNERD_GLOBAL_TARGETS)
    add_library(pixnerd::${component} INTERFACE IMPORTED GLOBAL)
  else()
    add_library(pixnerd::${component} INTERFACE IMPORTED)
  endif()
  target_link_libraries(pixnerd::${component} INTERFACE pixnerd::pixnerd)
  foreach(used IN LISTS arg_USES)
    target_link_libraries(pixnerd::${component} INTERFACE pixnerd::${used})
  endforeach()
  foreach(library IN LISTS arg_NEEDS)
    list(GET pixnerd_library_${library} 0 target)
    target_link_libraries(pixnerd::${component} INTERFACE ${target})
  endforeach()
endfunction()

pixnerd_find_libraries(pixnerd_core_MISSING pixnerd eigen threads)
if(pixnerd_core_MISSING)
  set(pixnerd_FOUND FALSE)
  set(pixnerd_NOT_FOUND_MESSAGE "${pixnerd_core_MISSING}")
  return()
endif()
if(NOT TARGET pixnerd::pixnerd)
  include("${CMAKE_CURRENT_LIST_DIR}/pixnerd-targets.cmake")
endif()

set(pixnerd_components io image data train torch tokenizer cuda)
pixnerd_component(io NEEDS json zlib)
pixnerd_component(image NEEDS zlib png jpeg)
pixnerd_component(data USES io image NEEDS freetype harfbuzz)
pixnerd_component(train USES io)
pixnerd_component(torch USES io NEEDS zip)
pixnerd_component(tokenizer USES io NEEDS pcre2 utf8proc)
pixnerd_component(cuda NEEDS cudart cublaslt)

# What find_package was asked for; in the source tree nothing is asked for.
foreach(component IN LISTS pixnerd_FIND_COMPONENTS)
  if(TARGET pixnerd::${component})
    set(pixnerd_${component}_FOUND TRUE)
  else()
    set(pixnerd_${component}_FOUND FALSE)
    if(pixnerd_FIND_REQUIRED_${component})
      set(pixnerd_FOUND FALSE)
      if(component IN_LIST pixnerd_components)
        set(pixnerd_NOT_FOUND_MESSAGE "${pixnerd_${component}_MISSING}")
      else()
        string(REPLACE ";" ", " names "${pixnerd_components}")
        set(pixnerd_NOT_FOUND_MESSAGE "pixnerd has no component ${component}; it has ${names}.")
      endif()
      return()
    endif()
  endif()
endforeach()
