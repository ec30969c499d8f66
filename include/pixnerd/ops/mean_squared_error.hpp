// SPDX-License-Identifier: MIT
/// \file
/// The mean squared difference of two tensors, with a weight for each sample.
#pragma once

#include <algorithm>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

template <class Device>
struct MeanSquaredErrorKernel : MissingKernel<Device> {};

template <>
struct MeanSquaredErrorKernel<Cpu> {
  static constexpr std::int64_t grain = 16384;

  /// `batch` samples of `each` elements; weight may be null. Sums in float64.
  template <class T>
  static void forward(std::int64_t batch, std::int64_t each, const T* prediction, const T* target,
                      const T* weight, T* loss) {
    using W = wide_t<T>;
    const std::int64_t blocks = (each + grain - 1) / grain;
    std::vector<double> partial(static_cast<std::size_t>(batch * blocks));
    parallel_for(batch * blocks, [=, &partial](std::int64_t index) {
      const std::int64_t sample = index / blocks, begin = index % blocks * grain;
      const T* p = prediction + sample * each;
      const T* t = target + sample * each;
      const double sum = lane_sum<double>(begin, std::min(each, begin + grain), [=](std::int64_t i) {
        const double difference = static_cast<double>(W(p[i])) - static_cast<double>(W(t[i]));
        return difference * difference;
      });
      partial[static_cast<std::size_t>(index)] = weight == nullptr ? sum : sum * W(weight[sample]);
    });
    double total = 0;
    for (const double sum : partial) total += sum;
    *loss = static_cast<T>(total / static_cast<double>(batch * each));
  }

  /// Either target may be false. Both may belong to one tensor: grad_p contributes first.
  template <class T>
  static void backward(std::int64_t batch, std::int64_t each, const T* prediction, const T* target,
                       const T* weight, const T* grad_loss, GradTarget<T> grad_p, GradTarget<T> grad_t) {
    using W = wide_t<T>;
    const std::int64_t blocks = (each + grain - 1) / grain;
    const double factor = 2.0 * W(*grad_loss) / static_cast<double>(batch * each);
    parallel_for(batch * blocks, [=](std::int64_t index) {
      const std::int64_t sample = index / blocks, first = sample * each + index % blocks * grain;
      const std::int64_t last = std::min((sample + 1) * each, first + grain);
      const W slope = static_cast<W>(weight == nullptr ? factor : factor * W(weight[sample]));
      if (grad_p) {
        for (std::int64_t i = first; i < last; ++i)
          grad_p.put(i, static_cast<T>(slope * (W(prediction[i]) - W(target[i]))));
      }
      if (grad_t) {
        for (std::int64_t i = first; i < last; ++i)
          grad_t.put(i, static_cast<T>(slope * (W(target[i]) - W(prediction[i]))));
      }
    });
  }
};

/// Weighted mean squared error: the mean over all elements of weight_b (prediction - target)^2.
/// prediction, target (B, ...) of one shape, weight (B) or (B, 1, ...) or undefined for 1 -> one element, ().
/// Saves all three; weight gets no gradient. Throws ShapeError when the shapes do not fit or are empty.
/// Source: FlowMatchingTrainer in training.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> mean_squared_error(const Tensor<T, Device>& prediction, const Tensor<T, Device>& target,
                                     const Tensor<T, Device>& weight = {}) {
  if (!(prediction.shape() == target.shape()) || prediction.count() == 0) {
    raise<ShapeError>("mean_squared_error", "prediction and target of one shape with at least one element",
                      str_cat(prediction.shape(), " and ", target.shape()));
  }
  const std::int64_t batch = prediction.rank() == 0 ? 1 : prediction.size(0),
                     each = prediction.count() / batch;
  if (weight.defined() && (weight.rank() < 1 || weight.size(0) != batch || weight.count() != batch)) {
    raise<ShapeError>("mean_squared_error", str_cat("one weight for each of ", batch, " samples"),
                      str_cat(weight.shape()));
  }
  using kernel = MeanSquaredErrorKernel<Device>;
  Tensor<T, Device> loss{Shape{}};
  kernel::forward(batch, each, prediction.data(), target.data(), weight.data(), loss.data());
  if (needs_grad(prediction, target)) {
    record(loss, [=, weight = weight.detach()](const Tensor<T, Device>& grad_loss) {
      const auto grad_p = grad_target<T>(prediction.slot());
      const auto grad_t = grad_target<T>(target.slot());
      kernel::backward(batch, each, prediction.data(), target.data(), weight.data(), grad_loss.data(), grad_p,
                       grad_t);
    });
  }
  return loss;
}

}  // namespace pixnerd
