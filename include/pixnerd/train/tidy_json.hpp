// SPDX-License-Identifier: MIT
/// \file
/// Destroying JSON values without allocating.
#pragma once

#include <nlohmann/json.hpp>

namespace pixnerd::detail {

/// Empties a JSON value when the scope ends. The destructor of nlohmann::json allocates for lists and objects
/// that are not empty, and terminates the program when that fails. Declare this after the value. The
/// recursion is as deep as the value is nested.
class TidyJson {
 public:
  explicit TidyJson(nlohmann::json& value) : value_(value) {}
  TidyJson(const TidyJson&) = delete;
  TidyJson& operator=(const TidyJson&) = delete;
  ~TidyJson() { empty(value_); }

 private:
  static void empty(nlohmann::json& value) {
    if (!value.is_structured()) return;
    for (auto& child : value) empty(child);
    value.clear();
  }

  nlohmann::json& value_;
};

}  // namespace pixnerd::detail
