// SPDX-License-Identifier: MIT
/// \file
/// A thread's part of a head's features on the GPU: loaded, rotated by a rotary table, stored.
#pragma once

#include <cstdint>

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/qk_norm_rotary.hpp>

namespace pixnerd {

namespace detail {

/// Neighboring elements of a head that one thread handles: those of one access of 16 bytes, or two, of which
/// the second may not exist.
template <class T, bool packets>
struct HeadElements {
  using W = wide_t<T>;
  static constexpr int count = packets ? Packet<T>::count : 2;
  W values[count];

  /// Loads the elements of `row` starting at i; their type is T or W.
  template <class From>
  __device__ void load(const From* row, int i, int width) {
    if constexpr (packets) {
      constexpr int each = Packet<From>::count;
#pragma unroll
      for (int j = 0; j < count; j += each) {
        const auto packet = *reinterpret_cast<const Packet<From>*>(row + i + j);
#pragma unroll
        for (int k = 0; k < each; ++k) values[j + k] = static_cast<W>(packet.values[k]);
      }
    } else {
#pragma unroll
      for (int j = 0; j < count; ++j) values[j] = i + j < width ? static_cast<W>(row[i + j]) : W(0);
    }
  }

  __device__ void put(const GradTarget<T>& to, std::int64_t row, int i, int width) const {
    if constexpr (packets) {
      W rounded_once[count];
#pragma unroll
      for (int j = 0; j < count; ++j) rounded_once[j] = values[j];
      put_wide<count>(to, row + i, rounded_once);
    } else {
#pragma unroll
      for (int j = 0; j < count; ++j) {
        if (i + j < width) to.put(row + i + j, static_cast<T>(values[j]));
      }
    }
  }

  /// Rotates pairs by the angles of a position, or back. Does nothing without angles.
  __device__ void turn(const W* angles, int i, int width, bool back) {
    if (angles == nullptr) return;
    HeadElements by;
    by.load(angles, i, width);
#pragma unroll
    for (int j = 0; j < count; j += 2) {
      const W sine = back ? -by.values[j + 1] : by.values[j + 1];
      rotate_pair(values[j], values[j + 1], by.values[j], sine, values[j], values[j + 1]);
    }
  }
};

}  // namespace detail
}  // namespace pixnerd
