// SPDX-License-Identifier: MIT
/// \file
/// The exceptions of the library. Every message follows one grammar: `[where] expected WHAT, got WHAT`.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <pixnerd/core/str_cat.hpp>

namespace pixnerd {

/// Base class of all exceptions of the library.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Tensors whose shapes do not fit the operation or each other.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// An argument or setting outside its range.
class ValueError : public Error {
 public:
  using Error::Error;
};

/// A file or folder that is missing, unreadable, malformed or cannot be written.
class FileError : public Error {
 public:
  using Error::Error;
};

/// NaN or infinity where a finite number is needed.
class NonFiniteError : public Error {
 public:
  using Error::Error;
};

/// Throws `Kind` with the message `[where] expected EXPECTED, got GOT`.
template <class Kind>
[[noreturn]] PIXNERD_COLD void raise(std::string_view where, std::string_view expected,
                                     std::string_view got) {
  throw Kind(str_cat("[", where, "] expected ", expected, ", got ", got));
}

}  // namespace pixnerd
