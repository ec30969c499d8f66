/// \file
/// Elements of rows in 16-byte packets on the GPU, and walks over the rows of images whose vectors stay in registers.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/core/cuda_launch.cuh>
#include <pixnerd/core/cuda_mma.cuh>
#include <pixnerd/ops/cuda_elementwise.cuh>

namespace pixnerd {

namespace detail {

/// Elements rounded to T, two bfloat16 by one instruction.
template <class T>
__device__ inline Packet<T> narrow(const wide_t<T> (&values)[Packet<T>::count]) {
  Packet<T> out;
  if constexpr (std::same_as<T, bfloat16>) {
#pragma unroll
    for (int j = 0; j < Packet<T>::count; j += 2) {
      const std::uint32_t pair = pack_bfloat16(values[j], values[j + 1]);
      out.values[j].bits = static_cast<std::uint16_t>(pair);
      out.values[j + 1].bits = static_cast<std::uint16_t>(pair >> 16);
    }
  } else {
#pragma unroll
    for (int j = 0; j < Packet<T>::count; ++j) out.values[j] = values[j];
  }
  return out;
}

/// One element, or as many as a packet holds from an address that is a multiple of 16.
template <class T, int packet>
__device__ inline void load_wide(const T* from, wide_t<T> (&to)[packet]) {
  if constexpr (packet == 1) {
    to[0] = static_cast<wide_t<T>>(*from);
  } else {
    static_assert(packet == Packet<T>::count);
    const auto values = *reinterpret_cast<const Packet<T>*>(from);
#pragma unroll
    for (int j = 0; j < packet; ++j) to[j] = static_cast<wide_t<T>>(values.values[j]);
  }
}

/// The opposite: written or added, rounded once.
template <class T, int packet>
__device__ inline void put_wide(const GradTarget<T>& to, std::int64_t at, wide_t<T> (&values)[packet]) {
  if (to.add) {
    wide_t<T> before[packet];
    load_wide(to.data + at, before);
#pragma unroll
    for (int j = 0; j < packet; ++j) values[j] += before[j];
  }
  if constexpr (packet == 1) {
    to.data[at] = static_cast<T>(values[0]);
  } else {
    *reinterpret_cast<Packet<T>*>(to.data + at) = narrow<T>(values);
  }
}

constexpr int image_row_threads = 256;

template <int packet, class Walk>
__global__ void __launch_bounds__(image_row_threads)
    image_rows_kernel(std::int64_t length, std::int64_t width, unsigned tiles, int split, int x_bits,
                      Walk walk) {
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t block = blockIdx.x / tiles, image = block / split, part = block % split;
  const std::int64_t column =
      ((std::int64_t{blockIdx.x % tiles} << x_bits) + (thread & ((1 << x_bits) - 1))) * packet;
  if (column >= width) return;
  const std::int64_t begin = length * part / split + (thread >> x_bits), end = length * (part + 1) / split;
  if (begin < end)
    walk(image, column, image * length + begin, image * length + end, image_row_threads >> x_bits);
}

/// For all of x (images, length, width): walk(image, column, first, last, step), called on the device, handles columns
/// [column, column + packet) of rows first, first + step, ... below last, all of them of one image.
template <int packet, class Walk>
void image_rows(const char* op, std::int64_t images, std::int64_t length, std::int64_t width, Walk walk) {
  if (images == 0 || length == 0 || width == 0) return;
  int x_bits = 0;
  while (x_bits < (packet > 1 ? 3 : 5) && (packet << x_bits) < width) ++x_bits;
  const std::int64_t tile = std::int64_t{packet} << x_bits, tiles = (width + tile - 1) / tile;
  const std::int64_t block_rows = std::int64_t{image_row_threads} * 4 >> x_bits;  // 4 rows a thread
  const std::int64_t split = (length + block_rows - 1) / block_rows;
  launch(op, image_rows_kernel<packet, Walk>, blocks_for(images * split * tiles, 1), image_row_threads, 0,
         length, width, static_cast<unsigned>(tiles), static_cast<int>(split), x_bits, walk);
}

}  // namespace detail

}  // namespace pixnerd
