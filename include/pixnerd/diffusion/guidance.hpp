// SPDX-License-Identifier: MIT
/// \file
/// Classifier-free guidance: a conditional model as a velocity field. Source: simple_guidance_fn and
/// c3_guidance_fn in guidance.py, MCG-NJU/PixNerd@6da060b.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include <pixnerd/diffusion/prediction.hpp>
#include <pixnerd/diffusion/velocity_field.hpp>
#include <pixnerd/ops/elementwise.hpp>

namespace pixnerd {

/// Which channels of the velocity are guided; the others follow the condition alone.
enum class GuidedChannels {
  all,
  first_three  ///< published as "c3"
};

/// How far and when to move away from what the model says without a condition.
struct Guidance {
  double scale = 1;  ///< g in v_null + g (v_condition - v_null); 1 is no guidance
  double lower = 0;  ///< guided only at times strictly above this …
  double upper = 1;  ///< … and strictly below this; elsewhere g is 1
  GuidedChannels channels = GuidedChannels::all;

  /// g at time t. Times are compared as the float32 numbers that models see, so that a step that falls on a
  /// bound is not moved across it by rounding.
  double scale_at(double t) const {
    const float time = static_cast<float>(t);
    return static_cast<float>(lower) < time && time < static_cast<float>(upper) ? scale : 1.0;
  }

  /// The same at every time, for solvers that the published code guides always: Heun's.
  Guidance at_all_times() const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {scale, -infinity, infinity, channels};
  }

  /// Throws ValueError unless the scale is finite and lower <= upper.
  void check() const {
    if (!std::isfinite(scale)) raise<ValueError>("guidance", "a finite scale", str_cat(scale));
    if (!(lower <= upper)) {
      raise<ValueError>("guidance", "an interval with lower <= upper", str_cat(lower, " to ", upper));
    }
  }
};

/// The batch of `first` followed by that of `second`, both (B, ...) -> (2 B, ...). Conditions are joined this
/// way; a condition that is no tensor needs an overload of its own.
template <class T, class Device>
Tensor<T, Device> join_batches(const Tensor<T, Device>& first, const Tensor<T, Device>& second) {
  if (first.rank() == 0 || !(first.shape() == second.shape())) {
    raise<ShapeError>("guidance", "two batches of the same shape",
                      str_cat(first.shape(), " and ", second.shape()));
  }
  // Plain copies: labels are no elements that concat(), which is differentiable, takes.
  const std::int64_t batch = first.size(0);
  Shape shape = first.shape();
  shape[0] = 2 * batch;
  Tensor<T, Device> out(shape);  // (2 B, ...)
  copy_into(out.rows(0, batch), first);
  copy_into(out.rows(batch, 2 * batch), second);
  return out;
}

/// The velocity field v_null + g (v_condition - v_null) of a model with forward(x, t, condition, tap), whose
/// outputs `prediction` turns into velocities on `path`. Both halves are one evaluation, of the batch [null,
/// condition]; where g is 1 only the conditional one is computed.
///
/// The model is referred to, not copied. A condition is whatever the model takes for a batch: labels (B),
/// say.
template <class Model, class Condition, Prediction Predicted = VelocityPrediction,
          ProbabilityPath Path = LinearPath>
class GuidedField {
 public:
  /// Throws ValueError for a bad Guidance, ShapeError when the conditions differ in shape.
  GuidedField(const Model& model, Condition condition, const Condition& null_condition,
              const Guidance& guidance = {}, const Predicted& prediction = {}, const Path& path = {})
      : model_(&model),
        condition_(std::move(condition)),
        guidance_(guidance),
        prediction_(prediction),
        path_(path) {
    guidance_.check();
    joined_ = join_batches(null_condition, condition_);
  }

  /// x (B, C, H, W) -> velocity (B, C, H, W).
  template <class T, class Device>
  Tensor<T, Device> operator()(const Tensor<T, Device>& x, double t) const {
    const double g = guidance_.scale_at(t);
    const std::int64_t batch = x.size(0);
    if (g == 1.0) return evaluate(x, t, condition_);
    const auto v = evaluate(join_batches(x, x), t, joined_);  // (2 B, C, H, W)
    const auto v_null = v.rows(0, batch), v_condition = v.rows(batch, 2 * batch);
    if (guidance_.channels == GuidedChannels::all) {
      return weighted_sum<T, Device>({{1.0 - g, v_null}, {g, v_condition}});
    }
    // The same, written from the condition's side: v_condition + (g - 1) (v_condition - v_null) where guided.
    const std::int64_t channels = v.size(1), guided = std::min<std::int64_t>(3, channels);
    const auto weight = Tensor<T, Device>::zeros({channels});  // filled there, not copied from the host
    copy_into(weight.rows(0, guided), Tensor<T, Device>::full({guided}, static_cast<T>(wide_t<T>(g - 1.0))));
    return add(v_condition, multiply(subtract(v_condition, v_null), weight.reshape({1, channels, 1, 1})));
  }

 private:
  template <class T, class Device>
  Tensor<T, Device> evaluate(const Tensor<T, Device>& x, double t, const Condition& condition) const {
    using Time = wide_t<T>;
    const auto times = Tensor<Time, Device>::full({x.size(0)}, static_cast<Time>(t));
    return velocity_of(prediction_, path_, model_->forward(x, times, condition, no_tap), x, t);
  }

  const Model* model_;
  Condition condition_;
  Condition joined_;  // [null, condition]
  Guidance guidance_;
  Predicted prediction_;
  Path path_;
};

}  // namespace pixnerd
