// SPDX-License-Identifier: MIT
/// \file
/// The global norm of all gradients. It also detects NaN and infinity.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>
#include <pixnerd/optim/clip.hpp>
#include <pixnerd/optim/parameter_store.hpp>

namespace pixnerd {

/// The measurements that decide on an update: a float64 tensor where the gradients are, filled by
/// measure_gradients(). These are the indices of its elements.
struct StepMeasurements {
  static constexpr std::int64_t squares = 0;  ///< sum of the squares of all gradients
  static constexpr std::int64_t scale = 1;   ///< scale of the gradients; NaN when a gradient or a loss is not
                                             ///< finite or the norm is above the limit: skip the update
  static constexpr std::int64_t losses = 2;  ///< first of the losses of the step, which are the last elements
};

namespace detail {

PIXNERD_HOST_DEVICE inline bool is_finite_value(double x) {
  return x - x == 0;
}

/// The scale of gradients that must not be used.
inline constexpr double no_scale = std::numeric_limits<double>::quiet_NaN();

/// Gradients are clipped to the norm `clip`, unless that is 0, and not used when their norm is above `limit`.
struct NormBounds {
  double clip, limit;
};

/// Fills `measured` from the sum of squares.
template <class T>
PIXNERD_HOST_DEVICE inline void put_measurements(double squares, NormBounds bounds, std::int64_t loss_count,
                                                 const T* losses, double* measured) {
  bool finite = is_finite_value(squares);
  for (std::int64_t i = 0; i < loss_count; ++i) {
    const double loss = static_cast<double>(losses[i]);
    finite = finite && is_finite_value(loss);
    measured[StepMeasurements::losses + i] = loss;
  }
  measured[StepMeasurements::squares] = squares;
  const double norm = std::sqrt(squares);
  measured[StepMeasurements::scale] =
      finite && norm <= bounds.limit ? clip_scale(norm, bounds.clip) : no_scale;
}

}  // namespace detail

template <class Device>
struct GradNormKernel : MissingKernel<Device> {};

template <>
struct GradNormKernel<Cpu> {
  static constexpr std::int64_t grain = 1 << 15;

  /// Fills StepMeasurements from `count` gradients. Squares are summed in float64; the sums of blocks of
  /// `grain` elements are added in order.
  template <class T>
  static void measure(std::int64_t count, const T* x, detail::NormBounds bounds, std::int64_t loss_count,
                      const T* losses, double* measured) {
    std::vector<double> partial(static_cast<std::size_t>((count + grain - 1) / grain));
    parallel_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
      partial[static_cast<std::size_t>(begin / grain)] = lane_sum<double>(begin, end, [x](std::int64_t i) {
        const double value = x[i];
        return value * value;
      });
    });
    double sum = 0;
    for (const double block : partial) sum += block;
    detail::put_measurements(sum, bounds, loss_count, losses, measured);
  }

  /// Index of the first NaN or infinity; -1 when there is none. Runs only after a non-finite sum.
  template <class T>
  static std::int64_t first_non_finite(std::int64_t count, const T* x) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!std::isfinite(x[i])) return i;
    }
    return -1;
  }
};

/// Checks that a slab is finite. `what` says what it holds: "gradient", "weight". Throws NonFiniteError,
/// naming the step, the parameter and the element, when it holds NaN or infinity.
template <class Policy>
void check_finite(const ParameterStore<Policy>& store, const typename ParameterStore<Policy>::Slab& slab,
                  const char* what, std::int64_t step) {
  const std::int64_t element =
      GradNormKernel<typename Policy::Device>::first_non_finite(slab.count(), slab.data());
  if (element < 0) return;
  const ParameterEntry& entry = store.entry_at(element);
  const auto value = slab.rows(element, element + 1).item();
  raise<NonFiniteError>(str_cat("step ", step), str_cat("a finite ", what, " of ", entry.name),
                        str_cat(value, " in its element ", element - entry.offset));
}

/// sqrt(squares), the norm from StepMeasurements::squares. Throws NonFiniteError, naming `step` and the first
/// such parameter, when a gradient is NaN or infinite or when the squares of float64 gradients overflow.
template <class Policy>
double finite_norm(const ParameterStore<Policy>& store, double squares, std::int64_t step) {
  // Squares of finite float32 never overflow in float64: the sum is finite if and only if all elements are.
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    check_finite(store, store.gradients(), "gradient", step);
    raise<NonFiniteError>(str_cat("step ", step), "gradients whose squares have a finite sum", str_cat(norm));
  }
  return norm;
}

/// Fills `measured`, a tensor of StepMeasurements, from the gradients and the losses of a step. On a GPU this
/// is enqueued without waiting. The norm is clipped to `max_norm`, unless that is 0; gradients whose norm is
/// above `limit` get the scale NaN, as non-finite ones do. Throws ShapeError unless `measured` has one
/// element for each loss and StepMeasurements::losses more.
template <class Policy>
void measure_gradients(const ParameterStore<Policy>& store, double max_norm,
                       const Tensor<typename Policy::Master, typename Policy::Device>& losses,
                       const Tensor<double, typename Policy::Device>& measured,
                       double limit = std::numeric_limits<double>::infinity()) {
  if (measured.count() != StepMeasurements::losses + losses.count()) {
    raise<ShapeError>("gradient norm", str_cat("measurements of ", StepMeasurements::losses + losses.count()),
                      str_cat(measured.count()));
  }
  GradNormKernel<typename Policy::Device>::measure(store.count(), store.gradients().data(), {max_norm, limit},
                                                   losses.count(), losses.data(), measured.data());
}

/// The global norm of the gradients of a store, sqrt(sum of g^2), summed in float64. Throws as finite_norm().
template <class Policy>
double grad_norm(const ParameterStore<Policy>& store, std::int64_t step) {
  const Tensor<double, typename Policy::Device> measured({StepMeasurements::losses});
  measure_gradients(store, 0, {}, measured);
  return finite_norm(store, measured.to_host()[StepMeasurements::squares], step);
}

}  // namespace pixnerd
