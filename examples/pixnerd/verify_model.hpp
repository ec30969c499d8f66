/// \file
/// The class-conditional model against a reference file: velocity, loss and every gradient.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

#include "model_file.hpp"
#include "reference_file.hpp"
#include "tolerances.hpp"

namespace pixnerd::program {

/// The file holds in.{x, t, y, target}, out.{v, loss}, param.NAME, and the gradients of the loss,
/// mean((v - target)^2): grad.NAME and grad_in.x.
template <class Device, class Precision>
Comparison verify_model(const ReferenceFile& reference) {
  Comparison comparison;
  const Tolerances<Precision> tolerances(reference.path());
  const auto model = load_model<Device, Precision>(reference.file(), "param");
  auto x = reference.tensor<float, Device>("in.x");
  require_grad(x);
  Tape tape;
  const auto v = model.forward(x, reference.tensor<float, Device>("in.t"),
                               reference.tensor<std::int64_t, Device>("in.y"));
  const auto loss = mean_squared_error(v, reference.tensor<float, Device>("in.target"));
  tape.backward(loss);

  reference.compare(comparison, "out.v", v, tolerances.forward());
  reference.compare(comparison, "out.loss", loss.reshape(reference.file().entry("out.loss").shape),
                    tolerances.forward());
  reference.compare(comparison, "grad_in.x", grad(x), tolerances.gradient("grad_in.x"));
  for_each_parameter(model, [&](const std::string& name, const auto& parameter) {
    reference.compare(comparison, "grad." + name, grad(parameter), tolerances.gradient("grad." + name));
  });
  return comparison;
}

}  // namespace pixnerd::program
