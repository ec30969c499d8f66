/// \file
/// Cutting images into patches, and putting patches back together.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// Order of the elements of a patch: (c, py, px) for tokens, (py, px, c) for fields, which see pixel after
/// pixel.
enum class PatchLayout { channels_first, channels_last };

/// Sizes of an image batch and its patches.
struct PatchSizes {
  std::int64_t batch = 0, channels = 0, height = 0, width = 0, patch_height = 0, patch_width = 0;
  PatchLayout layout = PatchLayout::channels_first;

  std::int64_t rows() const { return height / patch_height; }
  std::int64_t columns() const { return width / patch_width; }
  std::int64_t patch_count() const { return channels * patch_height * patch_width; }
};

template <class Device>
struct patchify_kernel {
  static_assert(sizeof(Device) == 0,
                "op patchify has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

template <>
struct patchify_kernel<Cpu> {
  /// patches = the image's elements in patch order.
  template <class T>
  static void patchify(const PatchSizes& s, const T* images, GradTarget<T> patches) {
    for_each_row(s, [=](std::int64_t at_image, std::int64_t at_patch, std::int64_t step) {
      for (std::int64_t px = 0; px < s.patch_width; ++px)
        patches.put(at_patch + px * step, images[at_image + px]);
    });
  }

  /// images = the patches' elements in image order.
  template <class T>
  static void fold(const PatchSizes& s, const T* patches, GradTarget<T> images) {
    for_each_row(s, [=](std::int64_t at_image, std::int64_t at_patch, std::int64_t step) {
      for (std::int64_t px = 0; px < s.patch_width; ++px)
        images.put(at_image + px, patches[at_patch + px * step]);
    });
  }

 private:
  /// Calls copy(image offset, patch offset, distance of neighbors in the patch) for every row of pixels of
  /// every patch and channel.
  template <class Copy>
  static void for_each_row(const PatchSizes& s, Copy copy) {
    const std::int64_t step = s.layout == PatchLayout::channels_first ? 1 : s.channels;
    const std::int64_t channel_step =
        s.layout == PatchLayout::channels_first ? s.patch_height * s.patch_width : 1;
    parallel_for(s.batch * s.rows(), [=](std::int64_t index) {
      const std::int64_t image = index / s.rows(), row = index % s.rows();
      for (std::int64_t column = 0; column < s.columns(); ++column) {
        const std::int64_t patch = (index * s.columns() + column) * s.patch_count();
        for (std::int64_t c = 0; c < s.channels; ++c) {
          for (std::int64_t py = 0; py < s.patch_height; ++py) {
            const std::int64_t y = row * s.patch_height + py;
            copy(((image * s.channels + c) * s.height + y) * s.width + column * s.patch_width,
                 patch + c * channel_step + py * s.patch_width * step, step);
          }
        }
      }
    });
  }
};

namespace detail {
inline void check_patch(std::string_view where, std::int64_t height, std::int64_t width,
                        std::int64_t patch_height, std::int64_t patch_width) {
  if (patch_height < 1 || patch_width < 1 || height % patch_height != 0 || width % patch_width != 0) {
    raise<ShapeError>(
        where, text("an image height and width divisible by the patch size ", patch_height, "x", patch_width),
        text(height, "x", width));
  }
}
}  // namespace detail

/// images (B, C, H, W) -> patches (B, L, C*ph*pw), L = (H/ph)(W/pw), patches row-major. Saves nothing.
/// Throws ShapeError unless the patch divides the image.
template <class T, class Device>
Tensor<T, Device> patchify(const Tensor<T, Device>& images, std::int64_t patch_height,
                           std::int64_t patch_width, PatchLayout layout) {
  if (images.rank() != 4) raise<ShapeError>("patchify", "images (B, C, H, W)", text(images.shape()));
  const PatchSizes sizes{images.size(0), images.size(1), images.size(2), images.size(3),
                         patch_height,   patch_width,    layout};
  detail::check_patch("patchify", sizes.height, sizes.width, patch_height, patch_width);
  Tensor<T, Device> patches({sizes.batch, sizes.rows() * sizes.columns(), sizes.patch_count()});
  using kernel = patchify_kernel<Device>;
  kernel::patchify(sizes, static_cast<const T*>(images.data()), GradTarget<T>{patches.data()});
  if (needs_grad(images)) {
    record(patches, [sizes, slot = images.slot()](const Tensor<T, Device>& grad_patches) {
      kernel::fold(sizes, static_cast<const T*>(grad_patches.data()), grad_target<T>(slot));
    });
  }
  return patches;
}

/// The inverse of patchify: patches (B, L, C*ph*pw) -> images (B, C, H, W). Saves nothing.
/// Throws ShapeError unless the patches are those of such an image.
template <class T, class Device>
Tensor<T, Device> fold(const Tensor<T, Device>& patches, std::int64_t channels, std::int64_t height,
                       std::int64_t width, std::int64_t patch_height, std::int64_t patch_width,
                       PatchLayout layout) {
  detail::check_patch("fold", height, width, patch_height, patch_width);
  if (patches.rank() != 3) raise<ShapeError>("fold", "patches (B, L, C*ph*pw)", text(patches.shape()));
  const PatchSizes sizes{patches.size(0), channels, height, width, patch_height, patch_width, layout};
  const Shape expected{sizes.batch, sizes.rows() * sizes.columns(), sizes.patch_count()};
  if (!(patches.shape() == expected))
    raise<ShapeError>("fold", text("patches of shape ", expected), text(patches.shape()));
  Tensor<T, Device> images({sizes.batch, channels, height, width});
  using kernel = patchify_kernel<Device>;
  kernel::fold(sizes, static_cast<const T*>(patches.data()), GradTarget<T>{images.data()});
  if (needs_grad(patches)) {
    record(images, [sizes, slot = patches.slot()](const Tensor<T, Device>& grad_images) {
      kernel::patchify(sizes, static_cast<const T*>(grad_images.data()), grad_target<T>(slot));
    });
  }
  return images;
}

}  // namespace pixnerd
