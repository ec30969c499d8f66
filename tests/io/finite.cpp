// SPDX-License-Identifier: MIT
/// \file
/// Finding NaN and infinity in files.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/finite.hpp>
#include <pixnerd/io/open_tensor_file.hpp>

#include "support/files.hpp"
#include "support/torch_files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(finite_numbers)

BOOST_AUTO_TEST_CASE(the_first_of_each_type) {
  const test::Folder folder;
  // Far enough for several pieces.
  std::vector<double> wide(100'000, 1e308);
  std::vector<float> single(100'000, 1);
  std::vector<bfloat16> brain(300'000, bfloat16(2.0f));
  std::vector<std::uint16_t> half(300'000, 0x7bff);
  const std::vector<std::int64_t> integers(2, -1);  // as floats they would be NaN
  const auto check = [&](const std::string& name, std::uint64_t index) {
    const std::vector<SafetensorsView> views = {
        safetensors_view("integers", Shape{2}, std::span<const std::int64_t>(integers)),
        safetensors_view("wide", Shape{100'000}, std::span<const double>(wide)),
        safetensors_view("single", Shape{1000, 100}, std::span<const float>(single)),
        {"half",
         TensorType::f16,
         {300'000},
         std::span(reinterpret_cast<const std::uint8_t*>(half.data()), 2 * half.size())},
        safetensors_view("brain", Shape{300'000}, std::span<const bfloat16>(brain))};
    write_safetensors(folder / "a.safetensors", views);
    test::write_torch_file(folder / "a.ckpt", views);
    for (const std::string path : {"a.safetensors", "a.ckpt"}) {
      const auto found = first_non_finite(*open_tensor_file(folder / path));
      BOOST_TEST_REQUIRE(found.has_value() == !name.empty());
      if (!found) continue;
      BOOST_TEST(found->name == name);
      BOOST_TEST(found->index == index);
      BOOST_TEST(!std::isfinite(found->value));
    }
  };
  check("", 0);
  brain[299'999] = bfloat16(std::numeric_limits<float>::infinity());
  check("brain", 299'999);
  half[131'072] = 0x7c01;
  check("half", 131'072);
  half[0] = 0xfc00;
  check("half", 0);
  single[99'999] = std::nanf("");
  check("single", 99'999);
  wide[32'767] = -std::numeric_limits<double>::infinity();
  check("wide", 32'767);
}

BOOST_AUTO_TEST_SUITE_END()
