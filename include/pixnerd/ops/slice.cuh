// SPDX-License-Identifier: MIT
/// \file
/// Cutting a range out of a tensor on the GPU.
#pragma once

#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/ops/cuda/copy.cuh>
#include <pixnerd/ops/slice.hpp>

namespace pixnerd {

template <>
struct SliceKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                      const T* whole, T* part) {
    cuda_copy_rows<T>("slice", rows, width, whole, {first, whole_width}, {part}, {0, width});
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                       const T* grad_part, GradTarget<T> grad_whole) {
    if (!grad_whole.add) {
      MemoryTransfer<Cuda>::zero(grad_whole.data, static_cast<std::size_t>(rows * whole_width) * sizeof(T));
    }
    cuda_copy_rows<T>("slice", rows, width, grad_part, {0, width}, grad_whole, {first, whole_width});
  }
};

}  // namespace pixnerd
