/// \file
/// Cutting a tensor into equal parts on the GPU: a copy of rows for every part.
#pragma once

#include <pixnerd/ops/cuda_copy.cuh>
#include <pixnerd/ops/split.hpp>

namespace pixnerd {

template <>
struct split_kernel<Cuda> {
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                      const T* whole, T* part) {
    cuda_copy_rows<T>("split", rows, width, whole, {first, whole_width}, {part}, {0, width});
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                       const T* grad_part, GradTarget<T> grad_whole) {
    cuda_copy_rows<T>("split", rows, width, grad_part, {0, width}, grad_whole, {first, whole_width});
  }
};

}  // namespace pixnerd
