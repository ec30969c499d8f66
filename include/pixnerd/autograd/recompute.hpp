// SPDX-License-Identifier: MIT
/// \file
/// Recomputing a segment in backward instead of saving what it needs (activation checkpointing).
#pragma once

#include <tuple>
#include <utility>

#include <pixnerd/autograd/tape.hpp>

namespace pixnerd {

/// Computes segment(inputs...) and saves only the inputs; backward runs the segment again on an inner tape.
/// The segment must compute the same values each time. Gradients of parameters that it uses are collected as
/// usual. Throws ValueError if the segment returns an input or a view of one. Source: Chen et al. 2016,
/// "Training deep nets with sublinear memory cost".
template <class Segment, class... Tensors>
auto recompute(Segment segment, const Tensors&... inputs) {
  auto output = [&] {
    const NoGrad no_grad;
    return segment(inputs...);
  }();
  if (Tape::current() == nullptr) return output;
  if (output.storage() && (... || (output.storage() == inputs.storage()))) {
    raise<ValueError>("recompute", "a segment that computes a new tensor", "one that returns its input");
  }
  output = output.detach();
  record(output, [segment = std::move(segment), saved = std::tuple(inputs...)](const auto& grad_output) {
    // The inputs keep their slots, so the inner tape contributes directly to the outer gradients.
    Tape tape;
    auto again = std::apply(segment, saved);
    if (again.slot()) tape.backward(again, grad_output);
  });
  return output;
}

}  // namespace pixnerd
