/// \file
/// Looking up rows of a table.
#pragma once

#include <algorithm>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

template <class Device>
struct embedding_kernel {
  static_assert(sizeof(Device) == 0,
                "op embedding has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

template <>
struct embedding_kernel<Cpu> {
  template <class T>
  static void forward(std::int64_t count, std::int64_t width, const T* table, const std::int64_t* indices,
                      T* y) {
    for (std::int64_t i = 0; i < count; ++i) std::copy_n(table + indices[i] * width, width, y + i * width);
  }

  /// Rows are cut by column, so each element of the table is summed on one thread, in the order of the
  /// indices.
  template <class T>
  static void backward(std::int64_t count, std::int64_t rows, std::int64_t width, const std::int64_t* indices,
                       const T* grad_y, GradTarget<T> grad_table) {
    parallel_ranges(width, 64, [=](std::int64_t begin, std::int64_t end) {
      if (!grad_table.add) {
        for (std::int64_t k = 0; k < rows; ++k)
          std::fill(grad_table.data + k * width + begin, grad_table.data + k * width + end, T(0));
      }
      for (std::int64_t i = 0; i < count; ++i) {
        T* row = grad_table.data + indices[i] * width;
        for (std::int64_t j = begin; j < end; ++j) row[j] += grad_y[i * width + j];
      }
    });
  }
};

/// y = table[indices]: table (K, D), indices (...) -> y (..., D). Saves the indices.
/// Throws ShapeError for a table of another rank, ValueError for an index outside [0, K).
template <class T, class Device>
Tensor<T, Device> embedding(const Tensor<T, Device>& table, const Tensor<std::int64_t, Device>& indices) {
  if (table.rank() != 2) raise<ShapeError>("embedding", "a table (K, D)", text(table.shape()));
  const std::int64_t rows = table.size(0), width = table.size(1), count = indices.count();
  for (const std::int64_t index : indices.to_host()) {
    if (index < 0 || index >= rows)
      raise<ValueError>("embedding", text("an index from 0 to ", rows - 1), text(index));
  }
  Shape shape = indices.shape();
  shape.push_back(width);
  Tensor<T, Device> y(shape);
  using kernel = embedding_kernel<Device>;
  kernel::forward(count, width, table.data(), indices.data(), y.data());
  if (needs_grad(table)) {
    record(y, [=, slot = table.slot()](const Tensor<T, Device>& grad_y) {
      kernel::backward(count, rows, width, indices.data(), grad_y.data(), grad_target<wide_t<T>>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
