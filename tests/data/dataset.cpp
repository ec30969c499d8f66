// SPDX-License-Identifier: MIT
/// \file
/// The concept of a data set, and any of them behind one type.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/data/dataset.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(dataset)

namespace {

struct Gray {
  std::int64_t size() const { return 3; }
  std::int64_t class_count() const { return 2; }
  std::string class_name(std::int64_t label) const { return label == 0 ? "dark" : "light"; }
  std::int64_t label(std::int64_t index) const { return index / 2; }
  Example read(std::int64_t index, int size) const {
    return {Image(size, size, static_cast<std::uint8_t>(100 * index)), label(index)};
  }
};

struct WithoutLabels {
  std::int64_t size() const { return 3; }
  Example read(std::int64_t, int) const { return {}; }
};

struct WithCaptions : Gray {
  std::vector<std::string> captions(std::int64_t index) const { return {str_cat("gray ", index), "gray"}; }
};

static_assert(Dataset<Gray>);
static_assert(Dataset<AnyDataset>);
static_assert(!Dataset<WithoutLabels>);
static_assert(!std::is_convertible_v<WithoutLabels, AnyDataset>);

}  // namespace

BOOST_AUTO_TEST_CASE(any_dataset_passes_everything_on) {
  const AnyDataset data = Gray();
  const AnyDataset copy = data;
  BOOST_TEST(copy.size() == 3);
  BOOST_TEST(copy.class_count() == 2);
  BOOST_TEST(copy.class_name(1) == "light");
  BOOST_TEST(copy.label(2) == 1);
  const Example example = copy.read(2, 4);
  BOOST_TEST((example.image == Image(4, 4, 200)));
  BOOST_TEST(example.label == 1);
  BOOST_TEST(copy.captions(2) == std::vector<std::string>{"light"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(captions_are_those_of_the_image_where_it_has_some) {
  const std::vector<std::string> expected{"gray 1", "gray"};
  BOOST_TEST(captions_of(WithCaptions(), 1) == expected, boost::test_tools::per_element());
  BOOST_TEST(AnyDataset(WithCaptions()).captions(1) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(checked_index_names_the_range) {
  BOOST_TEST(detail::checked_index("x", "images", 2, 3) == 2U);
  test::check_throws<ValueError>([] { detail::checked_index("x", "images", 3, 3); },
                                 {"[x]", "images 0 to 2", "got 3"});
  test::check_throws<ValueError>([] { detail::checked_index("x", "images", -1, 3); }, {"got -1"});
}

BOOST_AUTO_TEST_SUITE_END()
