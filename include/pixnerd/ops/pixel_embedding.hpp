// SPDX-License-Identifier: MIT
/// \file
/// The first layer of the neural field decoder: an affine map of a pixel's values and of its coordinates
/// within the patch.
#pragma once

#include <algorithm>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/product.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>
#include <pixnerd/ops/cpu/scratch.hpp>
#include <pixnerd/ops/cpu/wide.hpp>

namespace pixnerd {

/// Number of patches, of pixels per patch, of values (C) and coordinates (K) per pixel, and of features (F).
struct PixelEmbeddingSizes {
  std::int64_t patches = 0, pixels = 0, values = 0, coordinates = 0, features = 0;

  std::int64_t rows() const { return patches * pixels; }
  std::int64_t weights() const { return features * (values + coordinates); }
};

template <class Device>
struct PixelEmbeddingKernel : MissingKernel<Device> {};

template <>
struct PixelEmbeddingKernel<Cpu> {
  static constexpr std::int64_t grain = 512;  // rows; a row is one pixel of one patch

  template <class T>
  static void forward(const PixelEmbeddingSizes& s, const T* x, const T* coordinates, const T* weight,
                      const T* bias, T* y) {
    const std::int64_t in = s.values + s.coordinates, features = s.features;
    Scratch<T> scratch((s.pixels + s.values) * features, 2);
    // The contribution of coordinates and bias is the same in every patch.
    T* base = scratch.take(s.pixels * features);
    parallel_product<T>(s.pixels, features, s.coordinates, {coordinates, s.coordinates},
                        {weight + s.values, in, true}, base, features, false, bias);
    T* value_weight = scratch.take(s.values * features);  // C x F
    for (std::int64_t c = 0; c < s.values; ++c) {
      for (std::int64_t f = 0; f < features; ++f) value_weight[c * features + f] = weight[f * in + c];
    }
    parallel_ranges(s.patches * s.pixels, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        T* out = y + row * features;
        std::copy_n(base + row % s.pixels * features, features, out);
        for (std::int64_t c = 0; c < s.values; ++c) {
          const T value = x[row * s.values + c];
          const T* w = value_weight + c * features;
          for (std::int64_t f = 0; f < features; ++f) out[f] += value * w[f];
        }
      }
    });
  }

  template <class T>
  static void backward(const PixelEmbeddingSizes& s, const T* x, const T* coordinates, const T* weight,
                       const T* grad_y, GradTarget<T> grad_x, GradTarget<wide_t<T>> grad_weight,
                       GradTarget<wide_t<T>> grad_bias) {
    const std::int64_t in = s.values + s.coordinates, features = s.features, rows = s.patches * s.pixels;
    if (grad_x) {
      parallel_ranges(rows, grain, [=](std::int64_t begin, std::int64_t end) {
        product_tile<T>(end - begin, s.values, features, {grad_y + begin * features, features}, {weight, in},
                        grad_x.data + begin * s.values, s.values, grad_x.add);
      });
    }
    if (!grad_weight && !grad_bias) return;
    parallel_column_sums<T>(
        rows, s.values * features, 4 * grain,
        [=](std::int64_t i, T sum) {
          if (grad_weight) grad_weight.put(i % features * in + i / features, sum);
        },
        [=](std::int64_t begin, std::int64_t end, T* sums) {
          for (std::int64_t row = begin; row < end; ++row) {
            for (std::int64_t c = 0; c < s.values; ++c) {
              const T value = x[row * s.values + c];
              for (std::int64_t f = 0; f < features; ++f)
                sums[c * features + f] += value * grad_y[row * features + f];
            }
          }
        });
    // Their gradients follow from grad_y summed over patches.
    Scratch<T> scratch((s.pixels + s.coordinates) * features, 2);
    T* summed = scratch.take(s.pixels * features);
    parallel_ranges(s.pixels * features, 64, [=](std::int64_t begin, std::int64_t end) {
      std::fill(summed + begin, summed + end, T(0));
      for (std::int64_t patch = 0; patch < s.patches; ++patch) {
        const T* g = grad_y + patch * s.pixels * features;
        for (std::int64_t i = begin; i < end; ++i) summed[i] += g[i];
      }
    });
    if (grad_bias) {
      parallel_column_sums<T>(s.pixels, features, grain, grad_bias,
                              [=](std::int64_t begin, std::int64_t end, T* sums) {
                                for (std::int64_t i = begin; i < end; ++i) {
                                  for (std::int64_t f = 0; f < features; ++f)
                                    sums[f] += summed[i * features + f];
                                }
                              });
    }
    if (grad_weight) {
      T* grad_coordinates = scratch.take(features * s.coordinates);
      parallel_product<T>(features, s.coordinates, s.pixels, {summed, features, true},
                          {coordinates, s.coordinates}, grad_coordinates, s.coordinates, false);
      for (std::int64_t f = 0; f < features; ++f) {
        for (std::int64_t k = 0; k < s.coordinates; ++k) {
          grad_weight.put(f * in + s.values + k, grad_coordinates[f * s.coordinates + k]);
        }
      }
    }
  }

  /// The same for bfloat16, in float32.
  template <class T>
    requires(!is_wide<T>)
  static void forward(const PixelEmbeddingSizes& s, const T* x, const T* coordinates, const T* weight,
                      const T* bias, T* y) {
    const WideInput<T> wide_x(x, s.rows() * s.values), table(coordinates, s.pixels * s.coordinates),
        wide_weight(weight, s.weights()), wide_bias(bias, s.features);
    const WideOutput<T> wide_y({y}, s.rows() * s.features);
    forward(s, wide_x.data(), table.data(), wide_weight.data(), wide_bias.data(), wide_y.data());
    wide_y.store();
  }

  template <class T>
    requires(!is_wide<T>)
  static void backward(const PixelEmbeddingSizes& s, const T* x, const T* coordinates, const T* weight,
                       const T* grad_y, GradTarget<T> grad_x, GradTarget<wide_t<T>> grad_weight,
                       GradTarget<wide_t<T>> grad_bias) {
    const WideInput<T> wide_x(x, s.rows() * s.values), table(coordinates, s.pixels * s.coordinates),
        wide_weight(weight, s.weights()), wide_grad(grad_y, s.rows() * s.features);
    const WideOutput<T> sum_x(grad_x, s.rows() * s.values);
    backward(s, wide_x.data(), table.data(), wide_weight.data(), wide_grad.data(), sum_x.target(),
             grad_weight, grad_bias);
    sum_x.store();
  }
};

