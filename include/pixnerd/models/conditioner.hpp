/// \file
/// What a text-to-image model is told, as the features that it takes: from a text encoder, or learned together with it.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include <pixnerd/flow/velocity_field.hpp>
#include <pixnerd/nn/embedding_sum.hpp>
#include <pixnerd/nn/precision.hpp>

namespace pixnerd {

/// Turns conditions of a batch, C::Condition, into text features (B, n, text width), and names its parameters in a static
/// `visit`. null_condition(B) says nothing B times: what guidance moves away from and training drops conditions to.
template <class C, class W, class Device>
concept Conditioner = requires(const C& conditioner, const typename C::Condition& condition) {
  { conditioner(condition) } -> std::convertible_to<Tensor<W, Device>>;
  { conditioner.null_condition(std::int64_t{}) } -> std::same_as<typename C::Condition>;
};

/// Features that a text encoder has computed: (B, n, width), as they are.
template <class Device, class Precision = Full<float>>
class GivenFeatures {
 public:
  using W = wide_t<typename Precision::compute>;
  using Condition = Tensor<W, Device>;

  /// `null_features` (1, n, width): the encoder's of "", an empty text. Throws ShapeError for another shape.
  explicit GivenFeatures(Tensor<W, Device> null_features) : null_features_(std::move(null_features)) {
    if (null_features_.rank() != 3 || null_features_.size(0) != 1)
      raise<ShapeError>("GivenFeatures", "null features (1, n, width)", text(null_features_.shape()));
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

/// Features of K texts that a text encoder has computed, and of "" behind them: numbers (B) of texts in [0, K], K for no
/// text -> (B, n, width). So a text is one number, and the encoder is not needed any more. Nothing of it is trained.
template <class Device, class Precision = Full<float>>
class ListedFeatures {
 public:
  using W = wide_t<typename Precision::compute>;
  using Condition = Tensor<std::int64_t, Device>;

  /// `features` (K + 1, n, width). Throws ShapeError for another shape.
  explicit ListedFeatures(Tensor<W, Device> features) : features_(std::move(features)) {
    if (features_.rank() != 3 || features_.size(0) < 1)
      raise<ShapeError>("ListedFeatures", "features (K + 1, n, width)", text(features_.shape()));
  }

  /// Throws ShapeError for numbers of another shape, ValueError for one out of range.
  Tensor<W, Device> operator()(const Condition& numbers) const {
    if (numbers.rank() != 1)
      raise<ShapeError>("ListedFeatures", "numbers of texts (B)", text(numbers.shape()));
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

/// Learned features of a class: labels (B) in [0, K], K for none -> (B, n, width).
template <class Device, class Precision = Full<float>>
struct ClassFeatures {
  using W = wide_t<typename Precision::compute>;
  using Condition = Tensor<std::int64_t, Device>;

  std::int64_t classes, tokens, width;
  Embedding<Device, Full<W>> table;  ///< (K + 1, n * width)

  ClassFeatures(std::int64_t classes_, std::int64_t tokens_, std::int64_t width_, Initializer& init)
      : classes(classes_), tokens(tokens_), width(width_), table(classes + 1, tokens * width, init) {}

  Tensor<W, Device> operator()(const Condition& labels) const {
    if (labels.rank() != 1) raise<ShapeError>("ClassFeatures", "labels (B)", text(labels.shape()));
    return table(labels).reshape({labels.size(0), tokens, width});
  }

  Condition null_condition(std::int64_t batch) const { return Condition::full({batch}, classes); }

  static void visit(auto& self, auto&& visitor) { visitor("table", self.table); }
};

/// Learned features of words: numbers (B, n, G) in [0, K) -> (B, n, width), a word's being the sum of those of its parts,
/// so that words never seen resemble known ones. The numbers are those of word_ids() (data/words.hpp), 0 for nothing.
template <class Device, class Precision = Full<float>>
struct WordFeatures {
  using W = wide_t<typename Precision::compute>;
  using Condition = Tensor<std::int64_t, Device>;

  std::int64_t tokens, parts;
  EmbeddingSum<Device, Full<W>> table;  ///< (K, width)

  /// K rows; n words a text and G numbers a word.
  WordFeatures(std::int64_t rows, std::int64_t tokens_, std::int64_t parts_, std::int64_t width,
               Initializer& init)
      : tokens(tokens_), parts(parts_), table(rows, width, init) {}

  Tensor<W, Device> operator()(const Condition& numbers) const {
    if (numbers.rank() != 3 || numbers.size(1) != tokens || numbers.size(2) != parts) {
      raise<ShapeError>("WordFeatures", text("numbers of words (B, ", tokens, ", ", parts, ")"),
                        text(numbers.shape()));
    }
    return table(numbers);
  }

  Condition null_condition(std::int64_t batch) const { return Condition::zeros({batch, tokens, parts}); }

  static void visit(auto& self, auto&& visitor) { visitor("table", self.table); }
};

/// A text-to-image model and its conditioner, trained and saved as one: forward(x, t, condition, tap) is the model's
/// with the conditioner's features. The model's parameters keep their names; the conditioner's begin with "conditioner.".
template <class Model, class AConditioner>
class ConditionedModel {
 public:
  using W = typename Model::W;
  using Condition = typename AConditioner::Condition;
  using Device = typename Condition::device_type;
  static_assert(Conditioner<AConditioner, W, Device>,
                "a conditioner has a Condition, is callable with one, and has null_condition(batch)");

  ConditionedModel(Model model, AConditioner conditioner)
      : model_(std::move(model)), conditioner_(std::move(conditioner)) {}

  const Model& model() const { return model_; }
  const AConditioner& conditioner() const { return conditioner_; }

  Condition null_condition(std::int64_t batch) const { return conditioner_.null_condition(batch); }

  /// See PixnerdT2i::decoded_at().
  ConditionedModel decoded_at(const auto& scale) const { return {model_.decoded_at(scale), conditioner_}; }

  /// x (B, C, H, W), t (B), condition of B images -> velocity (B, C, H, W). Throws what the two throw.
  template <class Tap = NoTap>
  Tensor<W, Device> forward(const Tensor<W, Device>& x, const Tensor<W, Device>& t,
                            const Condition& condition, Tap&& tap = {}) const {
    return model_.forward(x, t, conditioner_(condition), std::forward<Tap>(tap));
  }

  static void visit(auto& self, auto&& visitor) {
    Model::visit(self.model_, visitor);
    visitor("conditioner", self.conditioner_);
  }

 private:
  Model model_;
  AConditioner conditioner_;
};

}  // namespace pixnerd
