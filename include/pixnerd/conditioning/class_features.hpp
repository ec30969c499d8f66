// SPDX-License-Identifier: MIT
/// \file
/// Features of classes, learned with the model.
#pragma once

#include <pixnerd/conditioning/conditioner.hpp>
#include <pixnerd/nn/embedding.hpp>

namespace pixnerd {

/// Learned features of a class: labels (B) in [0, K], K for none -> (B, n, width).
template <class Policy = On<Cpu>>
struct ClassFeatures {
  using Device = typename Policy::Device;
  using W = wide_t<typename Policy::Compute>;
  using Condition = Tensor<std::int64_t, Device>;

  std::int64_t classes, tokens, width;
  Embedding<On<Device, Full<W>>> table;  ///< (K + 1, n * width)

  ClassFeatures(std::int64_t classes_, std::int64_t tokens_, std::int64_t width_, Initializer& init)
      : classes(classes_), tokens(tokens_), width(width_), table(classes + 1, tokens * width, init) {}

  Tensor<W, Device> operator()(const Condition& labels) const {
    if (labels.rank() != 1) raise<ShapeError>("ClassFeatures", "labels (B)", str_cat(labels.shape()));
    return table(labels).reshape({labels.size(0), tokens, width});
  }

  Condition null_condition(std::int64_t batch) const { return Condition::full({batch}, classes); }

  static void visit(auto& self, auto&& visitor) { visitor("table", self.table); }
};

}  // namespace pixnerd
