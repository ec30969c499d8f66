// SPDX-License-Identifier: MIT
/// \file
/// Launching kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include <pixnerd/cuda/stream.cuh>

namespace pixnerd {

/// Starts kernel(arguments...) on the library's stream on behalf of an operation. An empty grid does nothing.
/// Throws CudaError, which names the operation, when the launch fails.
template <class... Parameters, class... Arguments>
void launch(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments),
                "as many arguments as the kernel has parameters");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const cudaStream_t stream = cuda_stream();
  std::tuple<std::remove_cv_t<Parameters>...> values(std::forward<Arguments>(arguments)...);
  const auto* function = reinterpret_cast<const void*>(kernel);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)...};
        // A kernel must opt in to more than 48 KiB of shared memory.
        if (shared_bytes > 48 * 1024) {
          PIXNERD_CUDA_CHECK(op, cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                      static_cast<int>(shared_bytes)));
        }
        PIXNERD_CUDA_CHECK(op, cudaLaunchKernel(function, grid, block, pointers, shared_bytes, stream));
      },
      values);
}

/// The dynamic shared memory of a block, aligned to 16 bytes.
template <class T>
__device__ inline T* dynamic_shared() {
  extern __shared__ uint4 pixnerd_dynamic_shared[];
  return reinterpret_cast<T*>(pixnerd_dynamic_shared);
}

/// The number of blocks that cover `count` with `each` per block, at most 2^31 - 1.
inline unsigned blocks_for(std::int64_t count, std::int64_t each) {
  const std::int64_t blocks = (count + each - 1) / each;
  if (blocks > 0x7fffffff) raise<ShapeError>("cuda", "fewer than 2^31 blocks of work", str_cat(blocks));
  return static_cast<unsigned>(blocks);
}

}  // namespace pixnerd
