// SPDX-License-Identifier: MIT
/// \file
/// What decides the outcome of a training run. Each setting is named once, in `visit`: its option on the
/// command line, its line in a checkpoint and its check all come from there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <pixnerd/core/error.hpp>

namespace pixnerd::program {

/// The largest seed that is accepted.
inline constexpr std::int64_t most_seed = 9'000'000'000'000'000'000;

inline constexpr const char* precision_help =
    "full: float32; mixed: bfloat16 inside the model, float32 weights and sums; auto: mixed on a GPU, full "
    "on the CPU";

/// The settings of `pixnerd train` that a run keeps, with their defaults.
struct TrainSettings {
  std::string data;
  std::string groups = "Smileys & Emotion,Animals & Nature,Food & Drink";
  bool skin_tones = false;
  std::string corrupt = "fatal";
  std::int64_t size = 32;
  bool flip = true;
  double hold_out = 0;

  std::string start_from;
  std::int64_t patch = 8;
  std::int64_t width = 192;
  std::int64_t heads = 6;
  std::int64_t depth = 6;
  std::int64_t field_depth = 2;
  std::int64_t field_features = 32;
  std::int64_t field_ratio = 2;

  bool text = false;
  std::int64_t words = 16;
  std::int64_t word_rows = 4096;
  std::int64_t word_parts = 12;
  std::int64_t text_depth = 2;

  std::string repa;
  double repa_weight = 0.5;
  std::int64_t repa_block = 0;  ///< counted from 1; 0 stands for default_repa_block() until a run is planned

  std::int64_t steps = 0;
  std::int64_t batch = 32;
  std::int64_t accumulate = 1;
  double lr = 1e-3;
  std::string schedule = "cosine";
  std::int64_t warmup = 50;
  double weight_decay = 0;
  double clip = 1;
  double skip_outliers = 0;
  double ema = 0.999;
  double dropout = 0.1;
  std::string time = "lognormal";
  double shift = 1;
  std::int64_t seed = 0;
  std::string precision = "auto";

