// SPDX-License-Identifier: MIT
/// \file
/// Stands in for pixnerd/cuda/launch.cuh in emulation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include <pixnerd/cuda/stream.cuh>

namespace pixnerd {

template <class... Parameters, class... Arguments>
void launch(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments),
                "as many arguments as the kernel has parameters");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  (void)cuda_stream();
  const unsigned threads = block.x * block.y * block.z;
  if (threads == 0 || threads > 1024 || grid.y > 65535 || grid.z > 65535 || shared_bytes > 227 * 1024) {
    PIXNERD_CUDA_CHECK(op, emulation::Gpu::instance().fail(cudaErrorInvalidValue));
  }
  std::tuple<std::remove_cv_t<Parameters>...> values(std::forward<Arguments>(arguments)...);
  PIXNERD_CUDA_CHECK(op, emulation::Gpu::instance().submit([=] {
    emulation::run_grid(grid, block, shared_bytes, [&] { std::apply(kernel, values); });
  }));
}

template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(
      (reinterpret_cast<std::uintptr_t>(emulation::current_block->shared.data()) + 15) / 16 * 16);
}

inline unsigned blocks_for(std::int64_t count, std::int64_t each) {
  const std::int64_t blocks = (count + each - 1) / each;
  if (blocks > 0x7fffffff) raise<ShapeError>("cuda", "fewer than 2^31 blocks of work", str_cat(blocks));
  return static_cast<unsigned>(blocks);
}

}  // namespace pixnerd
