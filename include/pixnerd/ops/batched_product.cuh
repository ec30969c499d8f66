// SPDX-License-Identifier: MIT
/// \file
/// Products of many pairs of matrices on the GPU.
#pragma once

#include <pixnerd/ops/batched_product.hpp>
#include <pixnerd/ops/cuda/product.cuh>

namespace pixnerd {

/// One call of cuBLASLt for the whole batch.
template <>
struct BatchedProductKernel<Cuda> {
  template <class T>
  static void run(std::int64_t batch, std::int64_t rows, std::int64_t columns, std::int64_t inner, const T* a,
                  bool transpose_a, const T* b, bool transpose_b, T* c, bool add) {
    cuda_product<T, T>("batched_product", {rows, columns, inner, batch},
                       {a, transpose_a ? rows : inner, transpose_a, rows * inner},
                       {b, transpose_b ? inner : columns, transpose_b, inner * columns},
                       {c, columns, add, rows * columns});
  }
};

}  // namespace pixnerd
