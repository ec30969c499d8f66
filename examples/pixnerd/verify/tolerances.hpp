// SPDX-License-Identifier: MIT
/// \file
/// How far results may be from a reference file's, as relative errors.
#pragma once

#include <cmath>
#include <concepts>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/nn/precision.hpp>

namespace pixnerd::program {

/// Tolerances of a precision for one reference file.
template <class Policy>
class Tolerances {
 public:
  /// `path` is the reference file's: beside it may lie bf16_error.json, which tells how far PyTorch's own
  /// bfloat16 is from each tensor of it.
  explicit Tolerances(const std::string& path) {
    if constexpr (std::same_as<typename Policy::Precision, Mixed>) {
      const std::filesystem::path file(path);
      const auto errors = file.parent_path() / "bf16_error.json";
      if (!std::filesystem::exists(errors)) return;
      const auto json = try_parse_json(read_file(errors.string(), 1 << 20));
      if (json && json->is_object()) errors_ = json->value(file.stem().string(), nlohmann::json::object());
    }
  }

  /// Of what a forward pass gives.
  double forward() const { return std::same_as<typename Policy::Precision, Mixed> ? 3e-2 : 1e-5; }

  /// Of a trajectory whose velocities are g c - (g - 1) n for the model's c and n: rounding errors of c and n
  /// grow by as much. (In float32 there is room for that.)
  double guided(double g) const {
    return forward() * (std::same_as<typename Policy::Precision, Mixed> ? std::abs(g) + std::abs(g - 1) : 1);
  }

  /// Of the gradient called `name` in the file: half as far again as PyTorch's bfloat16, 0.055 where that is
  /// not known, which is the most that it was anywhere.
  double gradient(const std::string& name) const {
    if constexpr (!std::same_as<typename Policy::Precision, Mixed>) return 1e-4;
    const auto found = errors_.find(name);
    return 1.5 * (found != errors_.end() && found->is_number() ? found->template get<double>() : 0.055);
  }

 private:
  nlohmann::json errors_ = nlohmann::json::object();
};

}  // namespace pixnerd::program
