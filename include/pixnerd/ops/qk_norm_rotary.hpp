// SPDX-License-Identifier: MIT
/// \file
/// The step between an attention layer's qkv product and the attention itself: heads are separated, queries
/// and keys are normalized and rotated by their positions.
#pragma once

#include <array>
#include <cmath>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

template <class Device>
struct QkNormRotaryKernel : MissingKernel<Device> {};

/// Rotates the complex number a + ib by the angle with cosine c and sine s.
template <class T>
PIXNERD_HOST_DEVICE inline void rotate_pair(T a, T b, T c, T s, T& out_a, T& out_b) {
  out_a = a * c - b * s;
  out_b = a * s + b * c;
}

template <>
struct QkNormRotaryKernel<Cpu> {
  static constexpr std::int64_t grain = 16;  // tokens

  template <class T>
  static void forward(std::int64_t tokens, std::int64_t positions, std::int64_t heads, std::int64_t width,
                      wide_t<T> epsilon, const T* qkv, const std::array<const wide_t<T>*, 2>& weights,
                      const wide_t<T>* rotary, const std::array<T*, 3>& out, wide_t<T>* inverse_rms) {
    using W = wide_t<T>;
    const std::int64_t all = heads * width;
    parallel_ranges(tokens, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t token = begin; token < end; ++token) {
        const W* turn = rotary == nullptr ? nullptr : rotary + token % positions * width;
        for (int part = 0; part < 2; ++part) {
          for (std::int64_t head = 0; head < heads; ++head) {
            const T* x = qkv + (token * 3 + part) * all + head * width;
            T* y = out[part] + token * all + head * width;
            const W mean_square =
                lane_sum<W>(0, width, [x](std::int64_t i) { return W(x[i]) * W(x[i]); }) / W(width);
            const W inverse = W(1) / std::sqrt(mean_square + epsilon);
            inverse_rms[(token * 2 + part) * heads + head] = inverse;
            const W* weight = weights[part];
            if (turn == nullptr) {
              for (std::int64_t i = 0; i < width; ++i) y[i] = static_cast<T>(W(x[i]) * inverse * weight[i]);
            } else {
              for (std::int64_t i = 0; i < width; i += 2) {
                W a, b;
                rotate_pair(W(x[i]) * inverse * weight[i], W(x[i + 1]) * inverse * weight[i + 1], turn[i],
                            turn[i + 1], a, b);
                y[i] = static_cast<T>(a);
                y[i + 1] = static_cast<T>(b);
              }
            }
          }
        }
        std::copy_n(qkv + (token * 3 + 2) * all, all, out[2] + token * all);
      }
    });
  }

  template <class T>
  static void backward(std::int64_t tokens, std::int64_t positions, std::int64_t heads, std::int64_t width,
                       const T* qkv, const std::array<const wide_t<T>*, 2>& weights, const wide_t<T>* rotary,
                       const wide_t<T>* inverse_rms, const std::array<const T*, 3>& grad_out,
                       GradTarget<T> grad_qkv, const std::array<GradTarget<wide_t<T>>, 2>& grad_weights) {
    using W = wide_t<T>;
    const std::int64_t all = heads * width;
    const auto put = [=](std::int64_t i, W sum) {
      if (const auto& target = grad_weights[i / width]) target.put(i % width, sum);
    };
    parallel_column_sums<W>(
        tokens, 2 * width, grain, put, [=](std::int64_t begin, std::int64_t end, W* sums) {
          std::array<W, max_width> unturned, scaled;
          for (std::int64_t token = begin; token < end; ++token) {
            const W* turn = rotary == nullptr ? nullptr : rotary + token % positions * width;
            for (int part = 0; part < 2; ++part) {
              for (std::int64_t head = 0; head < heads; ++head) {
                const std::int64_t at = (token * 3 + part) * all + head * width;
                const T* x = qkv + at;
                const T* g = grad_out[part] + token * all + head * width;
                const W* weight = weights[part];
                const W inverse = inverse_rms[(token * 2 + part) * heads + head];
                if (turn == nullptr) {
                  for (std::int64_t i = 0; i < width; ++i) unturned[i] = W(g[i]);
                } else {
                  for (std::int64_t i = 0; i < width; i += 2) {
                    rotate_pair(W(g[i]), W(g[i + 1]), turn[i], -turn[i + 1], unturned[i], unturned[i + 1]);
                  }
                }
                W* weight_sums = sums + part * width;
                for (std::int64_t i = 0; i < width; ++i) {
                  weight_sums[i] += unturned[i] * W(x[i]) * inverse;
                  scaled[i] = unturned[i] * weight[i];
                }
                if (!grad_qkv) continue;
                const W dot = lane_sum<W>(0, width, [&](std::int64_t i) { return scaled[i] * W(x[i]); });
                const W along = dot * inverse * inverse * inverse / W(width);
                for (std::int64_t i = 0; i < width; ++i)
                  grad_qkv.put(at + i, static_cast<T>(scaled[i] * inverse - W(x[i]) * along));
              }
            }
            if (!grad_qkv) continue;
            const std::int64_t at = (token * 3 + 2) * all;
            for (std::int64_t i = 0; i < all; ++i) grad_qkv.put(at + i, grad_out[2][token * all + i]);
          }
        });
  }

  static constexpr std::int64_t max_width = 512;
};

