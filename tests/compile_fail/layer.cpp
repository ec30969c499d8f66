// SPDX-License-Identifier: MIT
// A part of a Sequential that names no parameters is no layer.
// expect: every part of a Sequential must be callable with a tensor, return one of the same type, and have a static visit
#include <pixnerd/nn/sequential.hpp>

using namespace pixnerd;

struct Twice {
  Tensor<float> operator()(const Tensor<float>& x) const { return x; }
#ifndef PIXNERD_FAIL
  static void visit(auto&, auto&&) {}
#endif
};

Tensor<float> apply(const Tensor<float>& x) {
  return Sequential(Twice{}, Twice{})(x);
}
