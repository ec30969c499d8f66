// SPDX-License-Identifier: MIT
/// \file
/// Scalar formulas shared by both devices. Plain arithmetic without branches, so loops over them vectorize.
#pragma once

#include <cmath>
#include <cstdint>

#include <pixnerd/core/annotations.hpp>
#include <pixnerd/core/bit_cast.hpp>

namespace pixnerd {

/// e^x in float64.
PIXNERD_FORMULA inline double fast_exp(double x) {
  return std::exp(x);
}

/// e^x in float32, within 2 units in the last place. x below -87 gives about 1e-38, x above 88 about 1.7e38.
/// NaN gives NaN.
PIXNERD_FORMULA inline float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // x = n ln 2 + r with |r| <= ln(2) / 2; adding 1.5 * 2^23 rounds to an integer, which is then in the low
  // bits. Adding 127 as well makes it the exponent of 2^n.
  const float shifted = x * 1.44269504f + 12583039.0f;
  const float n = shifted - 12583039.0f;
  const float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  float p = r * (1.0f / 5040) + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * bit_cast<float>(bit_cast<std::uint32_t>(shifted) << 23);
}

/// 1 / (1 + e^-x).
template <class T>
PIXNERD_FORMULA inline T sigmoid(T x) {
  return T(1) / (T(1) + fast_exp(-x));
}

/// x / (1 + e^-x). Named silu_value because silu() is the operation on tensors.
template <class T>
PIXNERD_FORMULA inline T silu_value(T x) {
  return x * sigmoid(x);
}

/// Derivative of silu_value, given s = sigmoid(x), which the caller already has or a GPU approximates.
template <class T>
PIXNERD_FORMULA inline T silu_slope(T x, T s) {
  return s * (T(1) + x * (T(1) - s));
}

/// Derivative of silu_value.
template <class T>
PIXNERD_FORMULA inline T silu_slope(T x) {
  return silu_slope(x, sigmoid(x));
}

/// The probability that a standard normal variable exceeds t, for t >= 0, in float64.
PIXNERD_FORMULA inline double normal_tail(double t, double) {
  return 0.5 * std::erfc(t * 0.70710678118654752);
}

/// The same in float32, within 4e-8. `bell` is e^(-t^2 / 2); the result is bell times a polynomial in 1 / (1
/// + 0.3 t), fitted to the tail.
PIXNERD_FORMULA inline float normal_tail(float t, float bell) {
  const float u = 1.0f / (1.0f + 0.3f * t);
  float p = u * 0.03309649297f - 0.1458456287f;
  p = p * u + 0.1857946726f;
  p = p * u - 0.03399742669f;
  p = p * u + 0.1178794165f;
  p = p * u + 0.1031691497f;
  p = p * u + 0.1202421572f;
  p = p * u + 0.1196611338f;
  return bell * (p * u);
}

/// x P(X < x) for a standard normal X, which is x (1 + erf(x / sqrt 2)) / 2: exact GELU. Named gelu_value
/// because gelu() is the operation on tensors.
template <class T>
PIXNERD_FORMULA inline T gelu_value(T x) {
  T t = x < 0 ? -x : x;
  t = t > T(13) ? T(13) : t;  // the tail beyond is below 1e-38
  return (x > 0 ? x : T(0)) - t * normal_tail(t, fast_exp(T(-0.5) * t * t));
}

/// Derivative of gelu_value: P(X < x) plus x times the density at x.
template <class T>
PIXNERD_FORMULA inline T gelu_slope(T x) {
  T t = x < 0 ? -x : x;
  t = t > T(13) ? T(13) : t;
  const T bell = fast_exp(T(-0.5) * t * t);
  // tail - t * density for x < 0; otherwise 1 minus that.
  const T below = normal_tail(t, bell) - t * bell * T(0.39894228040143268);
  return x < 0 ? below : T(1) - below;
}

}  // namespace pixnerd
