// SPDX-License-Identifier: MIT
/// \file
/// Reference files: inputs, weights and results of another implementation, with its configuration as JSON.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/io/open_tensor_file.hpp>

#include "verify/comparison.hpp"

namespace pixnerd::program {

/// What a file lets the library be compared on.
enum class ReferenceKind { model, text_model, samplers, training, dinov2, interpolate, qwen3 };

/// An open reference file.
class ReferenceFile {
 public:
  /// Throws FileError when the file cannot be read, or is of no known kind.
  explicit ReferenceFile(const std::string& path) : file_(open_tensor_file(path)) {
    const auto& metadata = file_->metadata();
    const auto config = metadata.find("config");
    if (config != metadata.end()) {
      if (auto json = try_parse_json(config->second)) config_ = std::move(*json);
    }
    if (config_.is_object() && config_.contains("runs")) {
      kind_ = ReferenceKind::samplers;
    } else if (config_.is_object() && config_.contains("feat_loss_weight")) {
      kind_ = ReferenceKind::training;
    } else if (config_.is_object() && config_.contains("interpolate_offset")) {
      kind_ = ReferenceKind::dinov2;
    } else if (config_.is_object() && config_.contains("num_key_value_heads")) {
      kind_ = ReferenceKind::qwen3;
    } else if (file_->contains("x") &&
               std::any_of(file_->entries().begin(), file_->entries().end(),
                           [](const auto& e) { return e.name.starts_with("bicubic."); })) {
      kind_ = ReferenceKind::interpolate;
    } else if ((config_.is_object() && config_.value("model", nlohmann::json()) == "pixnerd_c2i") ||
               (file_->contains("in.target") && file_->contains("param.y_embedder.embedding_table.weight"))) {
      kind_ = ReferenceKind::model;
    } else if (config_.is_object() && config_.value("model", nlohmann::json()) == "pixnerd_t2i") {
      kind_ = ReferenceKind::text_model;
    } else {
      raise<FileError>("verify",
                       str_cat("one of the kinds c2i (config \"model\": \"pixnerd_c2i\"), t2i "
                               "(\"pixnerd_t2i\"), samplers (config "
                               "\"runs\"), training_repa (config \"feat_loss_weight\"), dinov2 (config "
                               "\"interpolate_offset\"), qwen3 (config \"num_key_value_heads\") and "
                               "interpolate (\"x\" and \"bicubic.HxW\") in '",
                               path, "', or tokens in a .json"),
                       "another file");
    }
  }

  const std::string& path() const { return file_->path(); }
  const TensorFile& file() const { return *file_; }
  const nlohmann::json& config() const { return config_; }
  ReferenceKind kind() const { return kind_; }

  /// A tensor of finite numbers. Throws FileError when it is missing, NonFiniteError when it is not finite.
  template <class T, class Device>
  Tensor<T, Device> tensor(const std::string& name) const {
    const auto out = file_->tensor<T>(name);
    for (std::int64_t i = 0; i < out.count(); ++i) {
      if (!std::isfinite(static_cast<double>(out.data()[i]))) {
        raise<NonFiniteError>("verify", str_cat("finite numbers in '", path(), "'"),
                              str_cat(out.data()[i], " in ", name));
      }
    }
    return Tensor<T, Device>::from_host(out.shape(), std::span<const T>(out.data(), out.bytes() / sizeof(T)));
  }

  /// Adds the error of a tensor that the file holds under `name`.
  template <class T, class Device>
  void compare(Comparison& comparison, const std::string& name, const Tensor<T, Device>& ours,
               double tolerance) const {
    const auto theirs = file_->tensor<T>(name);
    if (!(ours.shape() == theirs.shape())) {
      raise<FileError>("verify", str_cat(name, " of shape ", ours.shape(), " in '", path(), "'"),
                       str_cat(theirs.shape()));
    }
    compare(comparison, name, ours.to_host(), tolerance);
  }

  /// The same for elements in the order of the file.
  template <class T>
  void compare(Comparison& comparison, const std::string& name, const std::vector<T>& ours,
               double tolerance) const {
    const auto theirs = file_->read<T>(name);
    comparison.add(name, relative_error(std::span<const T>(ours), std::span<const T>(theirs), name),
                   tolerance);
  }

 private:
  std::unique_ptr<TensorFile> file_;
  nlohmann::json config_;
  ReferenceKind kind_ = ReferenceKind::model;
};

/// A number of a configuration, from `least` to `most`; `fallback`, where given, stands for a missing one.
/// Throws FileError.
inline double config_number(const ReferenceFile& reference, const nlohmann::json& object, const char* key,
                            double least, double most, const double* fallback = nullptr) {
  const auto found = object.find(key);
  if (found == object.end() && fallback != nullptr) return *fallback;
  const bool fits = found != object.end() && found->is_number();
  const double value = fits ? found->template get<double>() : 0;
  if (!fits || !(value >= least && value <= most)) {
    raise<FileError>("verify",
                     str_cat("a number \"", key, "\" from ", least, " to ", most, " in the config of '",
                             reference.path(), "'"),
                     found == object.end() ? "none" : found->dump());
  }
  return value;
}

inline double config_number(const ReferenceFile& reference, const nlohmann::json& object, const char* key,
                            double least, double most, double fallback) {
  return config_number(reference, object, key, least, most, &fallback);
}

}  // namespace pixnerd::program
