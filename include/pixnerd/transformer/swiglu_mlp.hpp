/// \file
/// The gated MLP of a transformer block.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/swiglu.hpp>

namespace pixnerd {

/// y = w2(silu(w1 x) * w3 x), no biases. x (..., D) -> (..., D). The published hidden width is floor(2 * 4D /
/// 3).
template <class Device, class Precision = Full<float>>
struct SwigluMlp {
  using T = typename Precision::compute;

  Linear<Device, Precision> w1;
  Linear<Device, Precision> w2;
  Linear<Device, Precision> w3;

  SwigluMlp(std::int64_t width, Initializer& init) : SwigluMlp(width, 8 * width / 3, init) {}
  SwigluMlp(std::int64_t width, std::int64_t hidden, Initializer& init)
      : w1(width, hidden, init, false), w2(hidden, width, init, false), w3(width, hidden, init, false) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const { return w2(swiglu(w1(x), w3(x))); }

  static void visit(auto& self, auto&& visitor) {
    visitor("w1", self.w1);
    visitor("w2", self.w2);
    visitor("w3", self.w3);
  }
};

}  // namespace pixnerd
