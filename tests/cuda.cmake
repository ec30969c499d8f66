# SPDX-License-Identifier: MIT
# Tests of the GPU's code. Every tests/cuda/NAME.cu is one test cuda_emulated/NAME, compiled by the C++ compiler and run on
# the CPU by tests/emulation, and, where nvcc is, one test cuda/NAME, which needs a GPU and is skipped without one.
file(GLOB cuda_sources CONFIGURE_DEPENDS cuda/*.cu)
# What some need beside the core.
set(needed_by_dinov2 torch)
set(needed_by_qwen3 torch)
set(needed_by_qwen3_text tokenizer)
set(needed_by_reference torch)
set(needed_by_train_resume train)
foreach(source IN LISTS cuda_sources)
  cmake_path(GET source STEM name)
  set(missing ${needed_by_${name}})
  list(REMOVE_ITEM missing ${pixnerd_usable_components})
  if(missing)
    message(STATUS "pixnerd: left out: tests/cuda/${name}.cu, which needs the component ${missing}")
    list(REMOVE_ITEM cuda_sources "${source}")
  endif()
endforeach()

# Registers each file of a test program as the test SUITE/NAME.
function(pixnerd_add_cuda_tests suite program)
  foreach(source IN LISTS cuda_sources)
    cmake_path(GET source STEM name)
    if(name MATCHES "^(main|all_kernels)$") # the second has to compile and no more
      continue()
    endif()
    pixnerd_suites_of("${source}" suites)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    add_test(NAME ${suite}/${name} COMMAND ${program} --run_test=${suites} --log_level=test_suite)
    set_tests_properties(${suite}/${name} PROPERTIES TIMEOUT 900 SKIP_REGULAR_EXPRESSION "skipped: no CUDA device")
  endforeach()
endfunction()

# A C++ file in the build folder that includes a CUDA file, behind further lines.
function(pixnerd_wrap_cuda_file source out)
  cmake_path(GET source STEM name)
  set(wrapper "${CMAKE_CURRENT_BINARY_DIR}/emulated/${name}.cpp")
  list(JOIN ARGN "\n" lines)
  file(CONFIGURE OUTPUT "${wrapper}" CONTENT "${lines}\n#include \"${source}\"\n" @ONLY)
  set(${out} "${wrapper}" PARENT_SCOPE)
endfunction()

# In emulation: the stand-ins for the CUDA runtime and for what only a GPU has come first among the included folders.
if(TARGET Boost::context)
  add_library(pixnerd_emulation_flags INTERFACE)
  target_include_directories(pixnerd_emulation_flags BEFORE INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/emulation")
  target_link_libraries(pixnerd_emulation_flags INTERFACE pixnerd_test_flags Boost::context)
  # Compiling takes longer than running.
  target_compile_options(pixnerd_emulation_flags INTERFACE -Wno-unknown-pragmas "$<$<CONFIG:Release>:-O1>")

  set(wrappers "")
  foreach(source IN LISTS cuda_sources)
    pixnerd_wrap_cuda_file("${source}" wrapper)
    list(APPEND wrappers "${wrapper}")
    if(source MATCHES "/main[.]cu$") # what it defines must come before any file of Boost.Test
      set_source_files_properties("${wrapper}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
  add_executable(test_cuda_emulated ${wrappers})
  target_link_libraries(test_cuda_emulated PRIVATE pixnerd_emulation_flags)
  pixnerd_join_files(test_cuda_emulated)
  pixnerd_add_cuda_tests(cuda_emulated test_cuda_emulated)
  pixnerd_add_cuda_tests(cuda_emulated_in_reverse test_cuda_emulated)
  foreach(source IN LISTS cuda_sources)
    cmake_path(GET source STEM name)
    if(TEST cuda_emulated/${name})
      set_tests_properties(cuda_emulated/${name} PROPERTIES ENVIRONMENT PIXNERD_TEST_EXACT_MEMORY=1)
      set_tests_properties(cuda_emulated_in_reverse/${name} PROPERTIES ENVIRONMENT PIXNERD_EMULATION_ORDER=reverse)
    endif()
  endforeach()

  pixnerd_wrap_cuda_file("${CMAKE_CURRENT_SOURCE_DIR}/two_units/device.cu" wrapper "#include <pixnerd/pixnerd.cuh>")
  add_executable(two_units_emulated two_units/host.cpp ${wrapper})
  target_link_libraries(two_units_emulated PRIVATE pixnerd_emulation_flags)
  add_test(NAME two_units/emulated COMMAND two_units_emulated)

  # The whole program on an emulated GPU.
  if(TARGET pixnerd_program)
    set(program "${PROJECT_SOURCE_DIR}/examples/pixnerd/run_cuda.cu")
    pixnerd_wrap_cuda_file("${program}" wrapper "#define __CUDACC_VER_MAJOR__ 0" "#define __CUDACC_VER_MINOR__ 0"
                           "#define __CUDA_ARCH_LIST__ 900")
    add_executable(pixnerd_emulated $<TARGET_OBJECTS:pixnerd_program> ${wrapper})
    target_link_libraries(pixnerd_emulated PRIVATE pixnerd_emulation_flags)
    add_test(NAME programs/emulated_gpu COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/checks/program_on_gpu.sh"
                                                $<TARGET_FILE:pixnerd_emulated>)
    set_tests_properties(programs/emulated_gpu PROPERTIES TIMEOUT 900)
  endif()
else()
  message(STATUS "pixnerd: left out: the GPU tests in emulation need Boost.Context, which was not found")
endif()

if(NOT PIXNERD_USES_CUDA)
  return()
endif()

# On the GPU.
set(units "${cuda_sources}")
if(PIXNERD_QUICK_BUILD) # by hand, since CMake's UNITY_BUILD joins CUDA files from version 3.31 on only
  list(FILTER units EXCLUDE REGEX "/main[.]cu$")
  list(LENGTH units last)
  math(EXPR last "${last} - 1")
  set(joined "${CMAKE_CURRENT_SOURCE_DIR}/cuda/main.cu")
  foreach(first RANGE 0 ${last} 16)
    list(SUBLIST units ${first} 16 some)
    list(TRANSFORM some REPLACE "(.+)" "#include \"\\1\"\n")
    list(JOIN some "" content)
    file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/joined/${first}.cu" CONTENT "${content}" @ONLY)
    list(APPEND joined "${CMAKE_CURRENT_BINARY_DIR}/joined/${first}.cu")
  endforeach()
  set(units "${joined}")
endif()
add_executable(test_cuda ${units})
target_link_libraries(test_cuda PRIVATE pixnerd_test_flags pixnerd::cuda)
pixnerd_add_cuda_tests(cuda test_cuda)

# A file of each compiler in one program: the library's templates must be the same in both.
add_executable(two_units two_units/host.cpp two_units/device.cu)
target_link_libraries(two_units PRIVATE pixnerd_test_flags pixnerd::cuda)
add_test(NAME two_units/nvcc COMMAND two_units)
