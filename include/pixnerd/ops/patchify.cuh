// SPDX-License-Identifier: MIT
/// \file
/// Images as sequences of patches, and back, on the GPU. Threads follow the order of the output; their reads
/// are at most C or P runs apart and hit the caches. With channels first, a thread moves 16 bytes where the
/// width of a patch allows it.
#pragma once

#include <pixnerd/ops/cuda/vector.cuh>
#include <pixnerd/ops/patchify.hpp>

namespace pixnerd {

namespace detail {

/// The indices of an element of the patches.
struct PatchPlace {
  std::int64_t image, row, column, channel, line, x;
};

__device__ inline PatchPlace place_in_patches(const PatchifyShape& s, bool channels_last,
                                              std::int64_t index) {
  const auto [patch, element] = divide(index, s.channels * s.patch_height * s.patch_width);
  const auto [patch_row, column] = divide(patch, s.width / s.patch_width);
  const auto [image, row] = divide(patch_row, s.height / s.patch_height);
  if (channels_last) {
    const auto [pixel, channel] = divide(element, s.channels);
    const auto [line, x] = divide(pixel, s.patch_width);
    return {image, row, column, channel, line, x};
  }
  const auto [channel_line, x] = divide(element, s.patch_width);
  const auto [channel, line] = divide(channel_line, s.patch_height);
  return {image, row, column, channel, line, x};
}

__device__ inline PatchPlace place_in_images(const PatchifyShape& s, std::int64_t index) {
  const auto [rest, x] = divide(index, s.width);
  const auto [plane, y] = divide(rest, s.height);
  const auto [image, channel] = divide(plane, s.channels);
  const auto [column, x_in_patch] = divide(x, s.patch_width);
  const auto [row, line] = divide(y, s.patch_height);
  return {image, row, column, channel, line, x_in_patch};
}

__device__ inline std::int64_t index_in_images(const PatchifyShape& s, const PatchPlace& at) {
  const std::int64_t y = at.row * s.patch_height + at.line, x = at.column * s.patch_width + at.x;
  return ((at.image * s.channels + at.channel) * s.height + y) * s.width + x;
}

__device__ inline std::int64_t index_in_patches(const PatchifyShape& s, bool channels_last,
                                                const PatchPlace& at) {
  const std::int64_t rows = s.height / s.patch_height, columns = s.width / s.patch_width;
  const std::int64_t patch = (at.image * rows + at.row) * columns + at.column;
  if (channels_last) {
    return ((patch * s.patch_height + at.line) * s.patch_width + at.x) * s.channels + at.channel;
  }
  return ((patch * s.channels + at.channel) * s.patch_height + at.line) * s.patch_width + at.x;
}

/// Widths in `s`, and `count`, are in pieces of `width` elements.
template <int width, bool to_patches, class T>
__global__ void patchify_kernel_of(std::int64_t count, PatchifyShape s, bool channels_last, const T* from,
                                   GradTarget<T> to) {
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const std::int64_t source = to_patches ? index_in_images(s, place_in_patches(s, channels_last, index))
                                         : index_in_patches(s, channels_last, place_in_images(s, index));
  wide_t<T> values[width];
  load_wide<width>(from + source * width, values);
  put_wide<width>(to, index * width, values);
}

template <bool to_patches, class T>
void launch_patchify(const char* op, PatchifyShape s, PatchLayout layout, const T* from, GradTarget<T> to) {
  constexpr int packet = packet_width<T>, threads = 256;
  const bool channels_last = layout == PatchLayout::channels_last;
  const auto run = [&](auto kernel) {
    const std::int64_t count = s.batch * s.channels * s.height * s.width;
    launch(op, kernel, blocks_for(count, threads), threads, 0, count, s, channels_last, from, to);
  };
  if (!channels_last && s.patch_width % packet == 0 && fit_packets(from, to.data)) {
    s.width /= packet;
    s.patch_width /= packet;
    run(patchify_kernel_of<packet, to_patches, T>);
  } else {
    run(patchify_kernel_of<1, to_patches, T>);
  }
}

}  // namespace detail

template <>
struct PatchifyKernel<Cuda> {
  template <class T>
  static void patchify(const PatchifyShape& sizes, PatchLayout layout, const T* images,
                       GradTarget<T> patches) {
    detail::launch_patchify<true>("patchify", sizes, layout, images, patches);
  }

  template <class T>
  static void fold(const PatchifyShape& sizes, PatchLayout layout, const T* patches, GradTarget<T> images) {
    detail::launch_patchify<false>("fold", sizes, layout, patches, images);
  }
};

}  // namespace pixnerd
