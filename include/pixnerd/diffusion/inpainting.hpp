// SPDX-License-Identifier: MIT
/// \file
/// Inpainting: a velocity field that fills in a part of an image and leads the rest to what is known.
#pragma once

#include <utility>

#include <pixnerd/diffusion/velocity_field.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/scale.hpp>

namespace pixnerd {

/// The velocity of `field` where the mask is 1, and elsewhere the one that leads straight to the known image:
///
///   v = mask field(x, t) + (1 - mask) (known - x) / (1 - t)
///
/// From noise at t = 0, elements that are known follow the linear path, so that the field sees the rest of
/// the image as it saw images in training; at t = 1 they are what is known, up to rounding. A mask between 0
/// and 1 blends. The field is referred to, not copied.
template <class Field, class T = float, class Device = Cpu>
class InpaintingField {
 public:
  /// known (B, ...), mask of the same shape, 1 where the field decides. Throws ShapeError when they differ.
  InpaintingField(Field& field, Tensor<T, Device> known, const Tensor<T, Device>& mask)
      : field_(&field), mask_(mask) {
    if (!(known.shape() == mask.shape())) {
      raise<ShapeError>("inpainting", str_cat("a mask of the image's shape ", known.shape()),
                        str_cat(mask.shape()));
    }
    kept_ = add_scalar(scale(mask, -1.0), 1.0);
    known_ = multiply(kept_, known);
  }

  /// x (B, ...) -> velocity (B, ...). Throws ValueError unless t < 1.
  Tensor<T, Device> operator()(const Tensor<T, Device>& x, double t) const {
    if (!(t < 1)) raise<ValueError>("inpainting", "a time below 1", str_cat(t));
    const auto straight = scale(subtract(known_, multiply(kept_, x)), 1.0 / (1.0 - t));
    return add(multiply(mask_, velocity_at(*field_, x, t)), straight);
  }

 private:
  Field* field_;
  Tensor<T, Device> mask_, kept_, known_;  // kept = 1 - mask; known is zero where the field decides
};

template <class Field, class T, class Device>
InpaintingField(Field&, Tensor<T, Device>, const Tensor<T, Device>&) -> InpaintingField<Field, T, Device>;

}  // namespace pixnerd
