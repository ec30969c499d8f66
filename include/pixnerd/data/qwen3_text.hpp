// SPDX-License-Identifier: MIT
/// \file
/// Text features for a text-to-image model: a tokenizer followed by Qwen3 (component `tokenizer`).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/slice.hpp>
#include <pixnerd/text/tokenizer.hpp>
#include <pixnerd/zoo/qwen3_files.hpp>

namespace pixnerd {

/// Features of texts: each is cut or padded on the right to n tokens, and a feature is Qwen3's hidden state
/// after the final norm, rounded to bfloat16, at padding positions as well. States wider than F are cut at
/// the end, narrower ones padded with zeros. "" is padding alone: the null condition.
///
///   const auto encoder = load_qwen3_text<On<Cpu>>("Qwen3-1.7B");
///   const ConditionedModel model(load_pixnerd_t2i<On<Cpu>>(file),
///                                GivenFeatures<On<Cpu>>(encoder.null_features()));
///   const auto features = encoder(std::vector<std::string>{"a photo of a cat"});   // (1, 128, 2048)
///
/// Records nothing on a tape. Padding, width and rounding follow the text encoder of the published PixNerd
/// program.
template <class Policy = On<Cpu>>
class Qwen3Text {
 public:
  using Device = typename Policy::Device;
  using W = wide_t<typename Policy::Compute>;

  /// `pad` is the padding token, `tokens` the length n, `width` the feature width F. Throws ValueError when
  /// the encoder does not know all tokens of the tokenizer, or `pad` is none of them, or a size is below 1.
  Qwen3Text(Tokenizer tokenizer, std::int64_t pad, Qwen3<Policy> encoder, std::int64_t tokens = 128,
            std::int64_t width = 2048)
      : tokenizer_(std::move(tokenizer)),
        encoder_(std::move(encoder)),
        pad_(pad),
        tokens_(tokens),
        width_(width) {
    if (tokenizer_.size() > encoder_.config().vocabulary) {
      raise<ValueError>("Qwen3Text",
                        str_cat("a tokenizer whose ids are below ", encoder_.config().vocabulary,
                                ", which the encoder knows"),
                        str_cat("ids up to ", tokenizer_.size() - 1));
    }
    if (pad < 0 || pad >= tokenizer_.size())
      raise<ValueError>("Qwen3Text", str_cat("a token below ", tokenizer_.size(), " that pads"),
                        str_cat(pad));
    if (tokens < 1 || width < 1)
      raise<ValueError>("Qwen3Text", "at least one token and one feature", str_cat(tokens, " and ", width));
    const std::string nothing;
    null_features_ = (*this)({&nothing, 1});
  }

  const Qwen3Config& config() const { return encoder_.config(); }

  /// The n token ids of a text, cut or padded. Throws ValueError when it is not UTF-8.
  FittedTokens tokens_of(const std::string& characters) const {
    return fit_tokens(tokenizer_.encode(characters), tokens_, pad_);
  }

  /// B texts -> (B, n, F). Throws ValueError for a text that is not UTF-8.
  Tensor<W, Device> operator()(std::span<const std::string> texts) const {
    std::vector<std::int64_t> ids, counts;
    for (const auto& characters : texts) {
      const auto fitted = tokens_of(characters);
      ids.insert(ids.end(), fitted.ids.begin(), fitted.ids.end());
      counts.push_back(fitted.count);
    }
    using Numbers = Tensor<std::int64_t, Device>;
    const auto batch = static_cast<std::int64_t>(texts.size());
    const NoGrad frozen;
    const auto states =
        encoder_.forward(Numbers::from_host({batch, tokens_}, ids), Numbers::from_host({batch}, counts));
    return cast<W>(cast<bfloat16>(of_width(states)));
  }

  /// Of "": (1, n, F).
  const Tensor<W, Device>& null_features() const { return null_features_; }

 private:
  Tensor<W, Device> of_width(const Tensor<W, Device>& states) const {
    const std::int64_t given = states.size(2);
    if (given > width_) return slice(states, 2, 0, width_);
    if (given == width_) return states;
    const auto zeros = Tensor<W, Device>::zeros({states.size(0), tokens_, width_ - given});
    return concat<W, Device>({states, zeros}, 2);
  }

  Tokenizer tokenizer_;
  Qwen3<Policy> encoder_;
  std::int64_t pad_, tokens_, width_;
  Tensor<W, Device> null_features_;
};

/// The encoder in a folder as Hugging Face publishes it: tokenizer.json, the "pad_token" of
/// tokenizer_config.json, and what load_qwen3() reads. Throws what Tokenizer, read_pad_token() and
/// load_qwen3() throw, FileError when the encoder does not know all tokens, ValueError for sizes below 1; the
/// weights are read last.
template <class Policy = On<Cpu>>
Qwen3Text<Policy> load_qwen3_text(const std::string& folder, std::int64_t tokens = 128,
                                  std::int64_t width = 2048) {
  const std::string path = folder + "/tokenizer.json", config = folder + "/config.json";
  Tokenizer tokenizer(path);
  const std::int64_t pad = read_pad_token(folder + "/tokenizer_config.json", tokenizer);
  const auto known = qwen3_config_of(read_json_file(config, "Qwen3 configuration"), config).vocabulary;
  if (tokenizer.size() > known) {
    raise<FileError>("Qwen3Text",
                     str_cat("ids below ", known, ", the \"vocab_size\" of config.json, in '", path, "'"),
                     str_cat("ids up to ", tokenizer.size() - 1));
  }
  return {std::move(tokenizer), pad, load_qwen3<Policy>(folder), tokens, width};
}

}  // namespace pixnerd
