/// \file
/// Text to image learned from scratch: a text-to-image model and the embedding of words it is trained with.
#pragma once

#include <cstdint>

#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/nn/embedding_sum.hpp>

namespace pixnerd {

/// A PixnerdT2i whose text features are sums of learned vectors, one for a word and some for its parts: it needs no
/// text encoder, is small, and knows something of words that it has not seen. `Model` is a PixnerdT2i, whatever
/// its blocks.
template <class Device, class Precision = Full<float>, class Model = PixnerdT2i<Device, Precision>>
class WordsToImage {
 public:
  using T = typename Precision::compute;
  using W = wide_t<T>;

  /// `rows` is how many vectors there are; config.text_width is their length, config.text_tokens the number of words.
  WordsToImage(const PixnerdT2iConfig& config, std::int64_t rows, Initializer& init)
      : rows_(rows), model_(config, init), words_(rows, config.text_width, init, 1.0) {}

  const PixnerdT2iConfig& config() const { return model_.config(); }
  std::int64_t rows() const { return rows_; }

  /// The same model for images of another resolution; see PixnerdT2i::decoded_at().
  WordsToImage decoded_at(const DecoderScale& scale) const {
    WordsToImage out = *this;
    out.model_ = model_.decoded_at(scale);
    return out;
  }

  /// x (B, C, H, W), t (B) in [0, 1], ids (B, n, G) of words, see word_ids() -> velocity (B, C, H, W). Throws
  /// what PixnerdT2i::forward() throws, and ValueError for an id beyond the rows.
  template <class Tap = NoTap>
  Tensor<W, Device> forward(const Tensor<W, Device>& x, const Tensor<W, Device>& t,
                            const Tensor<std::int64_t, Device>& ids, Tap&& tap = {}) const {
    if (ids.rank() != 3) raise<ShapeError>("WordsToImage", "ids (B, n, G)", text(ids.shape()));
    return model_.forward(x, t, cast<W>(words_(ids)), tap);
  }

  static void visit(auto& self, auto&& visitor) {
    Model::visit(self.model_, visitor);
    visitor("word_embedding", self.words_);
  }

 private:
  std::int64_t rows_;
  Model model_;
  EmbeddingSum<Device, Precision> words_;
};

}  // namespace pixnerd
