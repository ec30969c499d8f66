// SPDX-License-Identifier: MIT
/// \file
/// A Qwen3 from a folder as Hugging Face publishes it: config.json and model.safetensors, or the files of
/// model.safetensors.index.json.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include <pixnerd/encoders/qwen3.hpp>
#include <pixnerd/io/safetensors/sharded_file.hpp>
#include <pixnerd/zoo/model_from_file.hpp>

namespace pixnerd {

namespace detail {

/// Reads members of a config.json; `path` is for messages.
class Qwen3ConfigReader {
 public:
  Qwen3ConfigReader(const nlohmann::json& root, const std::string& path) : root_(root), path_(path) {}

  Qwen3Config read() const {
    if (!root_.is_object()) refuse("an object", root_.type_name());
    // What Qwen3 fixes or what would be another computation. A missing member has the value that it must
    // have.
    only("model_type", "qwen3");
    only("hidden_act", "silu");
    only("attention_bias", false);
    only("use_sliding_window", false);
    only("rope_scaling", nullptr);
    Qwen3Config config;
    config.vocabulary = size("vocab_size", 1 << 24);
    config.width = size("hidden_size", 1 << 20);
    config.hidden = size("intermediate_size", 1 << 20);
    config.depth = size("num_hidden_layers", 1000);
    config.heads = size("num_attention_heads", 1 << 12);
    config.key_heads = size("num_key_value_heads", 1 << 12);
    config.head_width = size("head_dim", 1 << 12);
    if (config.heads % config.key_heads != 0) {
      refuse("\"num_key_value_heads\" that divide the ones of attention",
             str_cat(config.key_heads, " and ", config.heads));
    }
    if (config.head_width % 2 != 0) refuse("an even \"head_dim\"", str_cat(config.head_width));
    config.epsilon = positive("rms_norm_eps", member(root_, "rms_norm_eps"));
    config.rotary_theta = read_theta();
    return config;
  }

 private:
  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>("Qwen3 configuration", str_cat(expected, " in '", path_, "'"), got);
  }

  static std::string shown(const nlohmann::json& value) {
    const std::string all = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return all.size() <= 100 ? all : all.substr(0, 100) + "...";
  }

  static const nlohmann::json& member(const nlohmann::json& object, const char* key) {
    static const nlohmann::json null;
    const auto found = object.find(key);
    return found == object.end() ? null : *found;
  }

  void only(const char* key, const nlohmann::json& value) const {
    const auto& found = member(root_, key);
    if (!found.is_null() && found != value) {
      refuse(str_cat("\"", key, "\": ", shown(value)), shown(found));
    }
  }

  std::int64_t size(const char* key, std::uint64_t most) const {
    const auto& value = member(root_, key);
    const bool positive =
        value.is_number_integer() && (value.is_number_unsigned() || value.get<std::int64_t>() > 0);
    if (!positive || value.get<std::uint64_t>() < 1 || value.get<std::uint64_t>() > most) {
      refuse(str_cat("a \"", key, "\" from 1 to ", most), value.is_null() ? "none" : shown(value));
    }
    return value.get<std::int64_t>();
  }

  double positive(const char* key, const nlohmann::json& value) const {
    const bool good = value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() > 0;
    if (!good) refuse(str_cat("a positive number \"", key, "\""), value.is_null() ? "none" : shown(value));
    return value.get<double>();
  }

  /// Newer files have it in "rope_parameters", with a type that must be the plain one.
  double read_theta() const {
    const auto& inside = member(root_, "rope_parameters");
    if (!inside.is_object()) return positive("rope_theta", member(root_, "rope_theta"));
    const auto& type = member(inside, "rope_type");
    if (!type.is_null() && type != "default") refuse("the \"rope_type\" \"default\"", shown(type));
    return positive("rope_theta", member(inside, "rope_theta"));
  }

  const nlohmann::json& root_;
  const std::string& path_;
};

}  // namespace detail

/// The sizes that a config.json gives; `path` says in messages where it came from. Throws FileError for
/// another kind of model, a missing or absurd size, or positions that are scaled.
inline Qwen3Config qwen3_config_of(const nlohmann::json& root, const std::string& path) {
  return detail::Qwen3ConfigReader(root, path).read();
}

/// The weights in a folder: of model.safetensors.index.json if it is there, else of model.safetensors. Throws
/// FileError.
inline std::unique_ptr<TensorFile> open_qwen3_weights(const std::string& folder) {
  const std::string index = folder + "/model.safetensors.index.json";
  std::error_code ignored;
  if (std::filesystem::exists(index, ignored)) return std::make_unique<ShardedSafetensors>(index);
  return std::make_unique<SafetensorsFile>(folder + "/model.safetensors");
}

/// The Qwen3 in a folder, its weights rounded to nearest where they are wider than Precision's. Weights of
/// the language model's head are passed over. They are read one tensor at a time, and have no gradients.
/// Throws FileError for anything but config.json and exactly the tensors that it calls for; nothing is
/// allocated before that is known. Throws NonFiniteError for NaN and infinity among them.
template <class Policy = On<Cpu>>
Qwen3<Policy> load_qwen3(const std::string& folder) {
  const std::string path = folder + "/config.json";
  const Qwen3Config config = qwen3_config_of(read_json_file(path, "Qwen3 configuration"), path);
  const auto file = open_qwen3_weights(folder);
  // Files of the model without its head have no prefix.
  const std::string prefix = file->contains("embed_tokens.weight") ? "" : "model";
  auto model = model_from_file<Qwen3<Policy>>(*file, config, prefix);
  for_each_parameter(model, [](const std::string&, auto& parameter) { parameter = parameter.detach(); });
  return model;
}

}  // namespace pixnerd
