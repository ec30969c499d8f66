// SPDX-License-Identifier: MIT
/// \file
/// A text-to-image model joined with its conditioner.
#pragma once

#include <cstdint>
#include <utility>

#include <pixnerd/conditioning/conditioner.hpp>
#include <pixnerd/diffusion/velocity_field.hpp>

namespace pixnerd {

/// A text-to-image model and its conditioner, trained and saved as one: forward(x, t, condition, tap) is the
/// model's with the conditioner's features. The model's parameters keep their names; the conditioner's begin
/// with "conditioner.".
template <class Model, class AConditioner>
class ConditionedModel {
 public:
  using W = typename Model::W;
  using Condition = typename AConditioner::Condition;
  using Device = typename Condition::device_type;
  static_assert(Conditioner<AConditioner, W, Device>,
                "a conditioner has a Condition, is callable with one, and has null_condition(batch)");

  ConditionedModel(Model model, AConditioner conditioner)
      : model_(std::move(model)), conditioner_(std::move(conditioner)) {}

  const Model& model() const { return model_; }
  const AConditioner& conditioner() const { return conditioner_; }

  Condition null_condition(std::int64_t batch) const { return conditioner_.null_condition(batch); }

  const auto& config() const { return model_.config(); }
  const auto& decoder_patch() const { return model_.decoder_patch(); }

  /// See PixnerdT2i::decoded_at().
  ConditionedModel decoded_at(const auto& scale) const { return {model_.decoded_at(scale), conditioner_}; }

  /// x (B, C, H, W), t (B), condition of B images -> velocity (B, C, H, W). Throws what the two throw.
  template <class Tap = NoTap>
  Tensor<W, Device> forward(const Tensor<W, Device>& x, const Tensor<W, Device>& t,
                            const Condition& condition, Tap&& tap = {}) const {
    return model_.forward(x, t, conditioner_(condition), std::forward<Tap>(tap));
  }

  static void visit(auto& self, auto&& visitor) {
    Model::visit(self.model_, visitor);
    visitor("conditioner", self.conditioner_);
  }

 private:
  Model model_;
  AConditioner conditioner_;
};

}  // namespace pixnerd
