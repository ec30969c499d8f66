// SPDX-License-Identifier: MIT
/// \file
/// Matrix product with bias on the GPU.
#pragma once

#include <pixnerd/ops/cuda/product.cuh>
#include <pixnerd/ops/cuda/thin_contract.cuh>
#include <pixnerd/ops/linear.hpp>

namespace pixnerd {

/// cuBLASLt computes the products, with bias and bias gradient fused where it can. Layers with few inputs or
/// outputs and many rows, such as the neural field's head, are limited by memory and have kernels that touch
/// each wide row once.
template <>
struct LinearKernel<Cuda> {
  /// Y is T or wide_t<T>.
  template <class T, class Y>
  static void forward(std::int64_t rows, std::int64_t in, std::int64_t out, const T* x, const T* weight,
                      const T* bias, Y* y) {
    if constexpr (std::same_as<Y, T>) {
      if (is_thin(rows, in, out, x)) {
        ThinContraction<T> c{x, {weight, 1, in}, bias, {y}};
        thin_contract("linear", thin_sizes(rows, in, out), c);
        return;
      }
    }
    cuda_product<T, Y>("linear", {rows, out, in}, {x, in}, {weight, in, true}, {y, out}, bias);
  }

  template <class T>
  static void backward_x(std::int64_t rows, std::int64_t in, std::int64_t out, const T* weight,
                         const T* grad_y, GradTarget<T> grad_x) {
    if (is_thin(rows, in, out, grad_x.data)) {
      thin_expand<T>("linear", thin_sizes(rows, in, out), grad_y, {weight, 1, in}, nullptr, grad_x);
    } else {
      cuda_product<T, T>("linear", {rows, in, out}, {grad_y, out}, {weight, in},
                         {grad_x.data, in, grad_x.add});
    }
  }

  template <class T>
  static void backward_weight(std::int64_t rows, std::int64_t in, std::int64_t out, const T* x,
                              const T* grad_y, GradTarget<wide_t<T>> grad_weight) {
    using W = wide_t<T>;
    if (is_thin(rows, in, out, x)) {
      ThinContraction<T> c{x};
      c.thin = grad_y;
      c.value_sums = {grad_weight.data, 1, in};
      c.add_value_sums = grad_weight.add;
      thin_contract("linear", thin_sizes(rows, in, out), c);
    } else {
      cuda_product<T, W>("linear", {out, in, rows}, {grad_y, out, true}, {x, in},
                         {grad_weight.data, in, grad_weight.add});
    }
  }

  template <class T>
  static void backward_bias(std::int64_t rows, std::int64_t out, const T* grad_y,
                            GradTarget<wide_t<T>> grad_bias) {
    column_sums_of<T>("linear", rows, out, grad_y, grad_bias);
  }

  template <class T>
  static void backward_weight_and_bias(std::int64_t rows, std::int64_t in, std::int64_t out, const T* x,
                                       const T* grad_y, GradTarget<wide_t<T>> grad_weight,
                                       GradTarget<wide_t<T>> grad_bias) {
    if (is_thin(rows, in, out, x)) {
      backward_weight(rows, in, out, x, grad_y, grad_weight);
      backward_bias(rows, out, grad_y, grad_bias);
    } else {
      cuda_product_and_sums<T>("linear", {out, in, rows}, {grad_y, out, true}, {x, in},
                               {grad_weight.data, in, grad_weight.add}, grad_bias);
    }
  }

 private:
  /// 2 to 32 threads handle a wide row; the period is the rows of a block.
  static ThinSizes thin_sizes(std::int64_t rows, std::int64_t in, std::int64_t out) {
    return {rows, in, out, std::max<std::int64_t>(1, 2048 / in)};
  }

  template <class T>
  static bool is_thin(std::int64_t rows, std::int64_t in, std::int64_t out, const T* wide) {
    return rows >= 1024 && in > 0 && thin_contract_fits(thin_sizes(rows, in, out), wide);
  }
};

}  // namespace pixnerd