/// Embeds pixels: y = weight [x, coordinates] + bias for every pixel of every patch. All patches share the
/// coordinates, which are never concatenated with the values in memory.
///
/// x (N, pixels, C), coordinates (pixels, K), weight (F, C + K) with the columns of the values first, bias
/// (F) -> y (N, pixels, F). Saves x, coordinates and weight. The coordinates get no gradient. Throws
/// ShapeError when sizes do not fit. Source: NerfEmbedder in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> pixel_embedding(const Tensor<T, Device>& x, const Tensor<T, Device>& coordinates,
                                  const Tensor<T, Device>& weight, const Tensor<T, Device>& bias) {
  if (x.rank() != 3 || coordinates.rank() != 2 || weight.rank() != 2 || coordinates.size(0) != x.size(1) ||
      weight.size(1) != x.size(2) + coordinates.size(1) || !(bias.shape() == Shape{weight.size(0)})) {
    raise<ShapeError>("pixel_embedding",
                      "x (N, pixels, C), coordinates (pixels, K), weight (F, C+K) and bias (F)",
                      str_cat("x ", x.shape(), ", coordinates ", coordinates.shape(), ", weight ",
                              weight.shape(), ", bias ", bias.shape()));
  }
  const PixelEmbeddingSizes sizes{x.size(0), x.size(1), x.size(2), coordinates.size(1), weight.size(0)};
  Tensor<T, Device> y({sizes.patches, sizes.pixels, sizes.features});
  using kernel = PixelEmbeddingKernel<Device>;
  kernel::forward(sizes, x.data(), coordinates.data(), weight.data(), bias.data(), y.data());
  if (needs_grad(x, weight, bias)) {
    record(y, [=, bias = bias.slot()](const Tensor<T, Device>& grad_y) {
      kernel::backward(sizes, x.data(), coordinates.data(), weight.data(), grad_y.data(),
                       grad_target<T>(x.slot()), grad_target<wide_t<T>>(weight.slot()),
                       grad_target<wide_t<T>>(bias));
    });
  }
  return y;
}

}  // namespace pixnerd
