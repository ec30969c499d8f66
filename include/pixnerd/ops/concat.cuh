// SPDX-License-Identifier: MIT
/// \file
/// Joining tensors along an axis on the GPU: one copy of rows per part.
#pragma once

#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/cuda/copy.cuh>

namespace pixnerd {

template <>
struct ConcatKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                      const T* part, T* whole) {
    cuda_copy_rows<T>("concat", rows, width, part, {0, width}, {whole}, {first, whole_width});
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                       const T* grad_whole, GradTarget<T> grad_part) {
    cuda_copy_rows<T>("concat", rows, width, grad_whole, {first, whole_width}, grad_part, {0, width});
  }
};

}  // namespace pixnerd
