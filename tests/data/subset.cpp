// SPDX-License-Identifier: MIT
/// \file
/// Parts of data sets.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/data/subset.hpp>

#include "support/dataset_check.hpp"
#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(subset)

namespace {

struct Numbered {
  std::int64_t size() const { return 10; }
  std::int64_t class_count() const { return 2; }
  std::string class_name(std::int64_t label) const {
    return str_cat("class ", detail::checked_index("numbered", "classes", label, 2));
  }
  std::int64_t label(std::int64_t index) const {
    return static_cast<std::int64_t>(detail::checked_index("numbered", "images", index, 10) % 2);
  }
  std::vector<std::string> captions(std::int64_t index) const { return {str_cat("number ", index)}; }
  Example read(std::int64_t index, int size) const {
    if (size < 1) raise<ValueError>("numbered", "a size", "none");
    return {Image(size, size, static_cast<std::uint8_t>(index)), label(index)};
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(holds_the_chosen_images) {
  const Subset data(Numbered(), {7, 2, 7});
  static_assert(Dataset<Subset>);
  test::check_dataset(data);
  BOOST_TEST(data.size() == 3);
  BOOST_TEST(data.label(0) == 1);
  BOOST_TEST(data.label(1) == 0);
  BOOST_TEST(data.whole_index(1) == 2);
  BOOST_TEST(data.captions(2).front() == "number 7");
  BOOST_TEST((data.read(0, 3).image == Image(3, 3, 7)));
  check_throws<ValueError>([] { Subset(Numbered(), {3, 10}); }, {"images 0 to 9", "got 10"});
  check_throws<ValueError>([] { Subset(Numbered(), {-1}); }, {"got -1"});
}

BOOST_AUTO_TEST_CASE(parts_hold_every_image_once) {
  for (const std::int64_t count : {2, 3, 451}) {
    for (const double fraction : {1e-9, 0.1, 0.5, 0.999}) {
      const HeldOut parts = hold_out(count, fraction, 3);
      const auto wanted = std::clamp<std::int64_t>(std::llround(fraction * double(count)), 1, count - 1);
      BOOST_TEST(static_cast<std::int64_t>(parts.held_out.size()) == wanted);
      auto all = parts.learned;
      all.insert(all.end(), parts.held_out.begin(), parts.held_out.end());
      std::sort(all.begin(), all.end());
      BOOST_TEST_REQUIRE(static_cast<std::int64_t>(all.size()) == count);
      for (std::int64_t i = 0; i < count; ++i) BOOST_TEST(all[static_cast<std::size_t>(i)] == i);
    }
  }
  BOOST_TEST((hold_out(451, 0.1, 3).held_out == hold_out(451, 0.1, 3).held_out));
  BOOST_TEST((hold_out(451, 0.1, 3).held_out != hold_out(451, 0.1, 4).held_out));
  for (const double bad : {0.0, 1.0, -0.5, 2.0}) {
    check_throws<ValueError>([&] { hold_out(9, bad, 0); }, {"fraction between 0 and 1"});
  }
  check_throws<ValueError>([] { hold_out(1, 0.5, 0); }, {"of 1"});
}

BOOST_AUTO_TEST_SUITE_END()
