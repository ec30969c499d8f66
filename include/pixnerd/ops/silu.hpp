/// \file
/// SiLU activation.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/math.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

template <class Device>
struct SiluKernel : MissingKernel<Device> {};

template <>
struct SiluKernel<Cpu> {
  static constexpr std::int64_t grain = 8192;

  template <class T>
  static void forward(std::int64_t count, const T* x, T* y) {
    using W = wide_t<T>;
    parallel_ranges(count, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<T>(silu_value(W(x[i])));
    });
  }

  template <class T>
  static void backward(std::int64_t count, const T* x, const T* grad_y, GradTarget<T> grad_x) {
    using W = wide_t<T>;
    parallel_ranges(count, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        grad_x.put(i, static_cast<T>(W(grad_y[i]) * silu_slope(W(x[i]))));
    });
  }
};

/// y = x / (1 + e^-x), elementwise, any shape. Saves x.
template <class T, class Device>
Tensor<T, Device> silu(const Tensor<T, Device>& x) {
  Tensor<T, Device> y(x.shape());
  SiluKernel<Device>::forward(x.count(), x.data(), y.data());
  if (needs_grad(x)) {
    record(y, [x](const Tensor<T, Device>& grad_y) {
      SiluKernel<Device>::backward(x.count(), x.data(), grad_y.data(), grad_target<T>(x.slot()));
    });
  }
  return y;
}

}  // namespace pixnerd
