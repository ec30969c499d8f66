// SPDX-License-Identifier: MIT
/// \file
/// Cosine similarity of vectors.
#pragma once

#include <algorithm>
#include <cmath>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

template <class Device>
struct CosineSimilarityKernel : MissingKernel<Device> {};

template <>
struct CosineSimilarityKernel<Cpu> {
  static std::int64_t grain(std::int64_t width) {
    return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
  }

  /// inverse_norms (rows, 2): of x and of y.
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, double epsilon, const T* x, const T* y,
                      T* cosine, wide_t<T>* inverse_norms) {
    using W = wide_t<T>;
    parallel_ranges(rows, grain(width), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* a = x + row * width;
        const T* b = y + row * width;
        const W dot = lane_sum<W>(0, width, [=](std::int64_t j) { return W(a[j]) * W(b[j]); });
        const W norm_a = std::sqrt(lane_sum<W>(0, width, [=](std::int64_t j) { return W(a[j]) * W(a[j]); }));
        const W norm_b = std::sqrt(lane_sum<W>(0, width, [=](std::int64_t j) { return W(b[j]) * W(b[j]); }));
        const W inverse_a = W(1) / std::max(norm_a, W(epsilon)),
                inverse_b = W(1) / std::max(norm_b, W(epsilon));
        cosine[row] = static_cast<T>(dot * inverse_a * inverse_b);
        inverse_norms[2 * row] = inverse_a;
        inverse_norms[2 * row + 1] = inverse_b;
      }
    });
  }

  /// Either target may be false. Both may belong to one tensor: grad_x contributes first.
  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, double epsilon, const T* x, const T* y,
                       const T* cosine, const wide_t<T>* inverse_norms, const T* grad_cosine,
                       GradTarget<T> grad_x, GradTarget<T> grad_y) {
    using W = wide_t<T>;
    const W clamped = W(1) / W(epsilon);  // the inverse of a norm that does not depend on its vector
    parallel_ranges(rows, grain(width), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t start = row * width;
        const T* a = x + start;
        const T* b = y + start;
        const W inverse_a = inverse_norms[2 * row], inverse_b = inverse_norms[2 * row + 1];
        const W g = W(grad_cosine[row]), across = g * inverse_a * inverse_b, along = g * W(cosine[row]);
        if (grad_x) {
          const W own = inverse_a < clamped ? along * inverse_a * inverse_a : W(0);
          for (std::int64_t j = 0; j < width; ++j)
            grad_x.put(start + j, static_cast<T>(across * W(b[j]) - own * W(a[j])));
        }
        if (grad_y) {
          const W own = inverse_b < clamped ? along * inverse_b * inverse_b : W(0);
          for (std::int64_t j = 0; j < width; ++j)
            grad_y.put(start + j, static_cast<T>(across * W(a[j]) - own * W(b[j])));
        }
      }
    });
  }
};

/// Cosine similarity: x.y / (max(|x|, epsilon) max(|y|, epsilon)) over the innermost axis. x, y (..., D) of
/// one shape -> (...), between -1 and 1. Saves x, y, their inverse norms and the result. Throws ShapeError
/// when the shapes differ or have no axis. Source: REPATrainer in training_repa.py, MCG-NJU/PixNerd@6da060b,
/// which calls torch.nn.functional.cosine_similarity.
template <class T, class Device>
Tensor<T, Device> cosine_similarity(const Tensor<T, Device>& x, const Tensor<T, Device>& y,
                                    double epsilon = 1e-8) {
  if (!(x.shape() == y.shape()) || x.rank() < 1) {
    raise<ShapeError>("cosine_similarity", "x and y (..., D) of one shape",
                      str_cat(x.shape(), " and ", y.shape()));
  }
  using kernel = CosineSimilarityKernel<Device>;
  Shape shape;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) shape.push_back(x.size(axis));
  const std::int64_t rows = x.shape().rows(), width = x.size(-1);
  Tensor<T, Device> cosine(shape);
  Tensor<wide_t<T>, Device> inverse_norms({rows, 2});
  kernel::forward(rows, width, epsilon, x.data(), y.data(), cosine.data(), inverse_norms.data());
  if (needs_grad(x, y)) {
    record(cosine, [=](const Tensor<T, Device>& grad_cosine) {
      const auto grad_x = grad_target<T>(x.slot());
      const auto grad_y = grad_target<T>(y.slot());
      kernel::backward(rows, width, epsilon, x.data(), y.data(), cosine.data(), inverse_norms.data(),
                       grad_cosine.data(), grad_x, grad_y);
    });
  }
  return cosine;
}

}  // namespace pixnerd
