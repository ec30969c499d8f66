// SPDX-License-Identifier: MIT
/// \file
/// Loops over the rows of images on the GPU that keep each image's vectors in registers.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/ops/cuda/vector.cuh>

namespace pixnerd {

namespace detail {

/// Whether rows of `width` elements can be read `packet` at a time from all of these. Null pointers fit.
template <int packet, class... T>
bool rows_fit(std::int64_t width, const T*... rows) {
  return width % packet == 0 && ((reinterpret_cast<std::uintptr_t>(rows) % (packet * sizeof(T)) == 0) && ...);
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

/// For all of x (images, length, width): walk(image, column, first, last, step), called on the device,
/// handles columns [column, column + packet) of rows first, first + step, ... below last, all of one image.
template <int packet, class Walk>
void image_rows(const char* op, std::int64_t images, std::int64_t length, std::int64_t width, Walk walk) {
  if (images == 0 || length == 0 || width == 0) return;
  int x_bits = 0;
  while (x_bits < (packet > 1 ? 3 : 5) && (packet << x_bits) < width) ++x_bits;
  const std::int64_t tile = std::int64_t{packet} << x_bits, tiles = (width + tile - 1) / tile;
  const std::int64_t block_rows = std::int64_t{image_row_threads} * 4 >> x_bits;  // 4 rows per thread
  const std::int64_t split = (length + block_rows - 1) / block_rows;
  launch(op, image_rows_kernel<packet, Walk>, blocks_for(images * split * tiles, 1), image_row_threads, 0,
         length, width, static_cast<unsigned>(tiles), static_cast<int>(split), x_bits, walk);
}

}  // namespace detail

}  // namespace pixnerd
