// SPDX-License-Identifier: MIT
/// \file
/// Sum, difference, product and quotient of two tensors with NumPy's broadcasting, and their operators. They
/// are one file because one kernel computes them all; a formula says what.
#pragma once

#include <algorithm>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>
#include <pixnerd/ops/cpu/wide.hpp>
#include <pixnerd/ops/scale.hpp>
#include <pixnerd/ops/weighted_sum.hpp>
#include <pixnerd/tensor/broadcast.hpp>

namespace pixnerd {

namespace detail {

/// A formula gives y from a and b, and the gradients of a and b from g, the gradient of y. `passes_a`: the
/// gradient of a is g itself. `reads_inputs`: the gradients depend on a or b.
struct AddFormula {
  static constexpr const char* name = "add";
  static constexpr bool passes_a = true, passes_b = true, reads_inputs = false;
  PIXNERD_HOST_DEVICE static auto value(auto a, auto b) { return a + b; }
  PIXNERD_HOST_DEVICE static auto grad_a(auto g, auto, auto) { return g; }
  PIXNERD_HOST_DEVICE static auto grad_b(auto g, auto, auto) { return g; }
};

struct SubtractFormula {
  static constexpr const char* name = "subtract";
  static constexpr bool passes_a = true, passes_b = false, reads_inputs = false;
  PIXNERD_HOST_DEVICE static auto value(auto a, auto b) { return a - b; }
  PIXNERD_HOST_DEVICE static auto grad_a(auto g, auto, auto) { return g; }
  PIXNERD_HOST_DEVICE static auto grad_b(auto g, auto, auto) { return -g; }
};

struct MultiplyFormula {
  static constexpr const char* name = "multiply";
  static constexpr bool passes_a = false, passes_b = false, reads_inputs = true;
  PIXNERD_HOST_DEVICE static auto value(auto a, auto b) { return a * b; }
  PIXNERD_HOST_DEVICE static auto grad_a(auto g, auto, auto b) { return g * b; }
  PIXNERD_HOST_DEVICE static auto grad_b(auto g, auto a, auto) { return g * a; }
};

struct DivideFormula {
  static constexpr const char* name = "divide";
  static constexpr bool passes_a = false, passes_b = false, reads_inputs = true;
  PIXNERD_HOST_DEVICE static auto value(auto a, auto b) { return a / b; }
  PIXNERD_HOST_DEVICE static auto grad_a(auto g, auto, auto b) { return g / b; }
  PIXNERD_HOST_DEVICE static auto grad_b(auto g, auto a, auto b) { return -g * a / (b * b); }
};

/// The formula with a and b exchanged.
template <class Formula>
struct Exchanged {
  PIXNERD_HOST_DEVICE static auto grad_a(auto g, auto a, auto b) { return Formula::grad_b(g, b, a); }
};

}  // namespace detail

template <class Device>
struct ElementwiseKernel : MissingKernel<Device> {};

template <>
struct ElementwiseKernel<Cpu> {
  static constexpr std::int64_t grain = 16384;

  template <class Formula, class T>
  static void forward(const BroadcastLoops& loops, const T* a, const T* b, T* y) {
    using W = wide_t<T>;
    parallel_ranges(loops.count(), grain, [&](std::int64_t begin, std::int64_t end) {
      loops.for_pieces(begin, end, [&](std::int64_t i, std::int64_t ia, std::int64_t ib, std::int64_t n) {
        T* out = y + i;
        for_each(loops, n, a + ia, b + ib,
                 [=](std::int64_t j, W aj, W bj) { out[j] = static_cast<T>(Formula::value(aj, bj)); });
      });
    });
  }

