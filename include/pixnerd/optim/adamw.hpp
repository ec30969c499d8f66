// SPDX-License-Identifier: MIT
/// \file
/// AdamW, with clipping and averaging in the same pass over memory.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/optim/ema.hpp>
#include <pixnerd/optim/optimizer.hpp>
#include <pixnerd/optim/parameter_store.hpp>

namespace pixnerd {

/// The numbers of one update, computed in float64 and then rounded to T.
template <class T>
struct AdamwFactors {
  T gradient_scale;  ///< gradients are multiplied by it
  T keep;            ///< 1 - rate weight_decay
  T rest1;           ///< 1 - beta1
  T beta2, rest2;    ///< beta2, 1 - beta2
  T size;            ///< rate / (1 - beta1^step)
  T correction2;     ///< 1 / sqrt(1 - beta2^step)
  T epsilon;
  T average_decay, average_rest;
};

namespace detail {

/// The two moments after the gradient g, and the weight after those; `root` is sqrt(second).
template <class T>
PIXNERD_HOST_DEVICE inline T adamw_first(T first, T g, const AdamwFactors<T>& f) {
  return first + f.rest1 * (g - first);
}
template <class T>
PIXNERD_HOST_DEVICE inline T adamw_second(T second, T g, const AdamwFactors<T>& f) {
  return f.beta2 * second + f.rest2 * (g * g);
}
template <class T>
PIXNERD_HOST_DEVICE inline T adamw_weight(T weight, T first, T root, const AdamwFactors<T>& f) {
  return weight * f.keep - f.size * (first / (root * f.correction2 + f.epsilon));
}

}  // namespace detail

/// Where one update reads and writes: slabs of a store, which do not overlap.
template <class T, class C>
struct AdamwSlabs {
  const T* gradient;
  T* weight;
  T* first;
  T* second;
  T* average;  ///< null when the store has no average
  C* copy;     ///< the weights as layers read them; null where those are the weights themselves
};

template <class Device>
struct AdamwKernel : MissingKernel<Device> {};

template <>
struct AdamwKernel<Cpu> {
  static constexpr std::int64_t grain = 1 << 14;
  static constexpr std::int64_t tile = 512;

  /// Updates `count` elements; the first `averaged` of them have an average. `scale`, unless null, points to
  /// the scale of the gradients. When that is NaN, nothing changes.
  template <class T, class C>
  static void update(std::int64_t count, std::int64_t averaged, AdamwFactors<T> factors, const double* scale,
                     const AdamwSlabs<T, C>& slabs) {
    if (scale != nullptr) factors.gradient_scale = static_cast<T>(*scale);
    if (std::isnan(factors.gradient_scale)) return;
    parallel_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; i += tile) {
        const std::int64_t n = std::min(tile, end - i);
        update_tile(n, factors, slabs.gradient + i, slabs.weight + i, slabs.first + i, slabs.second + i);
        if (i < averaged) {
          average_tile(std::min(n, averaged - i), factors, slabs.weight + i, slabs.average + i);
        }
        if (slabs.copy != nullptr) {
          for (std::int64_t k = i; k < i + n; ++k) slabs.copy[k] = static_cast<C>(slabs.weight[k]);
        }
      }
    });
  }

 private:
  /// Three loops over a tile that fits the first-level cache: without -fno-math-errno the square root stays
  /// scalar, and must not keep the rest from vectorizing.
  template <class T>
  static void update_tile(std::int64_t n, const AdamwFactors<T>& factors, const T* __restrict gradient,
                          T* __restrict weight, T* __restrict first, T* __restrict second) {
    const AdamwFactors<T> f = factors;
    T root[tile];
    for (std::int64_t i = 0; i < n; ++i) {
      const T g = gradient[i] * f.gradient_scale;
      first[i] = detail::adamw_first(first[i], g, f);
      second[i] = detail::adamw_second(second[i], g, f);
    }
    for (std::int64_t i = 0; i < n; ++i) root[i] = std::sqrt(second[i]);
    for (std::int64_t i = 0; i < n; ++i) {
      weight[i] = detail::adamw_weight(weight[i], first[i], root[i], f);
    }
  }

  template <class T>
  static void average_tile(std::int64_t n, const AdamwFactors<T>& factors, const T* __restrict weight,
                           T* __restrict average) {
    const T decay = factors.average_decay, rest = factors.average_rest;
    for (std::int64_t i = 0; i < n; ++i) average[i] = average_value(average[i], weight[i], decay, rest);
  }
};

