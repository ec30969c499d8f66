// SPDX-License-Identifier: MIT
/// \file
/// Features of words, learned with the model.
#pragma once

#include <pixnerd/conditioning/conditioner.hpp>
#include <pixnerd/nn/embedding_sum.hpp>

namespace pixnerd {

/// Learned features of words: numbers (B, n, G) in [0, K) -> (B, n, width), a word's being the sum of those
/// of its parts, so that words never seen resemble known ones. The numbers are those of word_ids()
/// (text/words.hpp), 0 for nothing.
template <class Policy = On<Cpu>>
struct WordFeatures {
  using Device = typename Policy::Device;
  using W = wide_t<typename Policy::Compute>;
  using Condition = Tensor<std::int64_t, Device>;

  std::int64_t tokens, parts;
  EmbeddingSum<On<Device, Full<W>>> table;  ///< (K, width)

  /// K rows; n words a text and G numbers a word.
  WordFeatures(std::int64_t rows, std::int64_t tokens_, std::int64_t parts_, std::int64_t width,
               Initializer& init)
      : tokens(tokens_), parts(parts_), table(rows, width, init) {}

  Tensor<W, Device> operator()(const Condition& numbers) const {
    if (numbers.rank() != 3 || numbers.size(1) != tokens || numbers.size(2) != parts) {
      raise<ShapeError>("WordFeatures", str_cat("numbers of words (B, ", tokens, ", ", parts, ")"),
                        str_cat(numbers.shape()));
    }
    return table(numbers);
  }

  Condition null_condition(std::int64_t batch) const { return Condition::zeros({batch, tokens, parts}); }

  static void visit(auto& self, auto&& visitor) { visitor("table", self.table); }
};

}  // namespace pixnerd
