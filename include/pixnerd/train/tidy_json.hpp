/// \file
/// Destroying JSON values without memory.
#pragma once

#include <nlohmann/json.hpp>

namespace pixnerd::detail {

/// Empties a value when it goes out of scope. The destructor of a list or an object that is not empty allocates
/// memory, and where there is none it ends the program: declare this behind the value. Values must not be nested
/// deeper than the stack allows.
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
