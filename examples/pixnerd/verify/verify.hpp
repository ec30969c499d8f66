// SPDX-License-Identifier: MIT
/// \file
/// `pixnerd verify`: the library against files that another implementation wrote.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>

#include <pixnerd/nn/precision_by_name.hpp>
#include "commands.hpp"
#include "verify/verify_dinov2.hpp"
#include "verify/verify_model.hpp"
#include "verify/verify_qwen3.hpp"
#include "verify/verify_samplers.hpp"
#include "verify/verify_text_model.hpp"
#include "verify/verify_tokens.hpp"
#include "verify/verify_training.hpp"

namespace pixnerd::program {

/// Compares everything that a reference file holds results for. Throws FileError for a file that is damaged
/// or of no known kind, NonFiniteError for one with NaN or infinity in its inputs.
template <class Policy>
Comparison verify_file(const std::string& path) {
  if (holds_tokens(path)) return verify_tokens(path);
  const ReferenceFile reference(path);
  switch (reference.kind()) {
    case ReferenceKind::text_model:
      return verify_text_model<Policy>(reference);
    case ReferenceKind::samplers:
      return verify_samplers<Policy>(reference);
    case ReferenceKind::training:
      return verify_training<Policy>(reference);
    case ReferenceKind::dinov2:
      return verify_dinov2<Policy>(reference);
    case ReferenceKind::interpolate:
      return verify_interpolate<Policy>(reference);
    case ReferenceKind::qwen3:
      return verify_qwen3<Policy>(reference);
    case ReferenceKind::model:
      break;
  }
  return verify_model<Policy>(reference);
}

/// Prints a row for each file, also for one that cannot be read; the exit status is 1 when one fails.
template <class Device>
int verify(const VerifyCommand& command) {
  std::size_t width = 4;
  for (const auto& file : command.files) width = std::max(width, file.size());
  const auto row = [&](const std::string& file, const char* tensors, const char* error, const char* tolerance,
                       const std::string& rest) {
    std::printf("%-*s  %7s  %9s  %9s  %s\n", static_cast<int>(width), file.c_str(), tensors, error, tolerance,
                rest.c_str());
    std::fflush(stdout);
  };
  std::printf("device %s, precision %s\n", command.where.description.c_str(), command.precision.c_str());
  row("file", "tensors", "error", "tolerance", "      worst tensor");
  bool all_passed = true;
  for (const auto& file : command.files) {
    Comparison found;
    try {
      found = with_policy<Device>(command.precision,
                                  [&](auto policy) { return verify_file<decltype(policy)>(file); });
    } catch (const Error& error) {
      row(file, "-", "-", "-", str_cat("FAIL  ", error.what()));
      all_passed = false;
      continue;
    }
    char tensors[24], error[24], tolerance[24];
    std::snprintf(tensors, sizeof tensors, "%lld", static_cast<long long>(found.count()));
    std::snprintf(error, sizeof error, "%.2e", found.worst_error());
    std::snprintf(tolerance, sizeof tolerance, "%.0e", found.worst_tolerance());
    row(file, tensors, error, tolerance, (found.passed() ? "pass  " : "FAIL  ") + found.worst_name());
    all_passed = all_passed && found.passed();
  }
  return all_passed ? 0 : 1;
}

}  // namespace pixnerd::program
