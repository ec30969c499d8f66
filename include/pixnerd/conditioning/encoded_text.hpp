// SPDX-License-Identifier: MIT
/// \file
/// Features of texts that a text encoder has computed.
#pragma once

#include <cstdint>
#include <utility>

#include <pixnerd/conditioning/conditioner.hpp>
#include <pixnerd/nn/precision.hpp>
#include <pixnerd/ops/embedding.hpp>

namespace pixnerd {

/// Features that a text encoder has computed: (B, n, width), as they are.
template <class Policy = On<Cpu>>
class GivenFeatures {
 public:
  using Device = typename Policy::Device;
  using W = wide_t<typename Policy::Compute>;
  using Condition = Tensor<W, Device>;

  /// `null_features` (1, n, width): the encoder's of "", an empty text. Throws ShapeError for another shape.
  explicit GivenFeatures(Tensor<W, Device> null_features) : null_features_(std::move(null_features)) {
    if (null_features_.rank() != 3 || null_features_.size(0) != 1)
      raise<ShapeError>("GivenFeatures", "null features (1, n, width)", str_cat(null_features_.shape()));
  }

  Tensor<W, Device> operator()(const Condition& features) const { return features; }

  Condition null_condition(std::int64_t batch) const {
    Condition out({batch, null_features_.size(1), null_features_.size(2)});
    for (std::int64_t i = 0; i < batch; ++i) copy_into(out.rows(i, i + 1), null_features_);
    return out;
  }

  static void visit(auto&, auto&&) {}

 private:
  Tensor<W, Device> null_features_;
};

/// Features of K texts that a text encoder has computed, and of "" behind them: numbers (B) of texts in [0,
/// K], K for no text -> (B, n, width). So a text is one number, and the encoder is not needed any more.
/// Nothing of it is trained.
template <class Policy = On<Cpu>>
class ListedFeatures {
 public:
  using Device = typename Policy::Device;
  using W = wide_t<typename Policy::Compute>;
  using Condition = Tensor<std::int64_t, Device>;

  /// `features` (K + 1, n, width). Throws ShapeError for another shape.
  explicit ListedFeatures(Tensor<W, Device> features) : features_(std::move(features)) {
    if (features_.rank() != 3 || features_.size(0) < 1)
      raise<ShapeError>("ListedFeatures", "features (K + 1, n, width)", str_cat(features_.shape()));
  }

  /// Throws ShapeError for numbers of another shape, ValueError for one out of range.
  Tensor<W, Device> operator()(const Condition& numbers) const {
    if (numbers.rank() != 1)
      raise<ShapeError>("ListedFeatures", "numbers of texts (B)", str_cat(numbers.shape()));
    const std::int64_t n = features_.size(1), width = features_.size(2);
    return embedding(features_.reshape({features_.size(0), n * width}), numbers)
        .reshape({numbers.size(0), n, width});
  }

  Condition null_condition(std::int64_t batch) const {
    return Condition::full({batch}, features_.size(0) - 1);
  }

  static void visit(auto&, auto&&) {}

 private:
  Tensor<W, Device> features_;
};

}  // namespace pixnerd
