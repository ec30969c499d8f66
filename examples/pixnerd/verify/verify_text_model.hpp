// SPDX-License-Identifier: MIT
/// \file
/// The text-to-image model against a reference file: velocity, loss and every gradient.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>
#include <pixnerd/zoo/t2i_file.hpp>

#include "verify/reference_file.hpp"
#include "verify/tolerances.hpp"
#include "verify/verify_model.hpp"

namespace pixnerd::program {

/// The file holds in.{x, t, y, target}, out.{v, loss}, param.NAME, and the gradients of the loss,
/// mean((v - target)^2): grad.NAME, grad_in.x and grad_in.y; its configuration the decoder's scale.
template <class Policy>
Comparison verify_text_model(const ReferenceFile& reference) {
  using Device = typename Policy::Device;
  const auto scale = [&](const char* key) {
    return config_number(reference, reference.config(), key, 1e-3, 1e3);
  };
  Comparison comparison;
  const Tolerances<Policy> tolerances(reference.path());
  const auto whole = load_pixnerd_t2i<Policy>(reference.file(), "param");
  const auto model = whole.decoded_at({scale("decoder_patch_scaling_h"), scale("decoder_patch_scaling_w")});
  auto x = reference.tensor<float, Device>("in.x"), y = reference.tensor<float, Device>("in.y");
  require_grad(x);
  require_grad(y);
  Tape tape;
  const auto v = model.forward(x, reference.tensor<float, Device>("in.t"), y);
  const auto loss = mean_squared_error(v, reference.tensor<float, Device>("in.target"));
  tape.backward(loss);

  compare_model(comparison, reference, tolerances, whole, v, loss, x);
  reference.compare(comparison, "grad_in.y", grad(y), tolerances.gradient("grad_in.y"));
  return comparison;
}

}  // namespace pixnerd::program
