// SPDX-License-Identifier: MIT
/// \file
/// The neural field of a patch: a small residual MLP whose two matrices were predicted for this patch.
#pragma once

#include <algorithm>
#include <cmath>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/math.hpp>
#include <pixnerd/ops/cpu/product.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>
#include <pixnerd/ops/cpu/scratch.hpp>
#include <pixnerd/ops/cpu/wide.hpp>

namespace pixnerd {

/// Sizes and variant of a neural field: number of patches and of pixels per patch, feature width F, hidden
/// width F*r, and whether the columns of the second matrix are normalized like those of the first.
struct FieldSizes {
  std::int64_t patches = 0, pixels = 0, width = 0, hidden = 0;
  bool normalize_second = true;

  std::int64_t features() const { return patches * pixels * width; }
  std::int64_t weights() const { return patches * 2 * width * hidden; }
};

template <class Device>
struct FieldMlpKernel : MissingKernel<Device> {};

template <>
struct FieldMlpKernel<Cpu> {
  static constexpr double smallest_norm = 1e-12;

  template <class T>
  static void forward(const FieldSizes& s, wide_t<T> epsilon, const T* x, const T* theta,
                      const wide_t<T>* norm_weight, T* y) {
    parallel_for(s.patches, [=](std::int64_t patch) {
      Scratch<T> scratch(Patch<T>::count(s), Patch<T>::pieces);
      Patch<T> p(s, scratch);
      p.load(s, epsilon, x + patch * s.pixels * s.width, theta + patch * 2 * s.width * s.hidden, norm_weight);
      T* out = y + patch * s.pixels * s.width;
      for (std::int64_t i = 0; i < s.pixels * s.hidden; ++i) p.hidden[i] = silu_value(p.hidden[i]);
      std::copy_n(p.x, s.pixels * s.width, out);
      product_tile<T>(s.pixels, s.width, s.hidden, {p.hidden, s.hidden}, {p.second, s.width}, out, s.width,
                      true);
    });
  }

  /// grad_x may share the memory of grad_y if it is written, not added to.
  template <class T>
  static void backward(const FieldSizes& s, wide_t<T> epsilon, const T* x, const T* theta,
                       const wide_t<T>* norm_weight, const T* grad_y, GradTarget<T> grad_x,
                       GradTarget<T> grad_theta, GradTarget<wide_t<T>> grad_norm_weight) {
    const std::int64_t features = s.pixels * s.width, hiddens = s.pixels * s.hidden,
                       matrix = s.width * s.hidden;
    const auto put = [=](std::int64_t i, T sum) {
      if (grad_norm_weight) grad_norm_weight.put(i, sum);
    };
    parallel_column_sums<T>(s.patches, s.width, 8, put, [=](std::int64_t begin, std::int64_t end, T* sums) {
      Scratch<T> scratch(Patch<T>::count(s) + 2 * hiddens + features + matrix, Patch<T>::pieces + 4);
      Patch<T> p(s, scratch);
      T* active = scratch.take(hiddens);
      T* grad_hidden = scratch.take(hiddens);
      T* grad_normed = scratch.take(features);
      T* grad_matrix = scratch.take(matrix);
      for (std::int64_t patch = begin; patch < end; ++patch) {
        const T* g = grad_y + patch * features;
        p.load(s, epsilon, x + patch * features, theta + patch * 2 * matrix, norm_weight);
        product_tile<T>(s.pixels, s.hidden, s.width, {g, s.width}, {p.second, s.width, true}, grad_hidden,
                        s.hidden, false);
        for (std::int64_t i = 0; i < hiddens; ++i) {
          const T h = p.hidden[i], gate = sigmoid(h);
          active[i] = h * gate;
          grad_hidden[i] *= silu_slope(h, gate);
        }
        if (grad_theta) {
          product_tile<T>(s.width, s.hidden, s.pixels, {p.normed, s.width, true}, {grad_hidden, s.hidden},
                          grad_matrix, s.hidden, false);
          put_matrix(s.width, s.hidden, p.first, p.first_scale, grad_matrix, grad_theta, patch * 2 * matrix);
          product_tile<T>(s.hidden, s.width, s.pixels, {active, s.hidden, true}, {g, s.width}, grad_matrix,
                          s.width, false);
          put_matrix(s.hidden, s.width, p.second, p.second_scale, grad_matrix, grad_theta,
                     (patch * 2 + 1) * matrix);
        }
        product_tile<T>(s.pixels, s.width, s.hidden, {grad_hidden, s.hidden}, {p.first, s.hidden, true},
                        grad_normed, s.width, false);
        for (std::int64_t pixel = 0; pixel < s.pixels; ++pixel) {
          const T* row = p.x + pixel * s.width;
          const T* incoming = g + pixel * s.width;
          T* scaled = grad_normed + pixel * s.width;
          const T inverse = p.inverse_rms[pixel];
          for (std::int64_t i = 0; i < s.width; ++i) {
            sums[i] += scaled[i] * row[i] * inverse;
            scaled[i] *= norm_weight[i];
          }
          if (!grad_x) continue;
          const T dot = lane_sum<T>(0, s.width, [=](std::int64_t i) { return scaled[i] * row[i]; });
          const T along = dot * inverse * inverse * inverse / T(s.width);
          const std::int64_t at = patch * features + pixel * s.width;
          for (std::int64_t i = 0; i < s.width; ++i) {
            grad_x.put(at + i, incoming[i] + scaled[i] * inverse - row[i] * along);
          }
        }
      }
    });
  }

