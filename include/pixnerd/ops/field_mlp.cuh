// SPDX-License-Identifier: MIT
/// \file
/// The neural field of a patch on the GPU.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include <pixnerd/ops/cuda/field_any_backward.cuh>
#include <pixnerd/ops/cuda/field_backward_kernel.cuh>
#include <pixnerd/ops/cuda/field_forward.cuh>
#include <pixnerd/ops/cuda/reduce.cuh>

namespace pixnerd {

/// In bfloat16, widths of 16, 32, 48, 64 and 128 with hidden widths that are multiples of 16 use one
/// tensor-core kernel for each direction, as long as a patch's matrices (and in backward their gradients) fit
/// into a multiprocessor: in backward, hidden widths up to 256, or up to 128 if the width is above 64; in
/// forward, at least those. Everything else uses kernels for any size.
template <>
struct FieldMlpKernel<Cuda> {
  template <class T>
  static void forward(const FieldSizes& s, wide_t<T> epsilon, const T* x, const T* theta,
                      const wide_t<T>* norm_weight, T* y) {
    using W = wide_t<T>;
    if (s.patches == 0 || s.pixels == 0) return;
    if constexpr (std::same_as<T, bfloat16>) {
      const std::int64_t bytes = detail::field_forward_bytes(s.width, s.hidden);
      if (s.hidden <= 1024 && bytes <= cuda_shared_memory() && in_tiles(s, x, theta, norm_weight, y) &&
          with_width(s, [&](auto width) {
            launch(op, detail::field_forward_kernel<width>, blocks_for(s.patches, 1),
                   warp_size * detail::field_forward_warps, static_cast<std::size_t>(bytes), s, epsilon, x,
                   theta, norm_weight, y);
          })) {
        return;
      }
    }
    const detail::FieldPlan<W> plan(s, false);
    launch(op, detail::field_any_forward_kernel<T, W>, blocks_for(plan.blocks, 1), detail::field_any_threads,
           static_cast<std::size_t>(plan.shared_bytes), s, plan.rows, plan.memory(), plan.per_block, epsilon,
           x, theta, norm_weight, y);
  }

  /// grad_x may share the memory of grad_y if it is written, not added to.
  template <class T>
  static void backward(const FieldSizes& s, wide_t<T> epsilon, const T* x, const T* theta,
                       const wide_t<T>* norm_weight, const T* grad_y, GradTarget<T> grad_x,
                       GradTarget<T> grad_theta, GradTarget<wide_t<T>> grad_norm_weight) {
    using W = wide_t<T>;
    // One row per patch, added up afterward.
    const auto partial = allocate_bytes<Cuda>(
        grad_theta || grad_norm_weight ? static_cast<std::size_t>(s.patches * s.width) * sizeof(W) : 0);
    auto* const grad_weights = reinterpret_cast<W*>(partial.get());
    backward_of_patches(s, epsilon, x, theta, norm_weight, grad_y, grad_x, grad_theta, grad_weights);
    if (grad_norm_weight) column_sums_of<W>(op, s.patches, s.width, grad_weights, grad_norm_weight);
  }

 private:
  static constexpr const char* op = "field_mlp";

  template <class T>
  static void backward_of_patches(const FieldSizes& s, wide_t<T> epsilon, const T* x, const T* theta,
                                  const wide_t<T>* norm_weight, const T* grad_y, GradTarget<T> grad_x,
                                  GradTarget<T> grad_theta, wide_t<T>* grad_weights) {
    using W = wide_t<T>;
    if (s.patches == 0) return;
    if constexpr (std::same_as<T, bfloat16>) {
      const std::int64_t rows = detail::field_backward_rows(s, cuda_shared_memory());
      const std::int64_t bytes = detail::field_backward_bytes(s.width, s.hidden, rows);
      if (s.hidden <= detail::field_backward_most_hidden(s.width) && rows > 0 &&
          in_tiles(s, x, theta, norm_weight, grad_y, grad_x.data, grad_theta.data) &&
          with_width(s, [&](auto width) {
            launch(op, detail::field_backward_kernel<width>, blocks_for(s.patches, 1),
                   static_cast<unsigned>(warp_size * detail::field_backward_warps(s.hidden)),
                   static_cast<std::size_t>(bytes), s, static_cast<int>(rows), epsilon, x, theta, norm_weight,
                   grad_y, grad_x, grad_theta, grad_weights);
          })) {
        return;
      }
    }
    const detail::FieldPlan<W> plan(s, true);
    launch(op, detail::field_any_backward_kernel<T, W>, blocks_for(plan.blocks, 1), detail::field_any_threads,
           static_cast<std::size_t>(plan.shared_bytes), s, plan.rows, plan.memory(), plan.per_block, epsilon,
           x, theta, norm_weight, grad_y, grad_x, grad_theta, grad_weights);
  }

  /// Whether sizes are whole tiles, all rows start at multiples of 16 bytes, and offsets within a patch fit
  /// into an int.
  template <class... Pointer>
  static bool in_tiles(const FieldSizes& s, const Pointer*... pointers) {
    return s.width % 16 == 0 && s.hidden % 16 == 0 && s.pixels < (1 << 23) &&
           ((reinterpret_cast<std::uintptr_t>(pointers) | ...) % 16 == 0);
  }

  /// Calls use(width) with the width as a constant. False if there are no kernels for it.
  template <class Use>
  static bool with_width(const FieldSizes& s, Use use) {
    return try_widths<16, 32, 48, 64, 128>(s.width, use);
  }
  template <int... widths, class Use>
  static bool try_widths(std::int64_t width, Use use) {
    return ((width == widths && (use(std::integral_constant<int, widths>{}), true)) || ...);
  }
};

}  // namespace pixnerd
