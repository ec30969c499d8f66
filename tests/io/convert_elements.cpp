// SPDX-License-Identifier: MIT
/// \file
/// Elements of one type read as another.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <pixnerd/io/convert_elements.hpp>

using namespace pixnerd;
using Type = TensorType;

BOOST_AUTO_TEST_SUITE(safetensors_convert)

namespace {

/// `value`, stored as it lies, read as a T; nothing where that is refused.
template <class T, class Stored>
std::optional<T> convert(Type type, Stored value) {
  std::uint8_t bytes[sizeof(Stored)];
  std::memcpy(bytes, &value, sizeof value);
  T out{};
  if (!detail::convert_elements<T>(type, bytes, std::span<T>(&out, 1))) return {};
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_half) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float got = *convert<float>(Type::f16, static_cast<std::uint16_t>(bits));
    const int exponent = static_cast<int>(bits >> 10 & 31), mantissa = static_cast<int>(bits & 1023);
    BOOST_TEST_REQUIRE(std::signbit(got) == (bits >= 0x8000));
    if (exponent == 31) {
      BOOST_TEST_REQUIRE((mantissa == 0 ? std::isinf(got) : std::isnan(got)));
    } else {
      const double magnitude =
          exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
      BOOST_TEST_REQUIRE(std::abs(static_cast<double>(got)) == magnitude);
      BOOST_TEST_REQUIRE(*convert<double>(Type::f16, static_cast<std::uint16_t>(bits)) ==
                         static_cast<double>(got));
    }
  }
}

BOOST_AUTO_TEST_CASE(floating) {
  BOOST_TEST(*convert<float>(Type::bf16, std::uint16_t{0xbfc0}) == -1.5f);
  BOOST_TEST(*convert<double>(Type::bf16, std::uint16_t{0x3f80}) == 1.0);
  BOOST_TEST(*convert<double>(Type::f32, 0.1f) == static_cast<double>(0.1f));
  BOOST_TEST(*convert<float>(Type::f64, 0.1) == 0.1f);
  BOOST_TEST(*convert<float>(Type::f64, -std::numeric_limits<double>::infinity()) ==
             -std::numeric_limits<float>::infinity());
  BOOST_TEST(std::isnan(*convert<float>(Type::f64, std::nan(""))));
  BOOST_TEST(!convert<float>(Type::f64, 1e39));
  BOOST_TEST(!convert<float>(Type::f64, -1e300));
  BOOST_TEST(*convert<float>(Type::f64, 1e-300) == 0.0f);
  BOOST_TEST((*convert<bfloat16>(Type::bf16, std::uint16_t{0x3fc0}) == bfloat16(1.5f)));
}

BOOST_AUTO_TEST_CASE(integers) {
  BOOST_TEST(*convert<std::int64_t>(Type::i8, std::int8_t{-128}) == -128);
  BOOST_TEST(*convert<std::int64_t>(Type::u8, std::uint8_t{255}) == 255);
  BOOST_TEST(*convert<std::int64_t>(Type::i16, std::int16_t{-300}) == -300);
  BOOST_TEST(*convert<std::int64_t>(Type::i32, std::int32_t{-70000}) == -70000);
  BOOST_TEST(*convert<std::int32_t>(Type::i64, std::int64_t{1} << 30) == 1 << 30);
  BOOST_TEST(!convert<std::int32_t>(Type::i64, std::int64_t{1} << 31));
  BOOST_TEST(!convert<std::uint8_t>(Type::i8, std::int8_t{-1}));
  BOOST_TEST(!convert<std::int8_t>(Type::u8, std::uint8_t{128}));
  BOOST_TEST(*convert<std::uint8_t>(Type::boolean, std::uint8_t{1}) == 1);
  BOOST_TEST(*convert<std::int64_t>(Type::boolean, std::uint8_t{0}) == 0);
  BOOST_TEST(!convert<std::int64_t>(Type::boolean, std::uint8_t{2}));
}

BOOST_AUTO_TEST_CASE(types_that_do_not_go_together) {
  BOOST_TEST(!detail::is_readable_as<float>(Type::i32));
  BOOST_TEST(!detail::is_readable_as<float>(Type::boolean));
  BOOST_TEST(!detail::is_readable_as<std::int64_t>(Type::f32));
  BOOST_TEST(!detail::is_readable_as<std::int64_t>(Type::f16));
  BOOST_TEST(!detail::is_readable_as<bfloat16>(Type::f32));
  BOOST_TEST(!convert<float>(Type::i32, std::int32_t{1}));
}

BOOST_AUTO_TEST_CASE(every_type_has_its_facts) {
  int number = 0;
  for (const auto& facts : detail::tensor_types) {
    BOOST_TEST(static_cast<int>(facts.type) == number++);
    BOOST_TEST(detail::visit_tensor_type(facts.type, [](auto value) { return sizeof value; }) ==
               element_bytes(facts.type));
  }
  BOOST_TEST(type_name(tensor_type_of<bfloat16>) == "BF16");
  BOOST_TEST(type_name(tensor_type_of<std::uint8_t>) == "U8");
}

BOOST_AUTO_TEST_SUITE_END()
