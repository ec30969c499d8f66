// SPDX-License-Identifier: MIT
/// \file
/// Deterministic mutations of inputs: the same number gives the same bytes with every compiler.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace pixnerd::fuzz {

using Bytes = std::vector<std::uint8_t>;

/// Makes inputs of seeds.
class Mutator {
 public:
  explicit Mutator(std::uint64_t number) : random_(number) {}

  /// One seed, changed in one to four places.
  Bytes operator()(const std::vector<Bytes>& seeds) {
    Bytes bytes = seeds[below(seeds.size())];
    for (std::size_t n = 1 + below(4); n > 0; --n) mutate(bytes, seeds[below(seeds.size())]);
    if (bytes.size() > most_bytes) bytes.resize(most_bytes);
    return bytes;
  }

 private:
  static constexpr std::size_t most_bytes = 1 << 16;

  // Distributions of the standard library differ between implementations.
  std::size_t below(std::size_t end) { return end == 0 ? 0 : static_cast<std::size_t>(random_() % end); }

  static auto at(Bytes& bytes, std::size_t place) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(place);
  }

  void mutate(Bytes& bytes, const Bytes& other) {
    if (bytes.empty()) {
      bytes = other;
      return;
    }
    const std::size_t place = below(bytes.size());
    const std::size_t length = 1 + below(std::min<std::size_t>(bytes.size() - place, 64));
    switch (below(9)) {
      case 0:
        bytes[place] ^= static_cast<std::uint8_t>(1 << below(8));
        break;
      case 1:
        bytes[place] = static_cast<std::uint8_t>(below(256));
        break;
      case 2:
        bytes.erase(at(bytes, place), at(bytes, place + length));
        break;
      case 3: {  // said again
        const Bytes part(at(bytes, place), at(bytes, place + length));
        bytes.insert(at(bytes, below(bytes.size() + 1)), part.begin(), part.end());
        break;
      }
      case 4:
        bytes.resize(place);
        break;
      case 5:
        put_integer(bytes, place);
        break;
      case 6:
        put_digits(bytes, place);
        break;
      case 7: {  // goes on as another one
        bytes.resize(place);
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(below(other.size())),
                     other.end());
        break;
      }
      default:
        std::fill(at(bytes, place), at(bytes, place + length), static_cast<std::uint8_t>(below(2) * 0xff));
    }
  }

  /// Lengths, counts and offsets that are next to what overflows.
  void put_integer(Bytes& bytes, std::size_t place) {
    constexpr std::uint64_t extremes[] = {0,          1,          0x7f,       0x80,       0xff,
                                          0x7fff,     0x8000,     0xffff,     0x10000,    0x7fffffff,
                                          0x80000000, 0xffffffff, 1ull << 32, 1ull << 40, 1ull << 62,
                                          1ull << 63, ~0ull - 7,  ~0ull};
    const std::uint64_t value = extremes[below(std::size(extremes))] + below(3) - 1;
    const std::size_t width = std::size_t{1} << below(4);
    const bool big_endian = below(2) != 0;
    for (std::size_t i = 0; i < width && place + i < bytes.size(); ++i) {
      bytes[place + i] = static_cast<std::uint8_t>(value >> 8 * (big_endian ? width - 1 - i : i));
    }
  }

  /// The same as text: replaces the number that stands at or behind `place`.
  void put_digits(Bytes& bytes, std::size_t place) {
    constexpr std::string_view extremes[] = {
        "0",   "1",     "-1",  "00",         "4294967296",           "9223372036854775807",
        "1e9", "1e999", "0.5", "2147483648", "18446744073709551615", "1844674407370955162"};
    const auto is_digit = [](std::uint8_t c) { return c >= '0' && c <= '9'; };
    const auto begin = std::find_if(at(bytes, place), bytes.end(), is_digit);
    const auto end = std::find_if_not(begin, bytes.end(), is_digit);
    const auto digits = extremes[below(std::size(extremes))];
    bytes.insert(bytes.erase(begin, end), digits.begin(), digits.end());
  }

  std::mt19937_64 random_;
};

}  // namespace pixnerd::fuzz
