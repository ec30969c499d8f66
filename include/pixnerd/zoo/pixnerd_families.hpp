// SPDX-License-Identifier: MIT
/// \file
/// The families of PixNerd models: told a class, told a text by words that they learned, or told a text by a
/// text encoder. registry.hpp lists them and says what a family is.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <pixnerd/conditioning/encoded_text.hpp>
#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/models/conditioned_model.hpp>
#include <pixnerd/zoo/c2i_file.hpp>
#include <pixnerd/zoo/label_format.hpp>
#include <pixnerd/zoo/t2i_file.hpp>

namespace pixnerd {

/// What the shapes in a file do not tell.
struct FamilyHints {
  std::int64_t word_parts = 12;  ///< how many numbers encode a word, of models with learned words
};

/// Sizes of a text-to-image model with the features of words that it learned.
struct PixnerdWordsConfig : PixnerdT2iConfig {
  WordIdOptions word_ids;
};

/// Sizes of a text-to-image model that takes the features of a text encoder, and those features.
struct PixnerdEncodedTextConfig : PixnerdT2iConfig {
  Tensor<float> features = {};  ///< (K + 1, n, text width), of K texts, then of ""
};

/// Class-conditional models.
struct PixnerdClasses {
  using Config = PixnerdC2iConfig;
  template <class Policy>
  using Model = PixnerdC2i<Policy>;

  template <class Policy>
  static Model<Policy> make(const Config& config, Initializer& init) {
    return {config, init};
  }

  static LabelFormat labels(const Config& config) { return LabelFormat::of_classes(config.classes); }

  static bool holds(const TensorFile& file, const std::string& prefix) {
    return !holds_pixnerd_t2i(file, prefix);
  }
  static Config config_of(const TensorFile& file, const std::string& prefix, const FamilyHints&) {
    return pixnerd_c2i_config_of(file, prefix);
  }

  /// L/16 and XL/16 were trained on ImageNet at 256 x 256.
  static std::int64_t published_size(const Config& config) {
    const bool is_published = config == Config::large() || config == Config::extra_large();
    return is_published ? 256 : 0;
  }
};

/// Text-to-image models whose words are learned with them.
struct PixnerdWords {
  using Config = PixnerdWordsConfig;
  template <class Policy>
  using Model = ConditionedModel<PixnerdT2i<Policy>, WordFeatures<Policy>>;

  template <class Policy>
  static Model<Policy> make(const Config& config, Initializer& init) {
    PixnerdT2i<Policy> model(config, init);
    const WordIdOptions& ids = config.word_ids;
    return {std::move(model),
            WordFeatures<Policy>(ids.rows, ids.words, ids.features, config.text_width, init)};
  }

  static LabelFormat labels(const Config& config) { return LabelFormat::of_words(config.word_ids); }

  static bool holds(const TensorFile& file, const std::string& prefix) {
    return holds_pixnerd_t2i(file, prefix) && file.contains(table_name(prefix));
  }

  static Config config_of(const TensorFile& file, const std::string& prefix, const FamilyHints& hints) {
    Config config;
    static_cast<PixnerdT2iConfig&>(config) = pixnerd_t2i_config_of(file, prefix);
    const std::string table = table_name(prefix);
    const Shape rows = file.entry(table).shape;  // (K, text width)
    if (rows.rank() != 2 || rows[0] < 2 || rows[1] != config.text_width) {
      raise<FileError>("load model",
                       str_cat("vectors (K, ", config.text_width, ") of words in '", file.path(), "'"),
                       str_cat("\"", table, "\" ", rows));
    }
    config.word_ids = {.rows = rows[0], .words = config.text_tokens, .features = hints.word_parts};
    config.word_ids.check();
    return config;
  }

  static std::int64_t published_size(const Config&) { return 0; }

 private:
  static std::string table_name(const std::string& prefix) {
    return str_cat(prefix, prefix.empty() ? "" : ".", "conditioner.table.weight");
  }
};

/// Text-to-image models that take the features of a text encoder: a label is the number of a text.
struct PixnerdEncodedText {
  using Config = PixnerdEncodedTextConfig;
  template <class Policy>
  using Model = ConditionedModel<PixnerdT2i<Policy>, ListedFeatures<Policy>>;

  template <class Policy>
  static Model<Policy> make(const Config& config, Initializer& init) {
    using Device = typename Policy::Device;
    PixnerdT2i<Policy> model(config, init);
    const auto features =
        Tensor<float, Device>::from_host(config.features.shape(), config.features.to_host());
    return {std::move(model), ListedFeatures<Policy>(features)};
  }

  static LabelFormat labels(const Config& config) {
    return LabelFormat::of_classes(config.features.size(0) - 1);
  }

  static bool holds(const TensorFile& file, const std::string& prefix) {
    return holds_pixnerd_t2i(file, prefix);
  }
  static Config config_of(const TensorFile& file, const std::string& prefix, const FamilyHints&) {
    return {pixnerd_t2i_config_of(file, prefix)};
  }

  /// XXL/16 was trained at 512 x 512.
  static std::int64_t published_size(const Config& config) {
    return static_cast<const PixnerdT2iConfig&>(config) == PixnerdT2iConfig::extra_extra_large() ? 512 : 0;
  }
};

}  // namespace pixnerd