  /// The same for bfloat16, in float32.
  template <class T>
    requires(!is_wide<T>)
  static void forward(const FieldSizes& s, wide_t<T> epsilon, const T* x, const T* theta,
                      const wide_t<T>* norm_weight, T* y) {
    const WideInput<T> wide_x(x, s.features()), wide_theta(theta, s.weights());
    const WideOutput<T> wide_y({y}, s.features());
    forward(s, epsilon, wide_x.data(), wide_theta.data(), norm_weight, wide_y.data());
    wide_y.store();
  }

  template <class T>
    requires(!is_wide<T>)
  static void backward(const FieldSizes& s, wide_t<T> epsilon, const T* x, const T* theta,
                       const wide_t<T>* norm_weight, const T* grad_y, GradTarget<T> grad_x,
                       GradTarget<T> grad_theta, GradTarget<wide_t<T>> grad_norm_weight) {
    const WideInput<T> wide_x(x, s.features()), wide_theta(theta, s.weights()),
        wide_grad(grad_y, s.features());
    const WideOutput<T> sum_x(grad_x, s.features()), sum_theta(grad_theta, s.weights());
    backward(s, epsilon, wide_x.data(), wide_theta.data(), norm_weight, wide_grad.data(), sum_x.target(),
             sum_theta.target(), grad_norm_weight);
    sum_x.store();
    sum_theta.store();
  }

 private:
  /// The working set of one patch: everything forward computes before the activation.
  template <class T>
  struct Patch {
    static constexpr int pieces = 7;
    static std::int64_t count(const FieldSizes& s) {
      return s.pixels * (1 + s.width + s.hidden) + 2 * s.width * s.hidden + s.hidden + s.width;
    }

    Patch(const FieldSizes& s, Scratch<T>& scratch)
        : inverse_rms(scratch.take(s.pixels)),
          normed(scratch.take(s.pixels * s.width)),
          hidden(scratch.take(s.pixels * s.hidden)),
          first(scratch.take(s.width * s.hidden)),
          second(scratch.take(s.width * s.hidden)),
          first_scale(scratch.take(s.hidden)),
          second_scale(scratch.take(s.width)) {}

    void load(const FieldSizes& s, T epsilon, const T* pixels, const T* theta, const T* norm_weight) {
      x = pixels;
      for (std::int64_t pixel = 0; pixel < s.pixels; ++pixel) {
        const T* row = x + pixel * s.width;
        const T mean_square =
            lane_sum<T>(0, s.width, [row](std::int64_t i) { return row[i] * row[i]; }) / T(s.width);
        const T inverse = T(1) / std::sqrt(mean_square + epsilon);
        inverse_rms[pixel] = inverse;
        for (std::int64_t i = 0; i < s.width; ++i)
          normed[pixel * s.width + i] = row[i] * inverse * norm_weight[i];
      }
      normalize(s.width, s.hidden, true, theta, first, first_scale);
      normalize(s.hidden, s.width, s.normalize_second, theta + s.width * s.hidden, second, second_scale);
      product_tile<T>(s.pixels, s.hidden, s.width, {normed, s.width}, {first, s.hidden}, hidden, s.hidden,
                      false);
    }

    const T* x = nullptr;  // pixels x width
    T* inverse_rms;        // pixels
    T* normed;             // pixels x width
    T* hidden;             // pixels x hidden, before the activation
    T* first;              // width x hidden, columns normalized
    T* second;             // hidden x width, columns normalized where asked
    T* first_scale;  // 1 / norm of each column, negative where the norm was clamped, 0 where not normalized
    T* second_scale;
  };