  /// Writes or adds Formula::grad_a, summed over the axes along which a was repeated. count_a: the number of
  /// elements of a.
  template <class Formula, class T>
  static void backward(const BroadcastLoops& loops, std::int64_t count_a, const T* a, const T* b,
                       const T* grad_y, GradTarget<T> grad_a) {
    using W = wide_t<T>;
    const std::int64_t count = loops.count();
    if (count_a == count) {
      parallel_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
        loops.for_pieces(begin, end, [&](std::int64_t i, std::int64_t ia, std::int64_t ib, std::int64_t n) {
          const T* g = grad_y + i;
          const GradTarget<T> out{grad_a.data + i, grad_a.add};
          for_each(loops, n, a + ia, b + ib, [=](std::int64_t j, W aj, W bj) {
            out.put(j, static_cast<T>(Formula::grad_a(W(g[j]), aj, bj)));
          });
        });
      });
      return;
    }
    const std::int64_t outer = loops.size[0], each = outer == 0 ? 0 : count / outer;
    const WideOutput<T> sum(grad_a, count_a);
    const GradTarget<W> target = sum.target();
    if (loops.stride_a[0] == 0) {
      // Every index of the outermost loop contributes to all of a. A block has at least four times as many
      // elements as a, so that adding the blocks costs little.
      const std::int64_t block = std::max(grain, 4 * count_a) / std::max<std::int64_t>(1, each);
      parallel_column_sums<W>(outer, count_a, std::max<std::int64_t>(1, block), target,
                              [&](std::int64_t begin, std::int64_t end, W* sums) {
                                add_terms<Formula>(loops, begin * each, end * each, a, b, grad_y, sums);
                              });
    } else {
      // Every index of the outermost loop has its own part of a.
      const std::int64_t part = count_a / outer;
      parallel_ranges(outer, std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, each)),
                      [&](std::int64_t begin, std::int64_t end) {
                        if (!target.add) std::fill_n(target.data + begin * part, (end - begin) * part, W(0));
                        add_terms<Formula>(loops, begin * each, end * each, a, b, grad_y, target.data);
                      });
    }
    sum.store();
  }

 private:
  /// Calls body(j, a_j, b_j) for j in [0, n) of a piece of the innermost loop.
  template <class T, class Body>
  static void for_each(const BroadcastLoops& loops, std::int64_t n, const T* a, const T* b, Body body) {
    using W = wide_t<T>;
    if (loops.stride_a[loops.rank - 1] == 0) {
      const W repeated = W(a[0]);
      for (std::int64_t j = 0; j < n; ++j) body(j, repeated, W(b[j]));
    } else if (loops.stride_b[loops.rank - 1] == 0) {
      const W repeated = W(b[0]);
      for (std::int64_t j = 0; j < n; ++j) body(j, W(a[j]), repeated);
    } else {
      for (std::int64_t j = 0; j < n; ++j) body(j, W(a[j]), W(b[j]));
    }
  }

  /// Adds what elements [begin, end) of the result contribute to the gradient of a.
  template <class Formula, class T>
  static void add_terms(const BroadcastLoops& loops, std::int64_t begin, std::int64_t end, const T* a,
                        const T* b, const T* grad_y, wide_t<T>* sums) {
    using W = wide_t<T>;
    loops.for_pieces(begin, end, [&](std::int64_t i, std::int64_t ia, std::int64_t ib, std::int64_t n) {
      const T* g = grad_y + i;
      if (loops.stride_a[loops.rank - 1] == 0) {
        const W repeated = W(a[ia]);
        const T* other = b + ib;
        sums[ia] += lane_sum<W>(
            0, n, [=](std::int64_t j) { return Formula::grad_a(W(g[j]), repeated, W(other[j])); });
      } else {
        W* out = sums + ia;
        for_each(loops, n, a + ia, b + ib,
                 [=](std::int64_t j, W aj, W bj) { out[j] += Formula::grad_a(W(g[j]), aj, bj); });
      }
    });
  }
};

