/// \file
/// The norm of all gradients together, which is also how NaN and infinity are found.
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

/// What is measured before an update, a few float64 numbers where the gradients are: their places, the losses
/// of a step being the last ones.
struct StepMeasurements {
  static constexpr std::int64_t squares = 0;  ///< sum of the squares of all gradients
  static constexpr std::int64_t scale = 1;  ///< what clipping multiplies them by; NaN when not all is finite,
                                            ///< or their norm is above the limit: then no update is due
  static constexpr std::int64_t losses = 2;  ///< the first of the losses
};

namespace detail {

PIXNERD_HOST_DEVICE inline bool is_finite_value(double x) {
  return x - x == 0;
}

/// The factor of gradients that must not be used.
inline constexpr double no_scale = std::numeric_limits<double>::quiet_NaN();

/// What is asked of a norm: gradients are clipped to `clip` unless that is 0, and not used above `limit`.
struct NormBounds {
  double clip, limit;
};

/// Completes a StepMeasurements from the sum of squares.
template <class T>
PIXNERD_HOST_DEVICE inline void put_record(double squares, NormBounds bounds, std::int64_t loss_count,
                                           const T* losses, double* record) {
  bool finite = is_finite_value(squares);
  for (std::int64_t i = 0; i < loss_count; ++i) {
    const double loss = static_cast<double>(losses[i]);
    finite = finite && is_finite_value(loss);
    record[StepMeasurements::losses + i] = loss;
  }
  record[StepMeasurements::squares] = squares;
  const double norm = std::sqrt(squares);
  record[StepMeasurements::scale] = finite && norm <= bounds.limit ? clip_scale(norm, bounds.clip) : no_scale;
}

}  // namespace detail

template <class Device>
struct GradNormKernel : MissingKernel<Device> {};

template <>
struct GradNormKernel<Cpu> {
  static constexpr std::int64_t grain = 1 << 15;

  /// Fills a StepMeasurements from `count` gradients: their squares are summed in float64, blocks of `grain`
  /// elements added in order.
  template <class T>
  static void measure(std::int64_t count, const T* x, detail::NormBounds bounds, std::int64_t loss_count,
                      const T* losses, double* record) {
    std::vector<double> partial(static_cast<std::size_t>((count + grain - 1) / grain));
    parallel_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
      partial[static_cast<std::size_t>(begin / grain)] = lane_sum<double>(begin, end, [x](std::int64_t i) {
        const double value = x[i];
        return value * value;
      });
    });
    double sum = 0;
    for (const double block : partial) sum += block;
    detail::put_record(sum, bounds, loss_count, losses, record);
  }

  /// Index of the first NaN or infinity; -1 when there is none. Only runs when something went wrong.
  template <class T>
  static std::int64_t first_non_finite(std::int64_t count, const T* x) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!std::isfinite(x[i])) return i;
    }
    return -1;
  }
};

/// Throws NonFiniteError when a slab holds NaN or infinity, naming the step, the parameter and the element.
/// `what` is what the slab holds: "gradient", "weight".
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

/// The norm whose square a StepMeasurements has. Throws NonFiniteError, naming `step` and the first parameter
/// concerned, when a gradient is NaN or infinite or, in float64, when their squares are beyond its range.
template <class Policy>
double finite_norm(const ParameterStore<Policy>& store, double squares, std::int64_t step) {
  // Squares of finite float32 never overflow in float64: the sum is finite exactly when all elements are.
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    check_finite(store, store.gradients(), "gradient", step);
    raise<NonFiniteError>(str_cat("step ", step), "gradients whose squares have a finite sum", str_cat(norm));
  }
  return norm;
}

/// Fills a StepMeasurements: a tensor with room for two numbers and the losses of the step. Asks a GPU for it
/// without waiting. The gradients must be complete; a `max_norm` of 0 clips nothing. Gradients whose norm is
/// above `limit` get the factor NaN, as those that are not finite.
template <class Policy>
void measure_gradients(const ParameterStore<Policy>& store, double max_norm,
                       const Tensor<typename Policy::Master, typename Policy::Device>& losses,
                       const Tensor<double, typename Policy::Device>& record,
                       double limit = std::numeric_limits<double>::infinity()) {
  if (record.count() != StepMeasurements::losses + losses.count()) {
    raise<ShapeError>("gradient norm", str_cat("a record of ", StepMeasurements::losses + losses.count()),
                      str_cat(record.count()));
  }
  GradNormKernel<typename Policy::Device>::measure(store.count(), store.gradients().data(), {max_norm, limit},
                                                   losses.count(), losses.data(), record.data());
}

/// sqrt(sum of g^2) over every gradient of a store, summed in float64. The gradients must be complete.
/// Throws NonFiniteError, naming `step` and the first parameter concerned, when one is NaN or infinite or, in
/// float64, when their squares are beyond its range.
template <class Policy>
double grad_norm(const ParameterStore<Policy>& store, std::int64_t step) {
  const Tensor<double, typename Policy::Device> record({StepMeasurements::losses});
  measure_gradients(store, 0, {}, record);
  return finite_norm(store, record.to_host()[StepMeasurements::squares], step);
}

}  // namespace pixnerd
