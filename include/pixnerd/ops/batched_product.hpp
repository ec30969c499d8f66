// SPDX-License-Identifier: MIT
/// \file
/// Products of many pairs of matrices.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/product.hpp>
#include <pixnerd/ops/cpu/wide.hpp>

namespace pixnerd {

template <class Device>
struct BatchedProductKernel : MissingKernel<Device> {};

template <>
struct BatchedProductKernel<Cpu> {
  /// c_n (rows x columns) = a_n (rows x inner) * b_n (inner x columns), or += when `add`. A transposed
  /// operand is stored as its transpose.
  template <class T>
  static void run(std::int64_t batch, std::int64_t rows, std::int64_t columns, std::int64_t inner, const T* a,
                  bool transpose_a, const T* b, bool transpose_b, T* c, bool add) {
    using W = wide_t<T>;
    const WideInput<T> wide_a(a, batch * rows * inner), wide_b(b, batch * inner * columns);
    const WideOutput<T> wide_c({c, add}, batch * rows * columns);
    parallel_for(batch, [&](std::int64_t n) {
      product_tile<W>(rows, columns, inner,
                      {wide_a.data() + n * rows * inner, transpose_a ? rows : inner, transpose_a},
                      {wide_b.data() + n * inner * columns, transpose_b ? inner : columns, transpose_b},
                      wide_c.data() + n * rows * columns, columns, wide_c.target().add);
    });
    wide_c.store();
  }
};

/// Multiplies pairs of matrices: y_n = a_n b_n. a (N, m, k), b (N, k, n) -> y (N, m, n). Saves a and b.
/// Throws ShapeError when the sizes do not fit.
template <class T, class Device>
Tensor<T, Device> batched_product(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  if (a.rank() != 3 || b.rank() != 3 || a.size(0) != b.size(0) || a.size(2) != b.size(1)) {
    raise<ShapeError>("batched_product", "a (N, m, k) and b (N, k, n)",
                      str_cat("a ", a.shape(), " and b ", b.shape()));
  }
  const std::int64_t batch = a.size(0), rows = a.size(1), inner = a.size(2), columns = b.size(2);
  Tensor<T, Device> y({batch, rows, columns});
  using kernel = BatchedProductKernel<Device>;
  kernel::run(batch, rows, columns, inner, a.data(), false, b.data(), false, y.data(), false);
  if (needs_grad(a, b)) {
    record(y, [=](const Tensor<T, Device>& grad_y) {
      if (const auto grad_a = grad_target<T>(a.slot())) {
        kernel::run(batch, rows, inner, columns, grad_y.data(), false, b.data(), true, grad_a.data,
                    grad_a.add);
      }
      if (const auto grad_b = grad_target<T>(b.slot())) {
        kernel::run(batch, inner, columns, rows, a.data(), true, grad_y.data(), false, grad_b.data,
                    grad_b.add);
      }
    });
  }
  return y;
}

}  // namespace pixnerd
