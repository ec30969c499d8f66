// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/bfloat16.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(bfloat16_test)

namespace {
bfloat16 with_bits(std::uint32_t bits) {
  bfloat16 out;
  out.bits = static_cast<std::uint16_t>(bits);
  return out;
}
}  // namespace

BOOST_AUTO_TEST_CASE(every_value_survives) {
  bool right = true;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto value = static_cast<float>(with_bits(bits));
    const bfloat16 again(value);
    right = right && (std::isnan(value) ? std::isnan(float(again)) : again.bits == bits);
  }
  BOOST_TEST(right);
}

BOOST_AUTO_TEST_CASE(rounds_to_nearest_and_ties_to_even) {
  // Between each pair of neighbors: just below, at and just above the middle.
  bool right = true;
  for (std::uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const std::uint32_t middle = (bits << 16) + 0x8000;
    const auto rounded = [](std::uint32_t word) { return bfloat16(std::bit_cast<float>(word)).bits; };
    right = right && rounded(middle - 1) == bits && rounded(middle + 1) == bits + 1;
    right = right && rounded(middle) == bits + bits % 2;
    right = right && rounded((middle + 1) | 0x80000000u) == ((bits + 1) | 0x8000u);
  }
  BOOST_TEST(right);
}

BOOST_AUTO_TEST_CASE(special_values) {
  const float infinity = std::numeric_limits<float>::infinity();
  BOOST_TEST(float(bfloat16(infinity)) == infinity);
  BOOST_TEST(float(bfloat16(-infinity)) == -infinity);
  BOOST_TEST(float(bfloat16(std::numeric_limits<float>::max())) == infinity);
  BOOST_TEST(std::signbit(float(bfloat16(-0.0f))));
  // Payloads of NaN in the lower half must not round to infinity, or around to zero.
  for (const std::uint32_t word : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu})
    BOOST_TEST(std::isnan(float(bfloat16(std::bit_cast<float>(word)))));
}

BOOST_AUTO_TEST_CASE(equality_is_that_of_numbers) {
  BOOST_TEST((bfloat16(1.0f) == bfloat16(1.001f)));
  BOOST_TEST((bfloat16(0.0f) == bfloat16(-0.0f)));
  BOOST_TEST(!(bfloat16(1.0f) == bfloat16(1.01f)));
  BOOST_TEST(!(with_bits(0x7fc0) == with_bits(0x7fc0)));
}

BOOST_AUTO_TEST_SUITE_END()
