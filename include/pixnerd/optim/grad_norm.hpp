/// \file
/// The norm of all gradients together, which is also how NaN and infinity are found.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/cpu_reduce.hpp>
#include <pixnerd/optim/parameter_store.hpp>

namespace pixnerd {

template <class Device>
struct grad_norm_kernel {
  static_assert(sizeof(Device) == 0,
                "grad_norm has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

template <>
struct grad_norm_kernel<Cpu> {
  static constexpr std::int64_t grain = 1 << 15;

  /// Sum of squares in float64, blocks of `grain` elements added in order.
  template <class T>
  static double sum_of_squares(std::int64_t count, const T* x) {
    std::vector<double> partial(static_cast<std::size_t>((count + grain - 1) / grain));
    parallel_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
      partial[static_cast<std::size_t>(begin / grain)] = lane_sum<double>(begin, end, [x](std::int64_t i) {
        const double value = x[i];
        return value * value;
      });
    });
    double sum = 0;
    for (const double block : partial) sum += block;
    return sum;
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
template <class Precision, class Device>
void check_finite(const ParameterStore<Precision, Device>& store,
                  const typename ParameterStore<Precision, Device>::Slab& slab, const char* what,
                  std::int64_t step) {
  const std::int64_t element = grad_norm_kernel<Device>::first_non_finite(slab.count(), slab.data());
  if (element < 0) return;
  const ParameterEntry& entry = store.entry_at(element);
  const auto value = slab.rows(element, element + 1).item();
  raise<NonFiniteError>(text("step ", step), text("a finite ", what, " of ", entry.name),
                        text(value, " in its element ", element - entry.offset));
}

/// sqrt(sum of g^2) over every gradient of a store, summed in float64. The gradients must be complete.
/// Throws NonFiniteError, naming `step` and the first parameter concerned, when one is NaN or infinite or, in
/// float64, when their squares are beyond its range.
template <class Precision, class Device>
double grad_norm(const ParameterStore<Precision, Device>& store, std::int64_t step) {
  const auto& slab = store.gradients();
  // Squares of finite float32 never overflow in float64: the sum is finite exactly when all elements are.
  const double norm = std::sqrt(grad_norm_kernel<Device>::sum_of_squares(slab.count(), slab.data()));
  if (!std::isfinite(norm)) {
    check_finite(store, slab, "gradient", step);
    raise<NonFiniteError>(text("step ", step), "gradients whose squares have a finite sum", text(norm));
  }
  return norm;
}

}  // namespace pixnerd
