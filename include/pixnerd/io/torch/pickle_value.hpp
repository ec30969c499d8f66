// SPDX-License-Identifier: MIT
/// \file
/// The values of a Python pickle, as data.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pixnerd {

/// Kinds of pickle values.
enum class PickleKind : std::uint8_t {
  none,
  boolean,      ///< number is 0 or 1
  integer,      ///< number
  big_integer,  ///< beyond 64 bits: string holds its bytes, lowest first
  real,         ///< number holds its bits: see real()
  string,       ///< string, UTF-8 or whatever the pickle holds
  bytes,        ///< string
  list,         ///< items
  tuple,        ///< items
  dictionary,   ///< items: key, value, key, value, ...
  global,       ///< string: "module.name"
  call,         ///< items: what is called, its arguments (a tuple)
  persistent,   ///< items: one value that names something outside of the pickle
};

/// A value. Items are indices of a Pickle's values, so cyclic values need no special care.
struct PickleValue {
  PickleKind kind = PickleKind::none;
  std::int64_t number = 0;
  std::string_view string;
  std::vector<std::uint32_t> items;

  double real() const { return std::bit_cast<double>(number); }
};

}  // namespace pixnerd
