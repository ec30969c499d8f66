// SPDX-License-Identifier: MIT
/// \file
/// Reverse-mode differentiation: a stack of recorded operations, run backward once.
///
/// A Tape is a stack object that makes itself its thread's recorder. Without one, nothing is recorded and
/// nothing is saved. Operations append one node each; backward() runs them in reverse and frees each right
/// after it ran.
#pragma once

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <pixnerd/autograd/grad_slot.hpp>

namespace pixnerd {

class Tape {
 public:
  Tape() : previous_(std::exchange(current_, this)) {}
  ~Tape() { current_ = previous_; }
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// The tape that records on this thread, or null.
  static Tape* current() { return current_; }

  /// Puts the derivative of the one-element `loss` with respect to every leaf into the leaf's gradient.
  /// Throws ShapeError if `loss` has another number of elements, Error when called twice or if `loss` was not
  /// recorded.
  template <class T, class Device>
  void backward(const Tensor<T, Device>& loss) {
    if (loss.count() != 1)
      raise<ShapeError>("backward", "a loss of one element", str_cat("the shape ", loss.shape()));
    backward(loss, Tensor<T, Device>::full(loss.shape(), static_cast<T>(1)));
  }

  /// The same from a given gradient of `output`, of the same shape. Its memory is given away: gradients may
  /// be collected in it. Throws Error if `output` already holds a gradient, as a leaf may.
  template <class T, class Device>
  void backward(const Tensor<T, Device>& output, const Tensor<T, Device>& grad_output) {
    if (finished_) raise<Error>("backward", "a tape that has not run yet", "a second call");
    if (!output.slot())
      raise<Error>("backward", "a tensor computed from one that wants a gradient", "one that was not");
    if (!(output.shape() == grad_output.shape())) {
      raise<ShapeError>("backward", str_cat("a gradient of shape ", output.shape()),
                        str_cat(grad_output.shape()));
    }
    if (!output.slot()->adopt(grad_output))
      raise<Error>("backward", "a tensor without a gradient of its own", "one that has memory for it");
    finished_ = true;
    // Backward functions are not recorded, except on tapes of their own.
    const auto recorder = std::exchange(current_, nullptr);
    struct Restore {
      Tape* tape;
      ~Restore() { current_ = tape; }
    } restore{recorder};
    while (!nodes_.empty()) {
      const auto node = std::move(nodes_.back());
      nodes_.pop_back();
      node->run();
    }
  }

  /// Number of recorded operations not yet run backward.
  std::size_t size() const { return nodes_.size(); }

  /// Appends a function without arguments that moves gradients from outputs to inputs.
  template <class Run>
  void append(Run run) {
    nodes_.push_back(std::make_unique<NodeOf<Run>>(std::move(run)));
  }

 private:
  friend class NoGrad;

  struct Node {
    virtual ~Node() = default;
    virtual void run() = 0;
  };
  template <class Run>
  struct NodeOf final : Node {
    explicit NodeOf(Run r) : run_(std::move(r)) {}
    void run() override { run_(); }
    Run run_;
  };

  std::vector<std::unique_ptr<Node>> nodes_;
  Tape* previous_;
  bool finished_ = false;
  static inline thread_local Tape* current_ = nullptr;
};

/// While an object of this type lives, nothing is recorded on this thread.
class NoGrad {
 public:
  NoGrad() : previous_(std::exchange(Tape::current_, nullptr)) {}
  ~NoGrad() { Tape::current_ = previous_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  Tape* previous_;
};

/// Whether an operation on these inputs must be recorded.
template <class... Tensors>
bool needs_grad(const Tensors&... inputs) {
  return Tape::current() != nullptr && (... || (inputs.slot() != nullptr));
}

/// Records the operation that made `output`. When the output has received a gradient, `backward(grad_output)`
/// must pass it on to the inputs' slots. It owns grad_output and may give its memory away (GradSlot::adopt).
template <class T, class Device, class Backward>
void record(Tensor<T, Device>& output, Backward backward) {
  auto slot = std::make_shared<GradSlot<Device>>(output.count());
  output.set_slot(slot);
  Tape::current()->append([slot, shape = output.shape(), backward = std::move(backward)]() mutable {
    if (!slot->written()) return;  // no path from here to the loss
    const auto grad_output = slot->template gradient<T>(shape);
    slot->release();
    backward(grad_output);
  });
}

/// The same for several outputs: `backward` takes an array of their gradients, zeros where none arrived.
template <class T, class Device, std::size_t N, class Backward>
void record(std::array<Tensor<T, Device>, N>& outputs, Backward backward) {
  std::array<std::shared_ptr<GradSlot<Device>>, N> slots;
  std::array<Shape, N> shapes;
  for (std::size_t i = 0; i < N; ++i) {
    slots[i] = std::make_shared<GradSlot<Device>>(outputs[i].count());
    shapes[i] = outputs[i].shape();
    outputs[i].set_slot(slots[i]);
  }
  Tape::current()->append([slots, shapes, backward = std::move(backward)]() mutable {
    bool any = false;
    for (const auto& slot : slots) any = any || slot->written();
    if (!any) return;
    std::array<Tensor<T, Device>, N> gradients;
    for (std::size_t i = 0; i < N; ++i) {
      gradients[i] = slots[i]->written() ? slots[i]->template gradient<T>(shapes[i])
                                         : Tensor<T, Device>::zeros(shapes[i]);
      slots[i]->release();
    }
    backward(gradients);
  });
}

}  // namespace pixnerd
