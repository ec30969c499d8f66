// SPDX-License-Identifier: MIT
/// \file
/// The random numbers of PyTorch's CPU generator, so that a published seed gives the published noise. The
/// library itself draws from random.hpp; this is for reproducing what PyTorch programs drew.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// The generator that torch.manual_seed(seed) sets on the CPU: a Mersenne twister, and PyTorch's ways of
/// turning its words into numbers. Integers equal PyTorch's; normals do up to rounding in logarithm, sine and
/// cosine. Compared with PyTorch 2.15; versions before 2.7 draw integers of some ranges differently, see
/// integers().
class TorchRandom {
 public:
  /// PyTorch takes a 64-bit seed and uses its lower 32 bits.
  explicit TorchRandom(std::uint64_t seed) : engine_(static_cast<std::uint32_t>(seed)) {}

  /// torch.rand: float32 on [0, 1), multiples of 2^-24.
  void uniform(std::span<float> out) {
    for (float& value : out) value = next_uniform();
  }

  /// torch.randn: standard normals in float32. 16 or more values are drawn in groups of 16, and the last 16
  /// are drawn again unless the count is a multiple of 16. Fewer are drawn one by one in float64.
  void normal(std::span<float> out) {
    constexpr std::size_t group = 16;
    if (out.size() < group) {
      for (float& value : out) value = static_cast<float>(next_normal());
      return;
    }
    uniform(out);
    for (std::size_t i = 0; i + group <= out.size(); i += group) to_normals(out.subspan(i, group));
    if (out.size() % group != 0) {
      const auto last = out.last(group);
      uniform(last);
      to_normals(last);
    }
  }

  /// torch.randint in int64: integers of [low, high). Throws ValueError unless low < high. A number takes two
  /// words of the twister if the range has 2^28 or more values. Before PyTorch 2.7 that limit was 2^32, so
  /// those versions draw other numbers for ranges in between.
  void integers(std::int64_t low, std::int64_t high, std::span<std::int64_t> out) {
    if (low >= high) raise<ValueError>("torch random", "low < high", str_cat(low, " and ", high));
    const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const bool is_wide = range >= std::uint64_t{1} << 28;
    for (std::int64_t& value : out) {
      const std::uint64_t word = is_wide ? next_double_word() : engine_();
      value = static_cast<std::int64_t>(word % range + static_cast<std::uint64_t>(low));
    }
  }

  /// torch.randperm: the numbers 0 ... count - 1 in random order. Differs from PyTorch for 214,748,364 and
  /// more.
  std::vector<std::int64_t> permutation(std::int64_t count) {
    if (count < 0) raise<ValueError>("torch random", "at least 0 numbers", str_cat(count));
    std::vector<std::int64_t> out(static_cast<std::size_t>(count));
    std::iota(out.begin(), out.end(), std::int64_t{0});
    for (std::size_t i = 0; i + 1 < out.size(); ++i) {
      const std::size_t other = i + engine_() % (out.size() - i);
      std::swap(out[i], out[other]);
    }
    return out;
  }

 private:
  float next_uniform() { return static_cast<float>(engine_() & 0xffffffu) * 0x1p-24f; }

  std::uint64_t next_double_word() {
    const std::uint64_t high = engine_();
    return high << 32 | engine_();
  }

  double next_uniform_double() {
    return static_cast<double>(next_double_word() & ((std::uint64_t{1} << 53) - 1)) * 0x1p-53;
  }

  /// Draws two at a time by the Box-Muller transform and keeps the second for the next call.
  double next_normal() {
    if (kept_) return *std::exchange(kept_, std::nullopt);
    const double turn = 2 * std::numbers::pi * next_uniform_double();
    const double radius = std::sqrt(-2 * std::log1p(-next_uniform_double()));
    kept_ = radius * std::sin(turn);
    return radius * std::cos(turn);
  }

  /// The Box-Muller transform of pairs that are eight apart.
  static void to_normals(std::span<float> group) {
    for (std::size_t i = 0; i < 8; ++i) {
      const float radius = std::sqrt(-2.0f * std::log(1.0f - group[i]));
      const float turn = 2.0f * std::numbers::pi_v<float> * group[i + 8];
      group[i] = radius * std::cos(turn);
      group[i + 8] = radius * std::sin(turn);
    }
  }

  std::mt19937 engine_;
  std::optional<double> kept_;
};

}  // namespace pixnerd