  /// Calls visitor.section(title) and visitor(name, member, help, range or choices ...) in the order of help
  /// texts.
  static void visit(auto& self, auto&& visitor) {
    visitor.section("Data");
    visitor("data", self.data,
            "emoji, fashion-mnist, or a folder with one subfolder of PNG or JPEG images per class; with "
            "--text also "
            "a folder of NAME.png and NAME.txt, or LIST.jsonl");
    visitor("groups", self.groups, "of emoji, comma-separated, or all");
    visitor("skin-tones", self.skin_tones, "include the emoji variants with skin tones");
    visitor("corrupt", self.corrupt, "when an image cannot be read: fatal stops, skip leaves it out", "fatal",
            "skip");
    visitor("size", self.size, "side of the square images in pixels, a multiple of the patch", 1, 8192);
    visitor("flip", self.flip, "mirror images left to right, half of the time");
    visitor("hold-out", self.hold_out,
            "fraction of the images, chosen by the seed, to keep out of training: checkpoints are compared "
            "on them",
            0, 0.9);

    visitor.section("Model");
    visitor("start-from", self.start_from,
            "initial weights (safetensors or a PyTorch checkpoint, as for sample --weights); the model gets "
            "their "
            "sizes; class embeddings are new where the number of classes differs");
    visitor("patch", self.patch, "side of a patch in pixels", 1, 256);
    visitor("width", self.width, "width of a token; a multiple of the heads", 4, 65'536);
    visitor("heads", self.heads, "attention heads; width / heads must be a multiple of 4 and at most 512", 1,
            1024);
    visitor("depth", self.depth, "transformer blocks", 0, 1000);
    visitor("field-depth", self.field_depth, "neural-field blocks that turn tokens into pixels", 0, 1000);
    visitor("field-features", self.field_features, "features of a pixel in the neural field", 1, 4096);
    visitor("field-ratio", self.field_ratio,
            "width of a field block's MLP, in multiples of the field features", 1, 64);

    visitor.section("Text");
    visitor("text", self.text,
            "train a text-to-image model, on the images' captions or else the names of their classes");
    visitor("words", self.words, "words read of a text", 1, 1024);
    visitor("word-rows", self.word_rows, "rows of the embedding table that words and their parts share", 2,
            10'000'000);
    visitor("word-parts", self.word_parts,
            "embeddings of a word: one for all of it, the others for three letters each", 1, 256);
    visitor("text-depth", self.text_depth, "transformer blocks for the text alone", 0, 1000);

    visitor.section("Alignment");
    visitor("repa", self.repa,
            "a DINOv2 (safetensors or .pth): a block's tokens are aligned with its features of the images");
    visitor("repa-weight", self.repa_weight, "weight of the alignment in the loss", 0, 1000);
    visitor("repa-block", self.repa_block,
            "the block to align, counted from 1; default: 8, or 6 with --text, but in the first third of the "
            "blocks",
            0, 1000);

    visitor.section("Training");
    visitor("steps", self.steps, "training steps; default: as many as fit into --minutes", 1, 1'000'000'000);
    visitor("batch", self.batch, "images in a batch", 1, 1'000'000);
    visitor("accumulate", self.accumulate, "batches per step (gradient accumulation)", 1, 10'000);
    visitor("lr", self.lr, "peak learning rate", 0, 1000);
    visitor("schedule", self.schedule, "of the learning rate after the warm-up", "cosine", "constant");
    visitor("warmup", self.warmup, "steps over which the learning rate rises to its peak", 0, 1'000'000'000);
    visitor("weight-decay", self.weight_decay, "of AdamW, on all weights", 0, 1);
    visitor("clip", self.clip, "maximum global norm of the gradient; 0: no clipping", 0, 1'000'000'000);
    visitor("skip-outliers", self.skip_outliers,
            "skip steps whose gradient norm is above this factor times the running mean; 0: skip none", 0,
            1'000'000'000);
    visitor("ema", self.ema, "decay of the EMA weights; at first smaller, (1 + step) / (10 + step)", 0, 1);
    visitor("dropout", self.dropout,
            "probability of dropping the class or text, for classifier-free guidance", 0, 1);
    visitor("time", self.time, "distribution of the training times", "lognormal", "uniform");
    visitor("shift", self.shift, "of the times: above 1 more noise", 1e-3, 1000);
    visitor("seed", self.seed, "of all random numbers", 0, most_seed);
    visitor("precision", self.precision, precision_help, "auto", "full", "mixed");
  }
};

/// The block whose tokens REPA aligns where none is named: that of the published models, 8, or 6 for text to
/// image, which lie about a third into their depth, and in smaller models the last block of the first third.
inline std::int64_t default_repa_block(const TrainSettings& settings) {
  return std::min<std::int64_t>(settings.text ? 6 : 8, (settings.depth + 2) / 3);
}

/// What a run leaves behind and how often. Its outcome does not depend on these, so they may change when it
/// goes on; where they are not given, they are as before: nobody should lose checkpoints by leaving out an
/// option.
struct SavingOptions {
  std::int64_t checkpoint_every = 500;  ///< steps; 0: only at the end
  std::int64_t keep = 2;                ///< checkpoints, beside the best one
  std::int64_t sample_every = 500;      ///< steps; 0: only at the end

  static constexpr std::int64_t most = 1'000'000'000;

  /// Calls visitor(name, member, least).
  static void visit(auto& self, auto&& visitor) {
    visitor("checkpoint-every", self.checkpoint_every, 0);
    visitor("keep", self.keep, 1);
    visitor("sample-every", self.sample_every, 0);
  }
};

namespace detail {

/// Throws a ValueError about one setting. `where` is empty on the command line, else the file it comes from.
[[noreturn]] inline void refuse_setting(std::string_view where, std::string_view name,
                                        std::string_view expected, std::string_view got) {
  raise<ValueError>(where.empty() ? "settings" : where, str_cat("--", name, " ", expected), got);
}

/// Checks ranges and choices.
struct SettingChecker {
  std::string_view where;

  void section(const char*) {}
  template <class T>
  void operator()(const char*, const T&, const char*) {}
  template <class T, class Low, class High>
    requires std::is_arithmetic_v<T>
  void operator()(const char* name, const T& value, const char*, Low low, High high) {
    // Written so that NaN fails, too.
    if (!(value >= static_cast<T>(low) && value <= static_cast<T>(high))) {
      refuse_setting(where, name, str_cat("from ", low, " to ", high), str_cat(value));
    }
  }
  template <class... More>
  void operator()(const char* name, const std::string& value, const char*, const char* first,
                  const More*... more) {
    if (value == first || ((value == more) || ...)) return;
    refuse_setting(where, name, str_cat(first, str_cat(" or ", more)...), value);
  }
};

}  // namespace detail

/// Throws ValueError, naming the option, for a setting out of its range, alone or beside the others. `where`
/// is the file that the settings come from, empty when they come from the command line.
inline void check_settings(const TrainSettings& settings, std::string_view where = "") {
  TrainSettings::visit(settings, detail::SettingChecker{where});
  const auto need = [&](bool good, std::string_view name, std::string_view expected, std::int64_t got) {
    if (!good) detail::refuse_setting(where, name, expected, str_cat(got));
  };
  if (settings.skip_outliers > 0 && settings.skip_outliers <= 1) {
    detail::refuse_setting(where, "skip-outliers", "0 or above 1", str_cat(settings.skip_outliers));
  }
  if (!settings.repa.empty()) {
    need(settings.depth > 0, "depth", "of at least 1 for --repa", settings.depth);
    need(settings.repa_block <= settings.depth, "repa-block",
         str_cat("that is one of the ", settings.depth, " blocks (--depth)"), settings.repa_block);
  }
  need(settings.size % settings.patch == 0, "size",
       str_cat("that is a multiple of the patch, ", settings.patch), settings.size);
  need(settings.width % settings.heads == 0, "heads", str_cat("that divides the width, ", settings.width),
       settings.heads);
  need(settings.width / settings.heads % 4 == 0, "heads",
       str_cat("with which width / heads is a multiple of 4 for the width ", settings.width), settings.heads);
  need(settings.width / settings.heads <= 512, "heads",
       str_cat("with which width / heads is at most 512 for the width ", settings.width), settings.heads);
}

}  // namespace pixnerd::program
