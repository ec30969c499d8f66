// SPDX-License-Identifier: MIT
/// \file
/// Sum, difference, product and quotient of two tensors on the GPU. Equal shapes use the launcher of
/// elementwise formulas, other shapes that of broadcast ones.
#pragma once

#include <pixnerd/ops/cuda/broadcast_sum.cuh>
#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/elementwise.hpp>

namespace pixnerd {

namespace detail {

template <class Formula>
inline constexpr bool reads_inputs = Formula::reads_inputs;
template <class Formula>
inline constexpr bool reads_inputs<Exchanged<Formula>> = Formula::reads_inputs;

/// A formula with the same grad_a. Formulas that differ only in name share kernels, which shortens
/// compilation.
template <class Formula>
struct SameSlope {
  using type = Formula;
};
template <>
struct SameSlope<Exchanged<AddFormula>> {
  using type = AddFormula;
};
template <>
struct SameSlope<SubtractFormula> {
  using type = AddFormula;
};
template <>
struct SameSlope<Exchanged<MultiplyFormula>> {
  using type = MultiplyFormula;
};

/// A formula's value and its derivative with respect to a, for both launchers.
template <class Formula>
struct ValueOf {
  static constexpr bool reads_gradient = false, reads_operands = true;
  template <class W>
  __device__ W operator()(W, W a, W b) const {
    return Formula::value(a, b);
  }
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* y) const {
    y[0] = Formula::value(x[0], x[1]);
  }
};

template <class Formula>
struct SlopeOf {
  static constexpr bool reads_gradient = true, reads_operands = reads_inputs<Formula>;
  template <class W>
  __device__ W operator()(W g, W a, W b) const {
    return Formula::grad_a(g, a, b);
  }
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* grad_a) const {
    grad_a[0] = Formula::grad_a(x[0], x[1], x[2]);
  }
};

}  // namespace detail

template <>
struct ElementwiseKernel<Cuda> {
  template <class Formula, class T>
  static void forward(const BroadcastLoops& loops, const T* a, const T* b, T* y) {
    const detail::ValueOf<Formula> formula;
    if (equal_shapes(loops)) {
      cuda_elementwise<T, 2, 1>("elementwise", loops.count(), {a, b}, {{y}}, formula);
    } else {
      cuda_broadcast<T>("elementwise", loops, a, a, b, {y}, formula);
    }
  }

  template <class Formula, class T>
  static void backward(const BroadcastLoops& loops, std::int64_t count_a, const T* a, const T* b,
                       const T* grad_y, GradTarget<T> grad_a) {
    const detail::SlopeOf<typename detail::SameSlope<Formula>::type> formula;
    if (equal_shapes(loops)) {
      cuda_elementwise<T, 3, 1>("elementwise", loops.count(), {grad_y, a, b}, {grad_a}, formula);
    } else if (count_a == loops.count()) {
      cuda_broadcast<T>("elementwise", loops, grad_y, a, b, grad_a, formula);
    } else {
      cuda_broadcast_sum<wide_t<T>, T>("elementwise", loops, count_a, grad_y, a, b, grad_a, 1, formula);
    }
  }

 private:
  static bool equal_shapes(const BroadcastLoops& loops) {
    return loops.rank == 1 && loops.stride_a[0] == 1 && loops.stride_b[0] == 1;
  }
};

}  // namespace pixnerd
