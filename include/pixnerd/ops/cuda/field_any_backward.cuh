// SPDX-License-Identifier: MIT
/// \file
/// The neural field of any size and element type backward on the GPU, without tensor cores.
#pragma once

#include <pixnerd/ops/cuda/field_any.cuh>

namespace pixnerd::detail {

/// From the hidden layer of `count` pixels, computes its activation, its gradient times the first matrix's
/// factors, and their contribution to the gradients of the matrices. Ends with a barrier.
template <class T, class W>
__device__ inline void field_hidden_gradients(const FieldScratch<W>& f, int count, const T* grad_y) {
  const auto grad = [=](std::int64_t i, int k) {
    return W(grad_y[i * f.width + k]) * std::abs(f.second_scale[k]);
  };
  field_product<W>(
      count, f.hidden, f.width, grad,
      [=](int k, int j) { return f.second[std::int64_t{j} * f.width_stride + k]; },
      [=](int i, int j, W sum) {
        const std::int64_t at = std::int64_t{i} * f.hidden_stride + j;
        const W h = f.active[at], gate = sigmoid(h);
        f.active[at] = h * gate;
        f.grad_hidden[at] = sum * gate * (W(1) + h * (W(1) - gate)) * std::abs(f.first_scale[j]);
      });
  __syncthreads();
  field_product<W>(
      f.width, f.hidden, count, [=](int i, int k) { return f.normed[std::int64_t{k} * f.width_stride + i]; },
      [=](int k, int j) { return f.grad_hidden[std::int64_t{k} * f.hidden_stride + j]; },
      [=](int i, int j, W sum) { f.first_grad[std::int64_t{i} * f.hidden + j] += sum; });
  field_product<W>(
      f.hidden, f.width, count, [=](int i, int k) { return f.active[std::int64_t{k} * f.hidden_stride + i]; },
      [=](int k, int j) { return grad(k, j); },
      [=](int i, int j, W sum) { f.second_grad[std::int64_t{i} * f.width + j] += sum; });
  field_product<W>(
      count, f.width, f.hidden,
      [=](int i, int k) { return f.grad_hidden[std::int64_t{i} * f.hidden_stride + k]; },
      [=](int k, int j) { return f.first[std::int64_t{j} * f.hidden_stride + k]; },
      [=](int i, int j, W sum) { f.grad_normed[std::int64_t{i} * f.width_stride + j] = sum; });
  __syncthreads();
}

/// The gradient of `count` pixels starting at x, and their contribution to that of the norm's weights. Ends
/// with a barrier.
template <class T, class W>
__device__ inline void field_pixel_gradients(const FieldScratch<W>& f, int count, const T* x,
                                             const W* norm_weight, const T* grad_y, GradTarget<T> grad_x) {
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  for (int i = thread; i < f.width; i += threads) {
    W sum = 0;
    for (int row = 0; row < count; ++row) {
      sum += f.grad_normed[std::int64_t{row} * f.width_stride + i] * W(x[std::int64_t{row} * f.width + i]) *
             f.inverse_rms[row];
    }
    f.weight_grad[i] += sum;
  }
  const int lane = thread % warp_size;
  for (int row = thread / warp_size; grad_x.data != nullptr && row < count; row += threads / warp_size) {
    const std::int64_t at = std::int64_t{row} * f.width;
    const W* const incoming = f.grad_normed + std::int64_t{row} * f.width_stride;
    const W inverse = f.inverse_rms[row];
    W dot = 0;
    for (int i = lane; i < f.width; i += warp_size) dot += incoming[i] * norm_weight[i] * W(x[at + i]);
    const W along = warp_sum(dot) * inverse * inverse * inverse / W(f.width);
    for (int i = lane; i < f.width; i += warp_size) {
      const W sum = W(grad_y[at + i]) + incoming[i] * norm_weight[i] * inverse - W(x[at + i]) * along;
      grad_x.put(at + i, static_cast<T>(sum));
    }
  }
  __syncthreads();
}

/// The gradient of a generated matrix, from that of its normalized form times the columns' factors. Where the
/// norm was clamped, the latter is the result.
template <class T, class W>
__device__ inline void put_field_matrix(int rows, int columns, const W* matrix, int stride, const W* scale,
                                        bool normalized, const W* grad, GradTarget<T> target,
                                        std::int64_t at) {
  for (int j = static_cast<int>(threadIdx.x); j < columns; j += static_cast<int>(blockDim.x)) {
    W along = 0;
    for (std::int64_t i = 0; i < rows; ++i) along += matrix[i * stride + j] * grad[i * columns + j];
    along *= field_projection(normalized, scale[j]);
    for (std::int64_t i = 0; i < rows; ++i) {
      target.put(at + i * columns + j,
                 static_cast<T>(grad[i * columns + j] - matrix[i * stride + j] * along));
    }
  }
}

/// A block handles one patch at a time, `rows` of its pixels at a time. The gradient of the norm's weights
/// goes to one row of `grad_weights` per patch.
template <class T, class W>
__global__ void __launch_bounds__(field_any_threads, 1)
    field_any_backward_kernel(FieldSizes s, int rows, W* global, std::int64_t per_block, W epsilon,
                              const T* x, const T* theta, const W* norm_weight, const T* grad_y,
                              GradTarget<T> grad_x, GradTarget<T> grad_theta, W* grad_weights) {
  FieldScratch<W> f;
  f.lay_out(s, rows, true, field_scratch_memory(global, per_block));
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const std::int64_t matrix = s.width * s.hidden;
  for (std::int64_t patch = blockIdx.x; patch < s.patches; patch += gridDim.x) {
    load_field_matrices(f, s.normalize_second, theta + patch * 2 * matrix);
    for (std::int64_t i = thread; i < matrix; i += threads) f.first_grad[i] = f.second_grad[i] = W(0);
    for (int i = thread; i < f.width; i += threads) f.weight_grad[i] = W(0);
    __syncthreads();
    for (std::int64_t pixel = 0; pixel < s.pixels; pixel += rows) {
      const std::int64_t at = (patch * s.pixels + pixel) * s.width;
      const int count = s.pixels - pixel < rows ? static_cast<int>(s.pixels - pixel) : rows;
      field_hidden(f, count, epsilon, x + at, norm_weight);
      field_hidden_gradients(f, count, grad_y + at);
      const GradTarget<T> piece =
          grad_x.data != nullptr ? GradTarget<T>{grad_x.data + at, grad_x.add} : grad_x;
      field_pixel_gradients(f, count, x + at, norm_weight, grad_y + at, piece);
    }
    if (grad_weights != nullptr) {
      for (int i = thread; i < f.width; i += threads) grad_weights[patch * s.width + i] = f.weight_grad[i];
    }
    if (grad_theta.data == nullptr) continue;
    put_field_matrix(f.width, f.hidden, f.first, f.hidden_stride, f.first_scale, true, f.first_grad,
                     grad_theta, patch * 2 * matrix);
    put_field_matrix(f.hidden, f.width, f.second, f.width_stride, f.second_scale, s.normalize_second,
                     f.second_grad, grad_theta, (patch * 2 + 1) * matrix);
  }
}

}  // namespace pixnerd::detail
