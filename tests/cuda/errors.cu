// SPDX-License-Identifier: MIT
// What goes wrong on a GPU is an exception that says where, and the library goes on afterwards.
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/silu.cuh>
#include <pixnerd/tensor/tensor.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_errors)

namespace {

__global__ void count_threads(int* count) {
  atomicAdd(count, 1);
}

/// The library still works.
void check_alive() {
  const auto x = Tensor<float, Cuda>::full({1000}, 0.5f);
  BOOST_TEST(silu(x).to_host()[999] == silu_value(0.5f), boost::test_tools::tolerance(1e-5f));
}

auto says(std::vector<std::string> parts) {
  return [parts = std::move(parts)](const std::exception& error) {
    const std::string what = error.what();
    for (const auto& part : parts) {
      if (what.find(part) == std::string::npos) {
        BOOST_TEST_MESSAGE("no \"" << part << "\" in: " << what);
        return false;
      }
    }
    return true;
  };
}

}  // namespace

BOOST_AUTO_TEST_CASE(more_memory_than_the_gpu_has) {
  auto& pool = MemoryPool<Cuda>::instance();
  const auto kept = Tensor<float, Cuda>::full({1000}, 2.0f);
  const auto before = pool.statistics();
  const std::size_t bytes = cuda_device_info(0).memory * 2;
  BOOST_CHECK_EXCEPTION(allocate_bytes<Cuda>(bytes), OutOfMemory,
                        says({str_cat("[cuda memory] expected ", bytes, " bytes, got none: the pool holds "),
                              str_cat(before.in_use, " of them in use"), "bytes free"}));
  BOOST_CHECK_THROW(allocate_bytes<Cuda>(std::size_t{1} << 62), OutOfMemory);
  BOOST_TEST(pool.statistics().in_use == before.in_use);
  BOOST_TEST((kept.to_host() == std::vector<float>(1000, 2.0f)));
  check_alive();
}

BOOST_AUTO_TEST_CASE(a_launch_that_the_gpu_refuses) {
  const auto count = Tensor<int, Cuda>::zeros({1});
  BOOST_CHECK_EXCEPTION(launch("too many threads", count_threads, 1, 2048, 0, count.data()), CudaError,
                        says({"[too many threads] expected a GPU that does this, got cudaError"}));
  BOOST_CHECK_EXCEPTION(launch("too much shared memory", count_threads, 1, 32, 400 * 1024, count.data()),
                        CudaError, says({"[too much shared memory]"}));
  // The failure is not blamed on what comes next, and no work is no launch.
  launch("none", count_threads, 0, 32, 0, count.data());
  launch("some", count_threads, 3, 32, 0, count.data());
  BOOST_TEST(count.item() == 96);
  BOOST_CHECK_THROW(blocks_for(std::int64_t{1} << 40, 1), ShapeError);
  check_alive();
}

BOOST_AUTO_TEST_CASE(a_gpu_that_is_not_there) {
  const int count = cuda_device_count();
  for (const int index : {99, -1, count}) {
    BOOST_CHECK_EXCEPTION(use_cuda_device(index), ValueError,
                          says({str_cat("[cuda] expected a GPU from 0 to ", count - 1, ", got ", index)}));
  }
  check_alive();
  use_cuda_device(detail::CudaContext::instance().index());  // the one in use
  BOOST_TEST(!cuda_device_info(0).name.empty());
  BOOST_TEST(cuda_free_memory(0) <= cuda_device_info(0).memory);
}

BOOST_AUTO_TEST_CASE(copies_between_host_and_gpu_cannot_be_captured) {
  const auto x = Tensor<float, Cuda>::full({4}, 1.0f), y = Tensor<float, Cuda>::full({4}, 2.0f);
  const std::vector<float> host(4);
  cudaGraph_t graph = nullptr;
  PIXNERD_CUDA_CHECK("test", cudaStreamBeginCapture(cuda_stream(), cudaStreamCaptureModeThreadLocal));
  BOOST_TEST(cuda_is_capturing());
  const auto expected = says({"expected work that stays on the GPU", "got a copy between it and the host"});
  BOOST_CHECK_EXCEPTION(MemoryTransfer<Cuda>::from_host(x.data(), host.data(), 16), CudaError, expected);
  BOOST_CHECK_EXCEPTION(x.to_host(), CudaError, expected);
  BOOST_CHECK_EXCEPTION(x.rows(0, 1).item(), CudaError, expected);
  // The capture is still good.
  copy_into(x, y);
  PIXNERD_CUDA_CHECK("test", cudaStreamEndCapture(cuda_stream(), &graph));
  PIXNERD_CUDA_CHECK("test", cudaGraphDestroy(graph));
  BOOST_TEST(!cuda_is_capturing());
  BOOST_TEST((x.to_host() == std::vector<float>(4, 1.0f)));
  check_alive();
}

#if !defined(__CUDACC__)

// What a real GPU does only when it is broken, or for ever after.

namespace {

__global__ void write_beyond_shared_memory() {
  dynamic_shared<int>()[threadIdx.x + 1] = 1;
}

__global__ void leave_some_at_a_barrier() {
  if (threadIdx.x == 0) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_kernel_that_fails) {
  BOOST_CHECK_EXCEPTION(launch("bad kernel", write_beyond_shared_memory, 1, 32, 32 * sizeof(int)), CudaError,
                        says({"[bad kernel]", "cudaErrorLaunchFailure", "beyond the end of shared memory"}));
  check_alive();
  BOOST_CHECK_EXCEPTION(launch("deadlock", leave_some_at_a_barrier, 1, 64, 0), CudaError,
                        says({"[deadlock]", "wait at a barrier that others never reach"}));
  check_alive();
}

BOOST_AUTO_TEST_CASE(memory_in_the_cache_is_given_up_before_memory_runs_out) {
  auto& pool = MemoryPool<Cuda>::instance();
  pool.set_caching(true);
  pool.trim();
  const auto before = pool.statistics();
  (void)allocate_bytes<Cuda>(1 << 20);
  BOOST_TEST(pool.statistics().held == before.held + (1 << 20));
  emulation::Gpu::instance().fail_allocation = 0;
  const auto block = allocate_bytes<Cuda>(1 << 21);
  BOOST_TEST(pool.statistics().held == before.held + (1 << 21));
  pool.set_caching(std::getenv("PIXNERD_TEST_EXACT_MEMORY") == nullptr);
}

BOOST_AUTO_TEST_CASE(no_gpu) {
  auto& gpu = emulation::Gpu::instance();
  gpu.devices = 0;
  BOOST_TEST(cuda_device_count() == 0);
  BOOST_CHECK_EXCEPTION(use_cuda_device(0), ValueError, says({"[cuda] expected a GPU, got none"}));
  detail::CudaContext unused;
  BOOST_CHECK_EXCEPTION(unused.stream(), CudaError, says({"[cuda] expected a GPU and its driver, got none"}));
  gpu.devices = 2;
  BOOST_CHECK_EXCEPTION(use_cuda_device(1), Error,
                        says({"[cuda] expected work on GPU 0, which is in use, got GPU 1"}));
  gpu.devices = 1;
  check_alive();
}

#endif

BOOST_AUTO_TEST_SUITE_END()
