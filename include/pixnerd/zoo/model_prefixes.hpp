// SPDX-License-Identifier: MIT
/// \file
/// Where in a file models lie: under which prefixes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/tensor_file.hpp>

namespace pixnerd {

/// Whether a prefix names a model. Gradients and optimizer state use the same parameter names below others.
inline bool is_model_prefix(std::string_view prefix) {
  return prefix.empty() || prefix == "param" || prefix == "param0" || prefix.starts_with("denoiser") ||
         prefix.starts_with("ema");
}

/// The prefixes of the models in a file, in order; the empty string means no prefix.
inline std::vector<std::string> model_prefixes(const TensorFile& file) {
  constexpr std::string_view first = "s_embedder.proj.weight";
  std::vector<std::string> prefixes;
  for (const auto& entry : file.entries()) {
    if (!entry.name.ends_with(first)) continue;
    std::string prefix = entry.name.substr(0, entry.name.size() - first.size());
    if (!prefix.empty() && prefix.back() != '.') continue;
    if (!prefix.empty()) prefix.pop_back();
    if (is_model_prefix(prefix)) prefixes.push_back(std::move(prefix));
  }
  return prefixes;
}

/// The prefix of one of the models in a file: the first that is an average of weights ("ema_denoiser"), or
/// that is none, as `average` says; the first one where there is no such. Throws FileError when there is no
/// model.
inline std::string choose_model_prefix(const TensorFile& file, bool average) {
  const auto prefixes = model_prefixes(file);
  if (prefixes.empty()) {
    raise<FileError>("load model", str_cat("a PixNerd in '", file.path(), "'"),
                     "no tensor \"s_embedder.proj.weight\", bare or below param, denoiser or ema");
  }
  for (const auto& prefix : prefixes) {
    if ((prefix.find("ema") != prefix.npos) == average) return prefix;
  }
  return prefixes.front();
}

}  // namespace pixnerd
