// SPDX-License-Identifier: MIT
/// \file
/// Recognizing image files, and the reference files against Pillow's decoding.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include <pixnerd/image/read_image.hpp>

#include "support/files.hpp"
#include "support/image_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(read_image_file)

BOOST_AUTO_TEST_CASE(recognized_by_content_whatever_the_name) {
  const Folder folder;
  const Image image = test_image(5, 6);
  write_file_atomic(folder / "a.jpg", encode_png(image));
  BOOST_TEST((read_image(folder / "a.jpg") == image));
  write_file_atomic(folder / "a.png", make_jpeg(5, 6, JCS_RGB, JCS_YCbCr, image.rgb));
  BOOST_TEST(read_image(folder / "a.png").width == 6);
}

BOOST_AUTO_TEST_CASE(anything_else_is_one_sentence_with_the_name) {
  const Folder folder;
  const auto check = [&](const std::string& name, std::string_view content, const std::string& got) {
    write_file_atomic(folder / name, content);
    check_throws<FileError>([&] { read_image(folder / name); }, {folder / name, "got " + got});
  };
  check("empty.png", "", "an empty file");
  check("text.png", "Once upon a time\n", "text");
  check("short.png", "\x89PNG", "unknown content");
  check("animation.png", "GIF89a\1\2", "a GIF image");
  check("web.jpg", "RIFF\1\1\1\1WEBP", "a WebP image");
  check("signature.png", "\x89PNG\r\n\x1a\n", "a damaged one");
  check("start.jpg", "\xff\xd8\xff", "a damaged one");
  check_throws<FileError>([&] { read_image(folder / "none.png"); }, {folder / "none.png", "No such file"});
  check_throws<FileError>([&] { read_image(folder.path); }, {folder.path, "got a folder"});
  std::filesystem::create_directory(folder.path / "a.png");
  check_throws<FileError>([&] { read_image(folder / "a.png"); }, {folder / "a.png", "got a folder"});
  if (::geteuid() != 0) {  // the superuser reads everything
    std::filesystem::permissions(folder / "text.png", std::filesystem::perms::none);
    check_throws<FileError>([&] { read_image(folder / "text.png"); }, {"Permission denied"});
  }
}

BOOST_AUTO_TEST_SUITE_END()