/// Splits qkv into heads, applies RMSNorm over the head width to queries and keys (one weight each for all
/// heads), then rotates consecutive pairs of elements by the position's angles.
///
/// qkv (B, L, 3 * A * d) with features ordered [q, k, v][head][d]; weights (d) of wide_t<T>; rotary (L, d)
/// holding cosine and sine of each pair's angle alternately, or undefined for no rotation -> q, k, v, each
/// (B, L, A, d). Saves qkv and the inverse root mean squares. Throws ShapeError when sizes do not fit, for an
/// odd d with rotary and for d above 512. Source: RAttention in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
std::array<Tensor<T, Device>, 3> qk_norm_rotary(const Tensor<T, Device>& qkv,
                                                const Tensor<wide_t<T>, Device>& q_weight,
                                                const Tensor<wide_t<T>, Device>& k_weight,
                                                const Tensor<wide_t<T>, Device>& rotary,
                                                double epsilon = 1e-6) {
  if (qkv.rank() != 3 || q_weight.rank() != 1 || !(q_weight.shape() == k_weight.shape()) ||
      q_weight.size(0) < 1 || qkv.size(2) % (3 * q_weight.size(0)) != 0) {
    raise<ShapeError>(
        "qk_norm_rotary", "qkv (B, L, 3*A*d) and two weights (d)",
        str_cat("qkv ", qkv.shape(), " and weights ", q_weight.shape(), " and ", k_weight.shape()));
  }
  const std::int64_t batch = qkv.size(0), positions = qkv.size(1), width = q_weight.size(0);
  const std::int64_t heads = qkv.size(2) / (3 * width);
  if (rotary.defined() && (!(rotary.shape() == Shape{positions, width}) || width % 2 != 0)) {
    raise<ShapeError>("qk_norm_rotary",
                      str_cat("a rotary table (", positions, ", ", width, ") with an even width"),
                      str_cat(rotary.shape()));
  }
  using kernel = QkNormRotaryKernel<Device>;
  if (width > kernel::max_width) {
    raise<ShapeError>("qk_norm_rotary", str_cat("a head width up to ", kernel::max_width), str_cat(width));
  }
  const Shape shape{batch, positions, heads, width};
  std::array<Tensor<T, Device>, 3> out{Tensor<T, Device>(shape), Tensor<T, Device>(shape),
                                       Tensor<T, Device>(shape)};
  Tensor<wide_t<T>, Device> inverse_rms({batch, positions, 2, heads});
  const std::array<const wide_t<T>*, 2> weights{q_weight.data(), k_weight.data()};
  kernel::forward(batch * positions, positions, heads, width, static_cast<wide_t<T>>(epsilon), qkv.data(),
                  weights, static_cast<const wide_t<T>*>(rotary.data()),
                  {out[0].data(), out[1].data(), out[2].data()}, inverse_rms.data());
  if (needs_grad(qkv, q_weight, k_weight)) {
    record(out, [=](const std::array<Tensor<T, Device>, 3>& grad_out) {
      using W = wide_t<T>;
      kernel::backward(batch * positions, positions, heads, width, static_cast<const T*>(qkv.data()),
                       {q_weight.data(), k_weight.data()}, static_cast<const W*>(rotary.data()),
                       static_cast<const W*>(inverse_rms.data()),
                       {grad_out[0].data(), grad_out[1].data(), grad_out[2].data()},
                       grad_target<T>(qkv.slot()),
                       {grad_target<W>(q_weight.slot()), grad_target<W>(k_weight.slot())});
    });
  }
  return out;
}

}  // namespace pixnerd
