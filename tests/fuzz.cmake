# SPDX-License-Identifier: MIT
# The short deterministic pass of the fuzz targets: every fuzz/NAME.cpp is a program without libFuzzer, always with
# sanitizers, and one test fuzz/NAME. tests/fuzz.sh runs them longer.
set(needed_by_fuzz io image data train torch tokenizer)
set(missing ${needed_by_fuzz})
list(REMOVE_ITEM missing ${pixnerd_usable_components})
include(CheckCXXSourceCompiles)
set(sanitizers -fsanitize=address,undefined)
set(CMAKE_REQUIRED_FLAGS ${sanitizers})
check_cxx_source_compiles("int main() {}" PIXNERD_HAS_SANITIZERS)
unset(CMAKE_REQUIRED_FLAGS)
if(missing OR NOT PIXNERD_HAS_SANITIZERS)
  list(JOIN missing " and " names)
  message(STATUS "pixnerd: left out: tests/fuzz, which need the compiler's sanitizers and the components ${needed_by_fuzz}")
  return()
endif()

add_library(pixnerd_fuzz_flags INTERFACE)
target_link_libraries(pixnerd_fuzz_flags INTERFACE pixnerd_everything)
target_compile_definitions(pixnerd_fuzz_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_compile_options(pixnerd_fuzz_flags INTERFACE -O1 -g1 ${sanitizers} -fno-sanitize-recover=all)
target_link_options(pixnerd_fuzz_flags INTERFACE ${sanitizers})
target_include_directories(pixnerd_fuzz_flags INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/examples"
                                                        "${PROJECT_SOURCE_DIR}/examples/pixnerd")
add_library(pixnerd_fuzz_main OBJECT fuzz/standalone.cpp)
target_link_libraries(pixnerd_fuzz_main PRIVATE pixnerd_fuzz_flags)

file(GLOB sources CONFIGURE_DEPENDS fuzz/*.cpp)
list(FILTER sources EXCLUDE REGEX "/standalone[.]cpp$")
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  add_executable(fuzz_${name} ${source})
  target_link_libraries(fuzz_${name} PRIVATE pixnerd_fuzz_flags pixnerd_fuzz_main)
  add_test(NAME fuzz/${name} COMMAND fuzz_${name} "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name}" 20000)
  set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 300)
endforeach()

# A target in which all that is wrong must be found.
add_executable(fuzz_finds checks/fuzz_finds.cpp)
target_link_libraries(fuzz_finds PRIVATE pixnerd_fuzz_flags pixnerd_fuzz_main)
add_test(NAME checks/fuzz_finds COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/checks/fuzz_finds.sh" $<TARGET_FILE:fuzz_finds>)