namespace detail {

template <class Formula, class T, class Device>
Tensor<T, Device> elementwise(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  using kernel = ElementwiseKernel<Device>;
  const Shape shape = broadcast_shape(Formula::name, a.shape(), b.shape());
  const BroadcastLoops loops(shape, a.shape(), b.shape());
  Tensor<T, Device> y(shape);
  kernel::template forward<Formula>(loops, a.data(), b.data(), y.data());
  if (!needs_grad(a, b)) return y;

  Tensor<T, Device> saved_a, saved_b;
  if constexpr (Formula::reads_inputs) {
    if (b.slot()) saved_a = a.detach();
    saved_b = b.detach();
  }
  record(y, [=, slot_a = a.slot(), slot_b = b.slot(), count_a = a.count(),
             count_b = b.count()](const Tensor<T, Device>& grad_y) {
    const T* g = grad_y.data();
    // A formula that does not read its inputs gets some other memory, which it never reads.
    const T* a = saved_a.defined() ? saved_a.data() : g;
    const T* b = saved_b.defined() ? saved_b.data() : g;
    const auto backward_a = [&](bool may_adopt) {
      if (!slot_a || (may_adopt && slot_a->adopt(grad_y))) return;
      kernel::template backward<Formula>(loops, count_a, a, b, g, grad_target<T>(slot_a));
    };
    const auto backward_b = [&](bool may_adopt) {
      if (!slot_b || (may_adopt && slot_b->adopt(grad_y))) return;
      kernel::template backward<Exchanged<Formula>>(loops.exchanged(), count_b, b, a, g,
                                                    grad_target<T>(slot_b));
    };
    // Only the last reader of the gradient may give away its memory.
    if (Formula::passes_a && slot_a && count_a == grad_y.count()) {
      backward_b(false);
      backward_a(true);
    } else {
      backward_a(false);
      backward_b(Formula::passes_b && count_b == grad_y.count());
    }
  });
  return y;
}

}  // namespace detail

/// y = a + b with NumPy's broadcasting. Saves nothing. Throws ShapeError when the shapes do not broadcast.
template <class T, class Device>
Tensor<T, Device> add(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return detail::elementwise<detail::AddFormula>(a, b);
}

/// y = a - b with NumPy's broadcasting. Saves nothing. Throws ShapeError when the shapes do not broadcast.
template <class T, class Device>
Tensor<T, Device> subtract(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return detail::elementwise<detail::SubtractFormula>(a, b);
}

/// y = a b, elementwise with NumPy's broadcasting. Saves b, and a where b wants a gradient. Throws ShapeError
/// when shapes do not fit.
template <class T, class Device>
Tensor<T, Device> multiply(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return detail::elementwise<detail::MultiplyFormula>(a, b);
}

/// y = a / b with NumPy's broadcasting. Saves b, and a where b wants a gradient. Throws ShapeError when
/// shapes do not fit.
template <class T, class Device>
Tensor<T, Device> divide(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return detail::elementwise<detail::DivideFormula>(a, b);
}

template <class T, class Device>
Tensor<T, Device> operator+(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return add(a, b);
}
template <class T, class Device>
Tensor<T, Device> operator-(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return subtract(a, b);
}
template <class T, class Device>
Tensor<T, Device> operator*(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return multiply(a, b);
}
template <class T, class Device>
Tensor<T, Device> operator/(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  return divide(a, b);
}
template <class T, class Device>
Tensor<T, Device> operator*(const Tensor<T, Device>& x, double factor) {
  return scale(x, factor);
}
template <class T, class Device>
Tensor<T, Device> operator*(double factor, const Tensor<T, Device>& x) {
  return scale(x, factor);
}
template <class T, class Device>
Tensor<T, Device> operator/(const Tensor<T, Device>& x, double divisor) {
  return scale(x, 1.0 / divisor);
}
template <class T, class Device>
Tensor<T, Device> operator+(const Tensor<T, Device>& x, double number) {
  return add_scalar(x, number);
}
template <class T, class Device>
Tensor<T, Device> operator-(const Tensor<T, Device>& x, double number) {
  return add_scalar(x, -number);
}

}  // namespace pixnerd
