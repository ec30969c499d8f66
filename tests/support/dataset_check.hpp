// SPDX-License-Identifier: MIT
/// \file
/// What every dataset must do.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/data/dataset.hpp>

namespace pixnerd::test {

/// Checks every image's label and captions, reads a few images at two sizes, and checks that indices out of
/// range throw. A failure names the calling line.
template <Dataset D>
void check_dataset(const D& data, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  BOOST_TEST_INFO_SCOPE(file << ":" << line);
  BOOST_TEST_REQUIRE(data.size() > 0);
  BOOST_TEST_REQUIRE(data.class_count() > 0);
  std::vector<std::int64_t> images_of(static_cast<std::size_t>(data.class_count()));
  for (std::int64_t i = 0; i < data.size(); ++i) {
    BOOST_REQUIRE(data.label(i) >= 0 && data.label(i) < data.class_count());
    ++images_of[static_cast<std::size_t>(data.label(i))];
  }
  for (const auto count : images_of) BOOST_TEST(count > 0);
  for (std::int64_t k = 0; k < data.class_count(); ++k) BOOST_TEST(!std::string(data.class_name(k)).empty());

  const auto captions_name_something = [&](std::int64_t i) {
    const auto captions = captions_of(data, i);
    return !captions.empty() &&
           std::none_of(captions.begin(), captions.end(), [](const auto& one) { return one.empty(); });
  };
  for (std::int64_t i = 0; i < data.size(); ++i) BOOST_REQUIRE(captions_name_something(i));

  const std::int64_t step = data.size() / 20 + 1;
  for (std::int64_t i = 0; i < data.size(); i += step) {
    for (const int size : {5, 32}) {
      const Example example = data.read(i, size);
      BOOST_TEST(example.image.height == size);
      BOOST_TEST(example.image.width == size);
      BOOST_TEST(example.label == data.label(i));
      BOOST_TEST((example.image == data.read(i, size).image));
    }
  }

  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t none : {least, std::int64_t{-1}, data.size()}) {
    BOOST_CHECK_THROW(data.label(none), ValueError);
    BOOST_CHECK_THROW(captions_of(data, none), ValueError);
    BOOST_CHECK_THROW(data.read(none, 8), ValueError);
  }
  for (const std::int64_t none : {least, std::int64_t{-1}, data.class_count()}) {
    BOOST_CHECK_THROW(data.class_name(none), ValueError);
  }
  BOOST_CHECK_THROW(data.read(0, 0), ValueError);
}

}  // namespace pixnerd::test
