// SPDX-License-Identifier: MIT
/// \file
/// The first layer of the neural field decoder on the GPU.
#pragma once

#include <pixnerd/ops/cuda/product.cuh>
#include <pixnerd/ops/cuda/thin_contract.cuh>
#include <pixnerd/ops/pixel_embedding.hpp>

namespace pixnerd {

namespace detail {

/// base (pixels, F) = coordinates weight_k^T + bias, one thread per element.
template <class T>
__global__ void coordinate_base_kernel(PixelEmbeddingSizes s, const T* coordinates, const T* weight,
                                       const T* bias, wide_t<T>* base) {
  using W = wide_t<T>;
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= s.pixels * s.features) return;
  const std::int64_t pixel = i / s.features, feature = i % s.features;
  const T* place = coordinates + pixel * s.coordinates;
  const T* row = weight + feature * (s.values + s.coordinates) + s.values;
  W sum = static_cast<W>(bias[feature]);
#pragma unroll 8
  for (std::int64_t k = 0; k < s.coordinates; ++k) sum += static_cast<W>(place[k]) * static_cast<W>(row[k]);
  base[i] = sum;
}

/// Terms of the gradient of the coordinates' weights: pixel p adds summed[p, f] * coordinates[p, k] to column
/// f * K + k.
template <class T>
struct CoordinateTerm {
  const wide_t<T>* summed;  // (pixels, F)
  const T* coordinates;     // (pixels, K)
  std::int64_t features, count;

  __device__ void operator()(std::int64_t pixel, std::int64_t column, wide_t<T> (&sum)[1][1]) const {
    sum[0][0] += summed[pixel * features + column / count] *
                 static_cast<wide_t<T>>(coordinates[pixel * count + column % count]);
  }
};

/// Puts columns f * K + k into the weight's gradient (F, C + K).
template <class W>
struct PutCoordinates {
  GradTarget<W> to;
  std::int64_t values, count;

  __device__ void operator()(std::int64_t, std::int64_t column, const W (&total)[1]) const {
    to.put(column / count * (values + count) + values + column % count, total[0]);
  }
};

}  // namespace detail

/// The contribution of coordinates and bias is computed once for all patches; then one pass writes y.
/// Backward reads the gradient of y once, and computes from it the gradients of x and of the values' weights,
/// and the sums over patches that give the gradients of the coordinates' weights and of the bias. Sizes that
/// this pass does not support use cuBLASLt instead.
template <>
struct PixelEmbeddingKernel<Cuda> {
  template <class T>
  static void forward(const PixelEmbeddingSizes& s, const T* x, const T* coordinates, const T* weight,
                      const T* bias, T* y) {
    using W = wide_t<T>;
    const std::int64_t count = s.pixels * s.features;
    const auto memory = allocate_bytes<Cuda>(static_cast<std::size_t>(count) * sizeof(W));
    W* base = reinterpret_cast<W*>(memory.get());
    launch(op, detail::coordinate_base_kernel<T>, blocks_for(count, 128), 128, 0, s, coordinates, weight,
           bias, base);
    thin_expand<T>(op, thin_sizes(s), x, {weight, s.values + s.coordinates, 1}, base, {y});
  }

  template <class T>
  static void backward(const PixelEmbeddingSizes& s, const T* x, const T* coordinates, const T* weight,
                       const T* grad_y, GradTarget<T> grad_x, GradTarget<wide_t<T>> grad_weight,
                       GradTarget<wide_t<T>> grad_bias) {
    using W = wide_t<T>;
    const std::int64_t in = s.values + s.coordinates;
    const auto memory = allocate_bytes<Cuda>(static_cast<std::size_t>(s.pixels * s.features) * sizeof(W));
    W* summed = grad_weight || grad_bias ? reinterpret_cast<W*>(memory.get()) : nullptr;
    if (s.rows() > 0 && thin_contract_fits(thin_sizes(s), grad_y)) {
      ThinContraction<T> c{grad_y, {weight, in, 1}, nullptr, grad_x};
      if (grad_weight) {
        c.thin = x;
        c.value_sums = {grad_weight.data, in, 1};
        c.add_value_sums = grad_weight.add;
      }
      c.period_sums = summed;
      thin_contract(op, thin_sizes(s), c);
    } else {
      if (grad_x) {
        cuda_product<T, T>(op, {s.rows(), s.values, s.features}, {grad_y, s.features}, {weight, in},
                           {grad_x.data, s.values, grad_x.add});
      }
      if (grad_weight) {
        cuda_product<T, W>(op, {s.features, s.values, s.rows()}, {grad_y, s.features, true}, {x, s.values},
                           {grad_weight.data, in, grad_weight.add});
      }
      if (summed != nullptr) column_sums_of<T>(op, s.patches, s.pixels * s.features, grad_y, {summed});
    }
    if (grad_bias) column_sums_of<W>(op, s.pixels, s.features, summed, grad_bias);
    if (grad_weight && s.coordinates > 0) {
      grouped_column_sums<W, 1, 1>(op, 1, s.pixels, s.features * s.coordinates,
                                   detail::CoordinateTerm<T>{summed, coordinates, s.features, s.coordinates},
                                   detail::PutCoordinates<W>{grad_weight, s.values, s.coordinates});
    }
  }

 private:
  static constexpr const char* op = "pixel_embedding";

  static ThinSizes thin_sizes(const PixelEmbeddingSizes& s) {
    return {s.rows(), s.features, s.values, std::max<std::int64_t>(1, s.pixels)};
  }
};

}  // namespace pixnerd
