// SPDX-License-Identifier: MIT
/// \file
/// Which classes to draw, from names or numbers.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd::program {

namespace detail {

/// A few names for a message, those that contain `wanted` first.
inline std::string some_names(const std::vector<std::string>& names, const std::string& wanted) {
  std::vector<std::string> some = names;
  std::stable_partition(some.begin(), some.end(), [&](const std::string& name) {
    return name.find(wanted) != name.npos || wanted.find(name) != wanted.npos;
  });
  std::string out;
  for (std::size_t i = 0; i < some.size() && i < 6; ++i) out += str_cat(i == 0 ? "" : ", ", some[i]);
  return out + (some.size() > 6 ? ", ..." : "");
}

inline std::int64_t parse_class(const std::string& word, const std::vector<std::string>& names,
                                std::int64_t count, std::string_view option = "--classes") {
  const auto named = std::find(names.begin(), names.end(), word);
  if (named != names.end()) return named - names.begin();
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error == std::errc() && end == word.data() + word.size() && number >= 0 && number < count)
    return number;
  raise<ValueError>(option,
                    str_cat("numbers from 0 to ", count - 1,
                            names.empty() ? "" : str_cat(" or names such as ", some_names(names, word))),
                    word);
}

}  // namespace detail

/// The class of each of `count` images: those asked for in turn, or classes spread over all of them. A name
/// may be a number: it is then the name. Throws ValueError for an unknown one, with some that are known.
inline std::vector<std::int64_t> choose_classes(const std::vector<std::string>& words,
                                                const std::vector<std::string>& names, std::int64_t classes,
                                                std::int64_t count) {
  std::vector<std::int64_t> chosen;
  for (const auto& word : words) chosen.push_back(detail::parse_class(word, names, classes));
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!chosen.empty()) {
      labels.push_back(chosen[static_cast<std::size_t>(i) % chosen.size()]);
    } else {
      labels.push_back(count < classes ? i * classes / count : i % classes);
    }
  }
  return labels;
}

/// A class for people: its name where it has one.
inline std::string class_text(const std::vector<std::string>& names, std::int64_t label) {
  return names.empty() ? str_cat(label) : names[static_cast<std::size_t>(label)];
}

}  // namespace pixnerd::program
