// SPDX-License-Identifier: MIT
/// \file
/// Matrix product with bias: the affine map of a linear layer.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/cpu/product.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>
#include <pixnerd/ops/cpu/wide.hpp>

namespace pixnerd {

template <class Device>
struct LinearKernel : MissingKernel<Device> {};

template <>
struct LinearKernel<Cpu> {
  /// y (rows x out) = x (rows x in) * weight^T + bias; bias may be null. Y is T or wide_t<T>.
  template <class T, class Y>
  static void forward(std::int64_t rows, std::int64_t in, std::int64_t out, const T* x, const T* weight,
                      const T* bias, Y* y) {
    using W = wide_t<T>;
    const WideInput<T> wide_x(x, rows * in), wide_weight(weight, out * in), wide_bias(bias, out);
    const WideOutput<Y> wide_y({y}, rows * out);
    parallel_product<W>(rows, out, in, {wide_x.data(), in}, {wide_weight.data(), in, true}, wide_y.data(),
                        out, false, wide_bias.data());
    wide_y.store();
  }

  template <class T>
  static void backward_x(std::int64_t rows, std::int64_t in, std::int64_t out, const T* weight,
                         const T* grad_y, GradTarget<T> grad_x) {
    using W = wide_t<T>;
    const WideInput<T> wide_grad(grad_y, rows * out), wide_weight(weight, out * in);
    const WideOutput<T> sum(grad_x, rows * in);
    parallel_product<W>(rows, in, out, {wide_grad.data(), out}, {wide_weight.data(), in}, sum.data(), in,
                        sum.target().add);
    sum.store();
  }

  template <class T>
  static void backward_weight(std::int64_t rows, std::int64_t in, std::int64_t out, const T* x,
                              const T* grad_y, GradTarget<wide_t<T>> grad_weight) {
    using W = wide_t<T>;
    const WideInput<T> wide_grad(grad_y, rows * out), wide_x(x, rows * in);
    parallel_product<W>(out, in, rows, {wide_grad.data(), out, true}, {wide_x.data(), in}, grad_weight.data,
                        in, grad_weight.add);
  }

  template <class T>
  static void backward_bias(std::int64_t rows, std::int64_t out, const T* grad_y,
                            GradTarget<wide_t<T>> grad_bias) {
    using W = wide_t<T>;
    parallel_column_sums<W>(rows, out, 256, grad_bias, [=](std::int64_t begin, std::int64_t end, W* sums) {
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t j = 0; j < out; ++j) sums[j] += W(grad_y[i * out + j]);
      }
    });
  }

  /// Both at once, for devices where that is faster.
  template <class T>
  static void backward_weight_and_bias(std::int64_t rows, std::int64_t in, std::int64_t out, const T* x,
                                       const T* grad_y, GradTarget<wide_t<T>> grad_weight,
                                       GradTarget<wide_t<T>> grad_bias) {
    backward_weight(rows, in, out, x, grad_y, grad_weight);
    backward_bias(rows, out, grad_y, grad_bias);
  }
};

namespace detail {

/// linear() with a result of type Y.
template <class Y, class T, class Device>
Tensor<Y, Device> linear_as(const Tensor<T, Device>& x, const Tensor<T, Device>& weight,
                            const Tensor<T, Device>& bias) {
  if (x.rank() < 1 || weight.rank() != 2 || x.size(-1) != weight.size(1)) {
    raise<ShapeError>("linear", "x (..., in) and weight (out, in)",
                      str_cat("x ", x.shape(), " and weight ", weight.shape()));
  }
  const std::int64_t rows = x.shape().rows(), in = weight.size(1), out = weight.size(0);
  if (bias.defined() && !(bias.shape() == Shape{out})) {
    raise<ShapeError>("linear", str_cat("a bias of shape (", out, ")"), str_cat(bias.shape()));
  }
  Shape shape = x.shape();
  shape[-1] = out;
  Tensor<Y, Device> y(shape);  // (..., out)
  using kernel = LinearKernel<Device>;
  kernel::forward(rows, in, out, x.data(), weight.data(), bias.data(), y.data());
  if (needs_grad(x, weight, bias)) {
    record(y, [=, bias = bias.slot()](const Tensor<Y, Device>& grad_y) {
      const auto rounded = cast<T>(grad_y);
      const T* g = rounded.data();
      if (x.slot()) kernel::backward_x(rows, in, out, weight.data(), g, grad_target<T>(x.slot()));
      const auto grad_weight = grad_target<wide_t<T>>(weight.slot()),
                 grad_bias = grad_target<wide_t<T>>(bias);
      if (weight.slot() && bias) {
        kernel::backward_weight_and_bias(rows, in, out, x.data(), g, grad_weight, grad_bias);
      } else if (weight.slot()) {
        kernel::backward_weight(rows, in, out, x.data(), g, grad_weight);
      } else if (bias) {
        kernel::backward_bias(rows, out, g, grad_bias);
      }
    });
  }
  return y;
}

}  // namespace detail

/// Affine map: y = x weight^T + bias over the innermost axis.
/// x (..., in), weight (out, in), bias (out) or undefined -> y (..., out). Saves x and weight.
/// Throws ShapeError when the sizes do not fit.
template <class T, class Device>
Tensor<T, Device> linear(const Tensor<T, Device>& x, const Tensor<T, Device>& weight,
                         const Tensor<T, Device>& bias = {}) {
  return detail::linear_as<T>(x, weight, bias);
}

/// The same without rounding the sums: y is of type wide_t<T>. The gradient of y is rounded to T for the
/// products of backward.
template <class T, class Device>
Tensor<wide_t<T>, Device> wide_linear(const Tensor<T, Device>& x, const Tensor<T, Device>& weight,
                                      const Tensor<T, Device>& bias = {}) {
  return detail::linear_as<wide_t<T>>(x, weight, bias);
}

}  // namespace pixnerd
