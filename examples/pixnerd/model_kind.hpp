/// \file
/// The kinds of models that the program trains and draws with: told a class, or told a text by words that they learned, or
/// by a text encoder, which draw only. Everything else is written once, as templates over the kind.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>

#include <pixnerd/conditioning/class_features.hpp>
#include <pixnerd/conditioning/encoded_text.hpp>
#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/models/conditioned_model.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/text/words.hpp>

#include "labels.hpp"
#include "settings.hpp"

namespace pixnerd::program {

/// Sizes of a text-to-image model with the features of words that it learned.
struct TextModelConfig : PixnerdT2iConfig {
  WordIdOptions word_ids;
};

/// Sizes of a text-to-image model that a text encoder tells texts, and what it told.
struct EncodedTextConfig : PixnerdT2iConfig {
  Tensor<float> features = {};  ///< (K + 1, n, text width), of K texts, then of ""
};

/// Class-conditional models.
struct ClassKind {
  using Config = PixnerdC2iConfig;
  template <class Policy>
  using Model = PixnerdC2i<Policy>;

  static Config config(const TrainSettings& settings, std::int64_t classes) {
    Config out = sizes<Config>(settings);
    out.classes = classes;
    return out;
  }

  template <class Policy>
  static Model<Policy> make(const Config& config, Initializer& init) {
    return {config, init};
  }

  static LabelFormat labels(const Config& config) { return LabelFormat::of_classes(config.classes); }

  /// The settings that both kinds have.
  template <class AnyConfig>
  static AnyConfig sizes(const TrainSettings& settings) {
    AnyConfig out;
    out.channels = 3;
    out.patch = settings.patch;
    out.width = settings.width;
    out.heads = settings.heads;
    out.depth = settings.depth;
    out.decoder.depth = settings.field_depth;
    out.decoder.features = settings.field_features;
    out.decoder.ratio = settings.field_ratio;
    return out;
  }
};

/// Text-to-image models whose words are learned with them.
struct TextKind {
  using Config = TextModelConfig;
  template <class Policy>
  using Model = ConditionedModel<PixnerdT2i<Policy>, WordFeatures<Policy>>;

  static Config config(const TrainSettings& settings, std::int64_t) {
    Config out = ClassKind::sizes<Config>(settings);
    out.text_depth = settings.text_depth;
    out.text_width = settings.width;
    out.text_tokens = settings.words;
    out.word_ids = {.rows = settings.word_rows, .words = settings.words, .features = settings.word_parts};
    return out;
  }

  template <class Policy>
  static Model<Policy> make(const Config& config, Initializer& init) {
    PixnerdT2i<Policy> model(config, init);
    const WordIdOptions& ids = config.word_ids;
    return {std::move(model),
            WordFeatures<Policy>(ids.rows, ids.words, ids.features, config.text_width, init)};
  }

  static LabelFormat labels(const Config& config) { return LabelFormat::of_words(config.word_ids); }
};

/// Text-to-image models that take the features of a text encoder: a label is the number of a text.
struct EncodedTextKind {
  using Config = EncodedTextConfig;
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
};

/// Sizes of a model of any kind, which tell the kind.
using AnyConfig = std::variant<PixnerdC2iConfig, TextModelConfig, EncodedTextConfig>;

inline ClassKind kind_of(const PixnerdC2iConfig&) {
  return {};
}
inline TextKind kind_of(const TextModelConfig&) {
  return {};
}
inline EncodedTextKind kind_of(const EncodedTextConfig&) {
  return {};
}

/// Sizes of a model.
template <class Policy>
const PixnerdC2iConfig& model_config(const PixnerdC2i<Policy>& model) {
  return model.config();
}
template <class Model, class AConditioner>
const PixnerdT2iConfig& model_config(const ConditionedModel<Model, AConditioner>& model) {
  return model.model().config();
}

/// The model for images of another resolution. Class-conditional models have only one: `scale` is 1 for them.
template <class Policy>
const PixnerdC2i<Policy>& decoded_at(const PixnerdC2i<Policy>& model, const DecoderScale&) {
  return model;
}
template <class Model, class AConditioner>
ConditionedModel<Model, AConditioner> decoded_at(const ConditionedModel<Model, AConditioner>& model,
                                                 const DecoderScale& scale) {
  return model.decoded_at(scale);
}

/// Number of parameters of a model.
template <class Kind>
std::int64_t parameters_of(const typename Kind::Config& config) {
  auto shapes = Initializer::shapes_only();
  return parameter_count(Kind::template make<On<Cpu>>(config, shapes));
}

/// Calls work(kind) with the kind of models that are trained to be told texts, or classes.
template <class Work>
auto with_kind(bool text, Work work) {
  return text ? work(TextKind{}) : work(ClassKind{});
}

}  // namespace pixnerd::program
