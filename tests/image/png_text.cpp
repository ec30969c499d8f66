// SPDX-License-Identifier: MIT
/// \file
/// Texts of PNG files, and files in which they are damaged.
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/image/png_text.hpp>

#include "support/files.hpp"
#include "support/image_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(texts_of_png)

namespace {

void put_number(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// A PNG with another chunk before its end.
Bytes with_chunk(Bytes png, const std::string& type_and_data) {
  const Bytes end(png.end() - 12, png.end());
  png.resize(png.size() - 12);
  put_number(png, static_cast<std::uint32_t>(type_and_data.size() - 4));
  png.insert(png.end(), type_and_data.begin(), type_and_data.end());
  put_number(png, static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(type_and_data.data()),
                                                     static_cast<uInt>(type_and_data.size()))));
  png.insert(png.end(), end.begin(), end.end());
  return png;
}

const Image& picture() {
  static const Image image = test_image(3, 4);
  return image;
}

}  // namespace

BOOST_AUTO_TEST_CASE(written_texts_read_back) {
  const PngText texts{{"Title", "two\nlines"}, {"Author", "Zo\xc3\xab"}, {"empty", ""}, {"Title", "again"}};
  BOOST_TEST((png_texts(encode_png(picture(), texts), "x") == texts));
  BOOST_TEST(png_texts(encode_png(picture()), "x").empty());
  const Folder folder;
  write_png(folder / "a.png", picture(), texts);
  BOOST_TEST((read_png_texts(folder / "a.png") == texts));
}

BOOST_AUTO_TEST_CASE(chunks_of_others) {
  const Bytes plain = encode_png(picture());
  const auto only = [&](const std::string& chunk) { return png_texts(with_chunk(plain, chunk), "x"); };
  using namespace std::string_literals;
  BOOST_TEST((only("tEXtAuthor\0Zo\xeb"s) == PngText{{"Author", "Zo\xc3\xab"}}));  // Latin-1
  BOOST_TEST((only("iTXtAuthor\0\0\0de\0Verfasser\0Zo\xc3\xab"s) == PngText{{"Author", "Zo\xc3\xab"}}));
  BOOST_TEST((only("iTXtAuthor\0\0\0\0\0\xff"s) == PngText{{"Author", "\xef\xbf\xbd"}}));
  BOOST_TEST((only("tEXtAuthor"s) == PngText{{"Author", ""}}));
  BOOST_TEST(only("iTXtAuthor"s).empty());
  BOOST_TEST(only("iTXtAuthor\0\1\0\0\0packed"s).empty());
  BOOST_TEST(only("zTXtAuthor\0\0packed"s).empty());
}

BOOST_AUTO_TEST_CASE(damaged_files) {
  const Bytes whole = encode_png(picture(), {{"Title", "words"}});
  const auto refuse = [](const Bytes& bytes, const std::string& got) {
    check_throws<FileError>([&] { png_texts(bytes, "x.png"); }, {"a PNG image in 'x.png'", got});
  };
  for (std::size_t size = 0; size < whole.size(); ++size)
    refuse(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)),
           size < 8 ? "begins otherwise" : "cut short");
  Bytes changed = whole;
  const std::string all(whole.begin(), whole.end());
  changed[all.find("words")] ^= 1;
  refuse(changed, "a damaged text");
  Bytes longer = whole;
  longer[8] = 0xff;  // the length of the first chunk
  refuse(longer, "cut short");
  refuse(with_chunk(whole, "tEXtlong" + std::string(max_png_text_bytes, ' ')), "too much text");
}

BOOST_AUTO_TEST_SUITE_END()
