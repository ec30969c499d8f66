// SPDX-License-Identifier: MIT
/// \file
/// A model whose forward a GPU repeats from a recording: sampling calls it many times for the same shapes.
#pragma once

#include <concepts>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/graph_capture.hpp>
#include <pixnerd/diffusion/velocity_field.hpp>

namespace pixnerd {

/// Whether two conditions may take turns in one recording. A condition that is no tensor needs an overload of
/// its own, beside those of copy() and copy_into().
template <class T, class Device>
bool same_layout(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return a.shape() == b.shape();
}

/// Stands for a model with forward(x, t, condition, tap): its results are the model's. A GPU captures the
/// forward once for each shape of x and the condition, and launches that from then on. On the CPU, under a
/// tape and with a tap the model is called directly.
///
///   const CapturedModel replayed(model, labels);   // the labels only tell the type of a condition
///   const GuidedField field(replayed, labels, no_class, {.scale = 3.5});
///
/// The model is referred to, not copied; its parameters may change between calls, but not their memory. Not
/// to be called from several threads at once.
template <class Model, class Condition>
class CapturedModel {
 public:
  using Device = typename Condition::device_type;

  explicit CapturedModel(const Model& model, const Condition& = {}, bool capture = true)
      : model_(&model), capture_(capture) {}

  /// x (B, C, H, W), t (B), condition of a batch B -> velocity (B, C, H, W).
  template <class T, class Tap = NoTap>
  Tensor<T, Device> forward(const Tensor<T, Device>& x, const Tensor<T, Device>& t,
                            const Condition& condition, Tap&& tap = {}) const {
    constexpr bool taps = !std::same_as<std::remove_cvref_t<Tap>, NoTap>;
    if constexpr (!GraphCapture<Device>::captures || taps) {
      return model_->forward(x, t, condition, std::forward<Tap>(tap));
    } else {
      if (!capture_ || Tape::current() != nullptr) return model_->forward(x, t, condition, tap);
      Recording<T>& recording = recording_of(x, t, condition);
      copy_into(recording.x, x);
      copy_into(recording.t, t);
      copy_into(recording.condition, condition);
      recording.replay([&] {
        const auto velocity = model_->forward(recording.x, recording.t, recording.condition, tap);
        copy_into(recording.velocity, velocity);
      });
      return copy(recording.velocity);
    }
  }

 private:
  /// The tensors that a recording reads and writes.
  template <class T>
  struct Recording {
    Tensor<T, Device> x, t, velocity;
    Condition condition;
    GraphCapture<Device> replay;
  };
  template <class T>
  using Recordings = std::vector<std::unique_ptr<Recording<T>>>;

  template <class T>
  Recording<T>& recording_of(const Tensor<T, Device>& x, const Tensor<T, Device>& t,
                             const Condition& condition) const {
    auto& recordings = std::get<Recordings<T>>(recordings_);
    for (auto& known : recordings) {
      if (known->x.shape() == x.shape() && known->t.shape() == t.shape() &&
          same_layout(known->condition, condition)) {
        return *known;
      }
    }
    // Graphs never run at the same time, and tables that a model keeps are made by its first call, outside of
    // the graph's memory: so all graphs can share it.
    const bool first = recordings.empty();
    recordings.push_back(std::unique_ptr<Recording<T>>(new Recording<T>{
        copy(x), copy(t), Tensor<T, Device>(x.shape()), copy(condition),
        first ? GraphCapture<Device>() : GraphCapture<Device>(true, recordings.front()->replay)}));
    return *recordings.back();
  }

  const Model* model_;
  bool capture_;
  mutable std::tuple<Recordings<float>, Recordings<double>> recordings_;
};

}  // namespace pixnerd
