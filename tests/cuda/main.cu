// SPDX-License-Identifier: MIT
/// \file
/// The main function of the CUDA tests, on a GPU and in emulation.
#define BOOST_TEST_NO_MAIN
#define BOOST_TEST_MODULE pixnerd_cuda
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>

#include <pixnerd/cuda/memory.cuh>

int main(int count, char** arguments) {
  if (pixnerd::cuda_device_count() == 0) {
    std::puts("skipped: no CUDA device");
    return 0;
  }
  // Every tensor gets memory of its exact size, so that writing beyond an end is seen.
  if (std::getenv("PIXNERD_TEST_EXACT_MEMORY") != nullptr) {
    pixnerd::MemoryPool<pixnerd::Cuda>::instance().set_caching(false);
  }
  return boost::unit_test::unit_test_main(&init_unit_test, count, arguments);
}
