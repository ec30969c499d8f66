// SPDX-License-Identifier: MIT
/// \file
/// Counter-based random numbers (Philox 4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1,
/// 2, 3").
///
/// A number is a pure function of (seed, purpose, sample, step, element), so it does not depend on batches,
/// threads, ranks or the device, and resuming needs no generator state. Words and uniforms have the same bits
/// everywhere. So do normals, because their logarithm, sine and cosine are built here from explicit fma,
/// division and square root.
#pragma once

#include <cmath>
#include <cstdint>

#include <pixnerd/core/annotations.hpp>
#include <pixnerd/core/bit_cast.hpp>

namespace pixnerd {

/// What a number is used for: separates the streams of one seed. The values are part of the checkpoint
/// format.
enum class RandomPurpose : std::uint32_t {
  initialization = 0,
  noise = 1,
  time = 2,
  label_dropout = 3,
  shuffle = 4,
  flip = 5,
  sampling_noise = 6,
  sampling_step = 7,
  caption = 8,
  test = 99,
};

/// Identifies one stream of numbers.
struct RandomKey {
  std::uint64_t seed = 0;
  RandomPurpose purpose = RandomPurpose::noise;
  std::uint32_t sample = 0;  ///< global index of the sample, or of the parameter
  std::uint32_t step = 0;    ///< training step, epoch or solver step
};

/// Four numbers. std::array cannot be used in device code.
template <class T>
struct FourOf {
  T values[4];

  PIXNERD_HOST_DEVICE T& operator[](std::uint64_t i) { return values[i]; }
  PIXNERD_HOST_DEVICE const T& operator[](std::uint64_t i) const { return values[i]; }
  const T* begin() const { return values; }
  const T* end() const { return values + 4; }
  bool operator==(const FourOf&) const = default;
};

using RandomWords = FourOf<std::uint32_t>;

/// The Philox 4x32-10 bijection of a counter under a key.
PIXNERD_HOST_DEVICE inline RandomWords philox(RandomWords counter, std::uint32_t key_low,
                                              std::uint32_t key_high) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key_low,
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key_high,
               static_cast<std::uint32_t>(product0)};
    key_low += 0x9E3779B9u;
    key_high += 0xBB67AE85u;
  }
  return counter;
}

/// The words of elements [4 * block, 4 * block + 4) of a stream.
PIXNERD_HOST_DEVICE inline RandomWords random_words(const RandomKey& key, std::uint32_t block) {
  return philox({block, static_cast<std::uint32_t>(key.purpose), key.sample, key.step},
                static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32));
}

/// Uniform on [0, 1), a multiple of 2^-24.
PIXNERD_HOST_DEVICE inline float uniform_from_word(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

namespace detail {

/// Natural logarithm of a positive, normal x, by 2 atanh((m - 1) / (m + 1)); error below 2 units in the last
/// place.
PIXNERD_HOST_DEVICE inline float portable_log(float x) {
  // Split x = m * 2^exponent with m in [sqrt(1/2), sqrt(2)).
  const std::uint32_t offset = bit_cast<std::uint32_t>(x) - 0x3f3504f3u;
  const int exponent = static_cast<int>(offset) >> 23;
  const float m = bit_cast<float>((offset & 0x007fffffu) + 0x3f3504f3u);
  const float s = (m - 1.0f) / (m + 1.0f);
  const float s2 = s * s;
  float series = std::fma(s2, 1.0f / 9, 1.0f / 7);
  series = std::fma(s2, series, 1.0f / 5);
  series = std::fma(s2, series, 1.0f / 3);
  series = series * s2;
  const float twice_s = s + s;
  const float log_m = std::fma(twice_s, series, twice_s);
  return std::fma(static_cast<float>(exponent), 0.693147182f, log_m);
}

struct SinCos {
  float sin;
  float cos;
};

/// Sine and cosine of an angle in [-pi/4, pi/4] by their Taylor series; error below 1e-7.
PIXNERD_HOST_DEVICE inline SinCos portable_sincos(float angle) {
  const float a2 = angle * angle;
  float s = std::fma(a2, 1.0f / 362880, -1.0f / 5040);
  s = std::fma(a2, s, 1.0f / 120);
  s = std::fma(a2, s, -1.0f / 6);
  s = s * a2;
  float c = std::fma(a2, 1.0f / 40320, -1.0f / 720);
  c = std::fma(a2, c, 1.0f / 24);
  c = std::fma(a2, c, -0.5f);
  return {std::fma(angle, s, angle), std::fma(a2, c, 1.0f)};
}

/// Two independent standard normals from two words, by the Box-Muller transform.
PIXNERD_HOST_DEVICE inline void normal_pair(std::uint32_t word0, std::uint32_t word1, float& first,
                                            float& second) {
  // (0, 1] with 32 bits, so that the tail reaches 6.7 standard deviations.
  const float u = std::fma(static_cast<float>(word0), 0x1p-32f, 0x1p-33f);
  const float radius = std::sqrt(-2.0f * portable_log(u));
  // The top two bits select the quadrant, the rest an angle in [-pi/4, pi/4).
  const int within = static_cast<int>(word1 & 0x3fffffffu) - (1 << 29);
  const SinCos turn =
      portable_sincos(static_cast<float>(within) * static_cast<float>(1.5707963267948966 * 0x1p-30));
  const std::uint32_t quarter = word1 >> 30;
  const float x = (quarter & 1u) != 0 ? -turn.sin : turn.cos;
  const float y = (quarter & 1u) != 0 ? turn.cos : turn.sin;
  first = radius * ((quarter & 2u) != 0 ? -x : x);
  second = radius * ((quarter & 2u) != 0 ? -y : y);
}

}  // namespace detail

/// Standard normals of elements [4 * block, 4 * block + 4) of a stream.
PIXNERD_HOST_DEVICE inline FourOf<float> random_normals(const RandomKey& key, std::uint32_t block) {
  const RandomWords words = random_words(key, block);
  FourOf<float> out{};
  detail::normal_pair(words[0], words[1], out[0], out[1]);
  detail::normal_pair(words[2], words[3], out[2], out[3]);
  return out;
}

/// Uniforms on [0, 1): elements [4 * block, 4 * block + 4) of a stream.
PIXNERD_HOST_DEVICE inline FourOf<float> random_uniforms(const RandomKey& key, std::uint32_t block) {
  const RandomWords words = random_words(key, block);
  return {uniform_from_word(words[0]), uniform_from_word(words[1]), uniform_from_word(words[2]),
          uniform_from_word(words[3])};
}

/// Uniform on [0, 1): one element of a stream.
PIXNERD_HOST_DEVICE inline float random_uniform(const RandomKey& key, std::uint64_t element = 0) {
  return uniform_from_word(random_words(key, static_cast<std::uint32_t>(element / 4))[element % 4]);
}

/// Standard normal: one element of a stream.
PIXNERD_HOST_DEVICE inline float random_normal(const RandomKey& key, std::uint64_t element = 0) {
  return random_normals(key, static_cast<std::uint32_t>(element / 4))[element % 4];
}

}  // namespace pixnerd