/// AdamW, as torch.optim.AdamW of PyTorch 1.13 computes it. With g the scaled gradient and s the step:
///
///   w <- w (1 - rate weight_decay)
///   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
///   w <- w - rate / (1 - beta1^s) m / (sqrt(v / (1 - beta2^s)) + epsilon)
///
/// and then the average of w. Weight decay applies to every parameter. m and v begin at 0; they lie in the
/// store (see Optimizer). One pass over memory. Satisfies OptimizerOnDevice.
///
///     ParameterStore store(model);
///     const AdamW optimizer;
///     optimizer.update(store, {.step = 1, .rate = 1e-3});
struct AdamW {
  static constexpr std::array<std::string_view, 2> state_names{"first_moments", "second_moments"};

  double beta1 = 0.9;         ///< in [0, 1)
  double beta2 = 0.999;       ///< in [0, 1)
  double epsilon = 1e-8;      ///< above 0
  double weight_decay = 0.0;  ///< at least 0

  /// One update. Throws ValueError when a setting is out of its range, settings.step is below 1, or another
  /// kind of optimizer has updated the store. Source: Loshchilov and Hutter, "Decoupled Weight Decay
  /// Regularization", Algorithm 2.
  template <class Policy>
  void update(ParameterStore<Policy>& store, const UpdateSettings& settings) const {
    run(store, settings, nullptr);
  }

  /// The same with the gradients' scale from device memory: `scale`, one element, replaces
  /// settings.gradient_scale. Changes nothing when it is NaN. Throws ShapeError for any other number of
  /// elements.
  template <class Policy>
  void update(ParameterStore<Policy>& store, const UpdateSettings& settings,
              const Tensor<double, typename Policy::Device>& scale) const {
    if (scale.count() != 1) raise<ShapeError>("adamw", "one gradient scale", str_cat(scale.shape()));
    run(store, settings, scale.data());
  }

 private:
  template <class Policy>
  void run(ParameterStore<Policy>& store, const UpdateSettings& settings, const double* scale) const {
    using Store = ParameterStore<Policy>;
    using T = typename Store::T;
    check(settings);
    const auto& state = store.start_state(*this);
    const double step = static_cast<double>(settings.step);
    AdamwFactors<T> f{};
    f.gradient_scale = static_cast<T>(settings.gradient_scale);
    f.keep = static_cast<T>(1 - settings.rate * weight_decay);
    f.rest1 = static_cast<T>(1 - beta1);
    f.beta2 = static_cast<T>(beta2);
    f.rest2 = static_cast<T>(1 - beta2);
    f.size = static_cast<T>(settings.rate / (1 - std::pow(beta1, step)));
    f.correction2 = static_cast<T>(1 / std::sqrt(1 - std::pow(beta2, step)));
    f.epsilon = static_cast<T>(epsilon);
    f.average_decay = static_cast<T>(settings.average_decay);
    f.average_rest = static_cast<T>(1 - settings.average_decay);
    const AdamwSlabs<T, typename Store::Compute> slabs{
        store.gradients().data(),     store.weights().data(),
        state[state_names[0]].data(), state[state_names[1]].data(),
        store.average().data(),       Store::has_copies ? store.copies().data() : nullptr};
    AdamwKernel<typename Policy::Device>::update(store.count(), store.average().count(), f, scale, slabs);
  }

  void check(const UpdateSettings& settings) const {
    const auto need = [](bool good, const char* expected, double got) {
      if (!good) raise<ValueError>("adamw", expected, str_cat(got));
    };
    // Written so that NaN fails, too.
    need(beta1 >= 0 && beta1 < 1, "a beta1 in [0, 1)", beta1);
    need(beta2 >= 0 && beta2 < 1, "a beta2 in [0, 1)", beta2);
    need(epsilon > 0, "an epsilon above 0", epsilon);
    need(weight_decay >= 0, "a weight decay of at least 0", weight_decay);
    need(settings.step >= 1, "a step of at least 1", static_cast<double>(settings.step));
    need(settings.rate >= 0, "a rate of at least 0", settings.rate);
    need(settings.average_decay >= 0 && settings.average_decay <= 1, "an average decay in [0, 1]",
         settings.average_decay);
  }
};

}  // namespace pixnerd
