# SPDX-License-Identifier: MIT
# Whether this project's own programs get CUDA code: sets PIXNERD_USES_CUDA and says in one line what was chosen and why.
# Whoever has no CUDA Toolkit needs nothing of this.
set(PIXNERD_USES_CUDA FALSE)
if(NOT PIXNERD_CUDA)
  message(STATUS "pixnerd: CUDA code is left out: PIXNERD_CUDA is ${PIXNERD_CUDA}")
  return()
endif()

# nvcc is often installed where PATH does not lead.
if(NOT CMAKE_CUDA_COMPILER AND "$ENV{CUDACXX}" STREQUAL "")
  find_program(PIXNERD_NVCC nvcc HINTS "$ENV{CUDA_PATH}/bin" /usr/local/cuda/bin)
  mark_as_advanced(PIXNERD_NVCC)
  if(PIXNERD_NVCC)
    set(ENV{CUDACXX} "${PIXNERD_NVCC}")
  endif()
endif()
# Both compilers see the same templates: the same C++ compiler works behind both.
if(NOT CMAKE_CUDA_HOST_COMPILER AND "$ENV{CUDAHOSTCXX}" STREQUAL "")
  set(CMAKE_CUDA_HOST_COMPILER "${CMAKE_CXX_COMPILER}" CACHE FILEPATH "The C++ compiler behind nvcc")
endif()

set(missing "${pixnerd_cuda_MISSING}")
if(NOT missing)
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(missing "no nvcc was found that compiles with ${CMAKE_CXX_COMPILER}")
  endif()
endif()
if(missing)
  if(PIXNERD_CUDA STREQUAL "AUTO")
    message(STATUS "pixnerd: CUDA code is left out: ${missing}")
    return()
  endif()
  message(FATAL_ERROR "PIXNERD_CUDA is ${PIXNERD_CUDA}, but ${missing}")
endif()

# A100, RTX 30, RTX 40 and L40, H100; newer GPUs compile the last one's PTX when a program first runs on them.
set(CMAKE_CUDA_ARCHITECTURES "80-real;86-real;89-real;90" CACHE STRING "GPUs that CUDA code is compiled for")
enable_language(CUDA)
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION) # CMake 3.25 and older do not know that nvcc 12 and newer have it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
endif()
if(PIXNERD_QUICK_BUILD)
  if(EXISTS /dev/nvidiactl OR EXISTS /dev/nvhost-gpu OR EXISTS /dev/dxg) # a driver: Linux, Jetson, Linux below Windows
    set(CMAKE_CUDA_FLAGS_RELEASE "-O2 -DNDEBUG") # of what runs on the CPU, fused as in kernels, which are optimized always
  else()
    set(CMAKE_CUDA_FLAGS_RELEASE "-O0 -Xptxas=-O0 -DNDEBUG") # it has to compile, and no more
  endif()
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
# Programs find cuBLASLt where they were linked to it, also where the system's linker does not know it.
get_target_property(library CUDA::cublasLt IMPORTED_LOCATION)
cmake_path(GET library PARENT_PATH library)
list(APPEND CMAKE_BUILD_RPATH "${library}")
list(APPEND CMAKE_INSTALL_RPATH "${library}")
set(PIXNERD_USES_CUDA TRUE)
list(JOIN CMAKE_CUDA_ARCHITECTURES " " architectures)
message(STATUS "pixnerd: CUDA code is built: nvcc ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${architectures}")
