// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/data/evaluation_batches.hpp>
#include <pixnerd/data/labels.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(labels)

namespace {

struct Shades {
  std::int64_t size() const { return 10; }
  std::int64_t class_count() const { return 2; }
  std::string class_name(std::int64_t label) const { return label == 0 ? "dark" : "light"; }
  std::int64_t label(std::int64_t index) const { return index / 5; }
  std::vector<std::string> captions(std::int64_t index) const {
    return {str_cat("shade ", index), "a shade"};
  }
  Example read(std::int64_t index, int size) const {
    return {Image(size, size, static_cast<std::uint8_t>(20 * index)), label(index)};
  }
};

const WordIdOptions words{.rows = 64, .words = 3, .features = 4};

}  // namespace

BOOST_AUTO_TEST_CASE(labels_of_samples_are_spread_over_the_data) {
  const AnyDataset data{Shades()};
  const auto classes = spread_labels(LabelFormat::of_classes(2), data, 3);
  BOOST_TEST((classes.numbers == std::vector<std::int64_t>{0, 1, 0}));
  BOOST_TEST((classes.names == std::vector<std::string>{"dark", "light", "dark"}));
  const auto texts = spread_labels(LabelFormat::of_words(words), data, 2);
  BOOST_TEST((texts.names == std::vector<std::string>{"shade 0", "shade 5"}));
  BOOST_TEST(texts.numbers.size() == 2u * 12);
}

BOOST_AUTO_TEST_CASE(evaluation_batches_are_the_same_each_time) {
  const AnyDataset data{Shades()};
  const auto format = LabelFormat::of_words(words);
  const auto first = evaluation_batches(data, format, 4, 3, 7, 8),
             again = evaluation_batches(data, format, 4, 3, 7, 8);
  BOOST_TEST_REQUIRE(first.size() == 3u);
  BOOST_TEST((first[2].images.shape() == Shape{2, 3, 4, 4}));
  std::int64_t next = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    BOOST_TEST((first[i].images.to_host() == again[i].images.to_host()));
    BOOST_TEST((first[i].labels == again[i].labels));
    BOOST_TEST(first[i].labels.size() == first[i].sample_ids.size() * 12);
    for (const auto id : first[i].sample_ids) BOOST_TEST(id == next++);
  }
  BOOST_TEST(next == 8);
  BOOST_TEST(evaluation_batches(data, LabelFormat::of_classes(2), 4, 3, 7)[0].labels.size() == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
