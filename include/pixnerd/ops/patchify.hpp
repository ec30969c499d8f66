// SPDX-License-Identifier: MIT
/// \file
/// Images as sequences of patches, and back.
#pragma once

#include <algorithm>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// Order of the elements of a patch.
enum class PatchLayout {
  channels_first,  ///< (C, ph, pw), the order of the published patch projection
  channels_last,   ///< (ph, pw, C), the channels of a pixel together
};

/// Sizes of images (B, C, H, W) cut into patches of ph x pw pixels.
struct PatchifyShape {
  std::int64_t batch, channels, height, width, patch_height, patch_width;

  std::int64_t rows() const { return height / patch_height; }
  std::int64_t columns() const { return width / patch_width; }
  std::int64_t length() const { return rows() * columns(); }  ///< L
  std::int64_t patch_elements() const { return channels * patch_height * patch_width; }
};

template <class Device>
struct PatchifyKernel : MissingKernel<Device> {};

template <>
struct PatchifyKernel<Cpu> {
  template <class T>
  static void patchify(const PatchifyShape& sizes, PatchLayout layout, const T* images,
                       GradTarget<T> patches) {
    for_each_run(sizes, layout,
                 [=](std::int64_t pixel, std::int64_t element, std::int64_t step, std::int64_t n) {
                   if (step == 1) {
                     for (std::int64_t i = 0; i < n; ++i) patches.put(element + i, images[pixel + i]);
                   } else {
                     for (std::int64_t i = 0; i < n; ++i) patches.put(element + i * step, images[pixel + i]);
                   }
                 });
  }

  template <class T>
  static void fold(const PatchifyShape& sizes, PatchLayout layout, const T* patches, GradTarget<T> images) {
    for_each_run(sizes, layout,
                 [=](std::int64_t pixel, std::int64_t element, std::int64_t step, std::int64_t n) {
                   if (step == 1) {
                     for (std::int64_t i = 0; i < n; ++i) images.put(pixel + i, patches[element + i]);
                   } else {
                     for (std::int64_t i = 0; i < n; ++i) images.put(pixel + i, patches[element + i * step]);
                   }
                 });
  }

 private:
  /// Calls run(pixel, element, step, n) for every row of pixels of one channel of a patch: n pixels of the
  /// images, starting at `pixel`, are every step-th element of the patches, starting at `element`.
  template <class Run>
  static void for_each_run(const PatchifyShape& s, PatchLayout layout, Run run) {
    const bool channels_last = layout == PatchLayout::channels_last;
    const std::int64_t step = channels_last ? s.channels : 1;
    const std::int64_t channel_step = channels_last ? 1 : s.patch_height * s.patch_width;
    const std::int64_t line_step = s.patch_width * step;
    // A task is one row of patches of one image.
    parallel_for(s.batch * s.rows(), [=](std::int64_t index) {
      const std::int64_t image = index / s.rows(), row = index % s.rows();
      for (std::int64_t column = 0; column < s.columns(); ++column) {
        const std::int64_t patch = (index * s.columns() + column) * s.patch_elements();
        for (std::int64_t channel = 0; channel < s.channels; ++channel) {
          for (std::int64_t line = 0; line < s.patch_height; ++line) {
            const std::int64_t y = row * s.patch_height + line, x = column * s.patch_width;
            run(((image * s.channels + channel) * s.height + y) * s.width + x,
                patch + channel * channel_step + line * line_step, step, s.patch_width);
          }
        }
      }
    });
  }
};

namespace detail {
inline void check_patch_sizes(const char* op, const PatchifyShape& sizes) {
  const auto& s = sizes;
  if (s.patch_height < 1 || s.patch_width < 1) {
    raise<ValueError>(op, "a patch of at least 1 x 1 pixels", str_cat(s.patch_height, " x ", s.patch_width));
  }
  if (s.height % s.patch_height != 0 || s.width % s.patch_width != 0) {
    raise<ShapeError>(
        op, str_cat("images whose sides are multiples of the patch's ", s.patch_height, " x ", s.patch_width),
        str_cat("H ", s.height, " and W ", s.width));
  }
}
}  // namespace detail

/// Cuts images into patches, in row-major order. images (B, C, H, W) -> (B, L, C ph pw) with L = (H /
/// ph) (W / pw). Element c, y, x of a patch has index c ph pw + y pw + x for channels_first, (y pw + x) C + c
/// for channels_last. Saves nothing. Throws ShapeError when ph does not divide H or pw does not divide W.
/// Source: PixNerDiT.forward in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> patchify(const Tensor<T, Device>& images, std::int64_t patch_height,
                           std::int64_t patch_width, PatchLayout layout = PatchLayout::channels_first) {
  if (images.rank() != 4) raise<ShapeError>("patchify", "images (B, C, H, W)", str_cat(images.shape()));
  using kernel = PatchifyKernel<Device>;
  const PatchifyShape sizes{images.size(0), images.size(1), images.size(2),
                            images.size(3), patch_height,   patch_width};
  detail::check_patch_sizes("patchify", sizes);
  Tensor<T, Device> patches({sizes.batch, sizes.length(), sizes.patch_elements()});
  kernel::patchify(sizes, layout, images.data(), GradTarget<T>{patches.data()});
  if (needs_grad(images)) {
    record(patches, [=, slot = images.slot()](const Tensor<T, Device>& grad_patches) {
      kernel::fold(sizes, layout, grad_patches.data(), grad_target<T>(slot));
    });
  }
  return patches;
}

/// The inverse of patchify: patches (B, L, C ph pw) -> images (B, C, H, W). Saves nothing. Throws ShapeError
/// if ph does not divide H, pw does not divide W, or the patches have other sizes.
template <class T, class Device>
Tensor<T, Device> fold(const Tensor<T, Device>& patches, std::int64_t channels, std::int64_t height,
                       std::int64_t width, std::int64_t patch_height, std::int64_t patch_width,
                       PatchLayout layout = PatchLayout::channels_first) {
  if (patches.rank() != 3) raise<ShapeError>("fold", "patches (B, L, C ph pw)", str_cat(patches.shape()));
  using kernel = PatchifyKernel<Device>;
  const PatchifyShape sizes{patches.size(0), channels, height, width, patch_height, patch_width};
  detail::check_patch_sizes("fold", sizes);
  const Shape expected{sizes.batch, sizes.length(), sizes.patch_elements()};
  if (!(patches.shape() == expected)) {
    raise<ShapeError>(
        "fold",
        str_cat("patches ", expected, " for images ", Shape{sizes.batch, channels, height, width},
                " and patches of ", patch_height, " x ", patch_width),
        str_cat(patches.shape()));
  }
  Tensor<T, Device> images({sizes.batch, channels, height, width});
  kernel::fold(sizes, layout, patches.data(), GradTarget<T>{images.data()});
  if (needs_grad(patches)) {
    record(images, [=, slot = patches.slot()](const Tensor<T, Device>& grad_images) {
      kernel::patchify(sizes, layout, grad_images.data(), grad_target<T>(slot));
    });
  }
  return images;
}

}  // namespace pixnerd
