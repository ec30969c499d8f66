// SPDX-License-Identifier: MIT
/// \file
/// Drawing emoji, and the data set of them.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/data/emoji/emoji.hpp>

#include "support/dataset_check.hpp"
#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(emoji)

namespace {

/// Whether the pixel's channels lie within 40 levels of the color.
bool is_near(const std::uint8_t* pixel, int red, int green, int blue) {
  return std::abs(pixel[0] - red) <= 40 && std::abs(pixel[1] - green) <= 40 &&
         std::abs(pixel[2] - blue) <= 40;
}

const Emoji& default_emoji() {
  static const Emoji data;
  return data;
}

std::int64_t find(const Emoji& data, const std::string& name) {
  for (std::int64_t i = 0; i < data.size(); ++i) {
    if (data.name(i) == name) return i;
  }
  BOOST_FAIL("no " << name);
  return -1;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_default_emoji) {
  const Emoji& data = default_emoji();
  test::check_dataset(data);
  BOOST_TEST(data.size() == 451);
  BOOST_TEST(data.class_count() == 32);
  BOOST_TEST(data.skipped() == 0);
  BOOST_TEST(data.name(0) == "grinning face");
  BOOST_TEST(data.class_name(data.label(find(data, "grinning cat"))) == "cat-face");
  BOOST_TEST(data.class_name(data.label(find(data, "hot pepper"))) == "food-vegetable");
}

BOOST_AUTO_TEST_CASE(colors_background_and_position) {
  const Emoji& data = default_emoji();
  for (const int size : {16, 32, 136}) {
    const auto image_of = [&](const char* name) { return data.read(find(data, name), size).image; };
    const Image heart = image_of("red heart");
    BOOST_TEST(is_near(heart.pixel(size / 2, size / 2), 240, 60, 50));
    BOOST_TEST(is_near(image_of("blue heart").pixel(size / 2, size / 2), 30, 110, 240));
    BOOST_TEST(is_near(image_of("slightly smiling face").pixel(size / 2, size / 2), 255, 205, 50));
    for (const int y : {0, size - 1}) {
      for (const int x : {0, size - 1}) BOOST_TEST(is_near(heart.pixel(y, x), 255, 255, 255));
    }
    // The heart is as far from the left edge as from the right.
    double weight = 0, moment = 0;
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        const double dark = 255 - heart.pixel(y, x)[1];
        weight += dark;
        moment += dark * (x + 0.5);
      }
    }
    BOOST_TEST(std::abs(moment / weight / size - 0.5) < 0.01);
  }
}

BOOST_AUTO_TEST_CASE(sequences_are_one_picture) {
  const Emoji& data = default_emoji();
  // Cat, zero-width joiner, black square; the plain cat is another picture.
  const Image black = data.read(find(data, "black cat"), 32).image;
  const Image cat = data.read(find(data, "cat"), 32).image;
  BOOST_TEST(!(black == cat));

  const EmojiFont font(EmojiOptions().font);
  BOOST_TEST(font.draw(U"\U0001F408\u200D\u2B1B").has_value());
  BOOST_TEST(font.draw(U"\U0001F1EF\U0001F1F5").has_value());  // a flag of two letters
  BOOST_TEST(!font.draw(U"\U0001F408\U0001F408").has_value());
  BOOST_TEST(!font.draw(U"").has_value());
  BOOST_TEST(!font.draw(U"\u4E00").has_value());  // not in the font
  BOOST_TEST(!font.draw(std::u32string(1, 0x110000)).has_value());
}

BOOST_AUTO_TEST_CASE(groups_and_skin_tones) {
  EmojiOptions options;
  options.groups = {"People & Body"};
  const Emoji plain(options);
  options.skin_tones = true;
  const Emoji toned(options);
  BOOST_TEST(plain.size() + plain.skipped() < toned.size() + toned.skipped());
  BOOST_TEST(plain.class_count() == toned.class_count());
  BOOST_TEST(toned.name(1) == "waving hand: light skin tone");
  BOOST_TEST(plain.name(1) != toned.name(1));
}

BOOST_AUTO_TEST_CASE(an_emoji_that_the_font_lacks_is_counted) {
  const Folder folder;
  EmojiOptions options;
  options.list = folder / "list.txt";
  options.groups = {};
  write_file_atomic(options.list,
                    "# group: G\n# subgroup: none\n4E00 ; fully-qualified # X E1.0 one\n"
                    "# subgroup: heart\n2764 FE0F ; fully-qualified # X E0.6 red heart\n");
  const Emoji data(options);
  BOOST_TEST(data.size() == 1);
  BOOST_TEST(data.skipped() == 1);
  BOOST_TEST(data.class_count() == 1);
  BOOST_TEST(data.class_name(0) == "heart");
  write_file_atomic(options.list, "# group: G\n# subgroup: none\n4E00 ; fully-qualified # X E1.0 one\n");
  check_throws<FileError>([&] { Emoji{options}; }, {options.list, options.font, "none"});
}

BOOST_AUTO_TEST_CASE(refuses_other_files_and_groups) {
  const Folder folder;
  EmojiOptions options;
  options.groups = {"Cats"};
  check_throws<ValueError>([&] { Emoji{options}; }, {"'Cats'", "'Animals & Nature'"});
  options = {};
  options.list = folder / "none.txt";
  check_throws<FileError>([&] { Emoji{options}; }, {options.list, "No such file"});
  options = {};
  options.font = folder / "none.ttf";
  check_throws<FileError>([&] { Emoji{options}; }, {options.font, "No such file"});
  write_file_atomic(options.font, "");
  check_throws<FileError>([&] { Emoji{options}; }, {options.font, "a font"});
  write_file_atomic(options.font, "Once upon a time");
  check_throws<FileError>([&] { Emoji{options}; }, {options.font, "a font"});
}

/// A font that ends early may open; what it draws then is less, or nothing.
BOOST_AUTO_TEST_CASE(damaged_fonts_do_no_worse_than_throw) {
  const Folder folder;
  const auto whole = read_file(EmojiOptions().font, 1 << 28);
  EmojiOptions options;
  options.font = folder / "font.ttf";
  options.list = folder / "list.txt";
  options.groups = {};
  write_file_atomic(options.list, "# group: G\n# subgroup: S\n1F600 ; fully-qualified # X E1.0 a\n");
  const auto attempt = [&](const std::vector<std::uint8_t>& bytes) {
    write_file_atomic(options.font, bytes);
    try {
      const Emoji data(options);
      BOOST_TEST(data.read(0, 8).image.height == 8);
    } catch (const FileError&) {
    }
  };
  for (const std::size_t bytes : {std::size_t{12}, std::size_t{500}, whole.size() / 2, whole.size() - 1}) {
    attempt({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
  }
  for (std::size_t i = 0; i < 40; ++i) {
    auto damaged = whole;
    for (std::size_t at = i; at < damaged.size(); at += 997 + 50 * i)
      damaged[at] ^= static_cast<std::uint8_t>(1 + i);
    attempt(damaged);
  }
}

BOOST_AUTO_TEST_SUITE_END()
