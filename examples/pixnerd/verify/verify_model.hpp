// SPDX-License-Identifier: MIT
/// \file
/// The class-conditional model against a reference file: velocity, loss and every gradient.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

#include <pixnerd/zoo/model_prefixes.hpp>
#include <pixnerd/zoo/registry.hpp>
#include "verify/reference_file.hpp"
#include "verify/tolerances.hpp"

namespace pixnerd::program {

/// Compares what a model's forward and backward gave with out.{v, loss}, grad_in.x and the grad.NAME of every
/// parameter.
template <class Model, class Policy, class T, class Device>
void compare_model(Comparison& comparison, const ReferenceFile& reference,
                   const Tolerances<Policy>& tolerances, const Model& model, const Tensor<T, Device>& v,
                   const Tensor<T, Device>& loss, const Tensor<T, Device>& x) {
  reference.compare(comparison, "out.v", v, tolerances.forward());
  reference.compare(comparison, "out.loss", loss.reshape(reference.file().entry("out.loss").shape),
                    tolerances.forward());
  reference.compare(comparison, "grad_in.x", grad(x), tolerances.gradient("grad_in.x"));
  for_each_parameter(model, [&](const std::string& name, const auto& parameter) {
    reference.compare(comparison, "grad." + name, grad(parameter), tolerances.gradient("grad." + name));
  });
}

/// The file holds in.{x, t, y, target}, out.{v, loss}, param.NAME, and the gradients of the loss,
/// mean((v - target)^2): grad.NAME and grad_in.x.
template <class Policy>
Comparison verify_model(const ReferenceFile& reference) {
  using Device = typename Policy::Device;
  Comparison comparison;
  const Tolerances<Policy> tolerances(reference.path());
  const auto model = load_pixnerd_c2i<Policy>(reference.file(), "param");
  auto x = reference.tensor<float, Device>("in.x");
  require_grad(x);
  Tape tape;
  const auto v = model.forward(x, reference.tensor<float, Device>("in.t"),
                               reference.tensor<std::int64_t, Device>("in.y"));
  const auto loss = mean_squared_error(v, reference.tensor<float, Device>("in.target"));
  tape.backward(loss);

  compare_model(comparison, reference, tolerances, model, v, loss, x);
  return comparison;
}

}  // namespace pixnerd::program