  template <class T>
  static void normalize(std::int64_t rows, std::int64_t columns, bool wanted, const T* from, T* to,
                        T* scale) {
    std::fill_n(scale, columns, T(0));
    if (!wanted) {
      std::copy_n(from, rows * columns, to);
      return;
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) scale[j] += from[i * columns + j] * from[i * columns + j];
    }
    for (std::int64_t j = 0; j < columns; ++j) {
      const T norm = std::sqrt(scale[j]);
      scale[j] = norm > T(smallest_norm) ? T(1) / norm : T(-1 / smallest_norm);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j)
        to[i * columns + j] = from[i * columns + j] * std::abs(scale[j]);
    }
  }

  /// Turns the gradient of a normalized matrix into that of the generated one. Overwrites `grad`.
  template <class T>
  static void put_matrix(std::int64_t rows, std::int64_t columns, const T* normalized, const T* scale,
                         T* grad, GradTarget<T> target, std::int64_t at) {
    for (std::int64_t j0 = 0; j0 < columns; j0 += 64) {
      const std::int64_t width = std::min<std::int64_t>(64, columns - j0);
      T along[64] = {};  // projection of each column's gradient on the column
      for (std::int64_t i = 0; i < rows; ++i) {
        const T* n = normalized + i * columns + j0;
        const T* g = grad + i * columns + j0;
        for (std::int64_t j = 0; j < width; ++j) along[j] += n[j] * g[j];
      }
      T factor[64];
      for (std::int64_t j = 0; j < width; ++j) {
        const T c = scale[j0 + j];
        along[j] = c > T(0) ? along[j] : T(0);
        factor[j] = c == T(0) ? T(1) : std::abs(c);
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t row = i * columns + j0;
        for (std::int64_t j = 0; j < width; ++j) {
          target.put(at + row + j, (grad[row + j] - normalized[row + j] * along[j]) * factor[j]);
        }
      }
    }
  }
};

/// Evaluates the MLP of each patch at its pixels: y = x + silu(RMSNorm(x) W1) W2, with W1 (F, F*r) and W2
/// (F*r, F) of each patch taken from theta, and each of their columns divided by max(its L2 norm, 1e-12); W2
/// only if `normalize_second`.
///
/// x (N, pixels, F), theta (N, 2 * F * F*r) holding W1 then W2 row-major, norm_weight (F) of wide_t<T> -> y
/// (N, pixels, F). Saves x and theta; backward recomputes the rest. Normalized matrices exist for one patch
/// per thread at a time. Throws ShapeError when sizes do not fit. Source: NerfBlock in pixnerd_c2i.py,
/// MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> field_mlp(const Tensor<T, Device>& x, const Tensor<T, Device>& theta,
                            const Tensor<wide_t<T>, Device>& norm_weight, bool normalize_second = true,
                            double epsilon = 1e-6) {
  if (x.rank() != 3 || theta.rank() != 2 || x.size(2) < 1 || theta.size(0) != x.size(0) ||
      theta.size(1) % (2 * x.size(2)) != 0 || theta.size(1) == 0 ||
      !(norm_weight.shape() == Shape{x.size(2)})) {
    raise<ShapeError>(
        "field_mlp", "x (N, pixels, F), theta (N, 2*F*hidden) and a norm weight (F)",
        str_cat("x ", x.shape(), ", theta ", theta.shape(), ", norm weight ", norm_weight.shape()));
  }
  const FieldSizes sizes{x.size(0), x.size(1), x.size(2), theta.size(1) / (2 * x.size(2)), normalize_second};
  const auto eps = static_cast<wide_t<T>>(epsilon);
  Tensor<T, Device> y(x.shape());
  using kernel = FieldMlpKernel<Device>;
  kernel::forward(sizes, eps, x.data(), theta.data(), norm_weight.data(), y.data());
  if (needs_grad(x, theta, norm_weight)) {
    record(y, [=](const Tensor<T, Device>& grad_y) {
      // Each patch reads its part of grad_y before it writes the same part of grad_x, so the two may share
      // memory.
      const bool adopted = x.slot() && x.slot()->adopt(grad_y);
      const auto grad_x = adopted ? GradTarget<T>{grad_y.data()} : grad_target<T>(x.slot());
      kernel::backward(sizes, eps, x.data(), theta.data(), norm_weight.data(),
                       static_cast<const T*>(grad_y.data()), grad_x, grad_target<T>(theta.slot()),
                       grad_target<wide_t<T>>(norm_weight.slot()));
    });
  }
  return y;
}

}  // namespace pixnerd
