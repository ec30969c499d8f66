// SPDX-License-Identifier: MIT
/// \file
/// Folders of images: classes, order, and everything that can be wrong with one.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include <pixnerd/data/image_folder.hpp>

#include "support/dataset_check.hpp"
#include "support/files.hpp"

namespace fs = std::filesystem;
using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(image_folder)

namespace {

/// Two classes with two images each, every image of one gray level.
struct GoodFolder : Folder {
  GoodFolder() {
    fs::create_directories(path / "dogs");
    fs::create_directories(path / "cats");
    write_png(*this / "dogs/b.png", Image(20, 30, 40));
    write_png(*this / "dogs/a.JPG", Image(10, 10, 30));
    write_png(*this / "cats/z.jpeg", Image(9, 9, 20));
    write_png(*this / "cats/10.png", Image(1, 1, 10));
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(classes_and_files_are_sorted) {
  const GoodFolder folder;
  write_file_atomic(folder / "notes.txt", "not a class");
  write_file_atomic(folder / "dogs/notes.txt", "not an image");
  write_file_atomic(folder / "dogs/.hidden.png", "not an image");
  fs::create_directories(folder.path / ".cache");
  fs::create_directories(folder.path / "dogs" / "more");
  const ImageFolder data(folder.path);
  test::check_dataset(data);
  BOOST_TEST(data.size() == 4);
  BOOST_TEST(data.class_count() == 2);
  BOOST_TEST(data.class_name(0) == "cats");
  BOOST_TEST(data.class_name(1) == "dogs");
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST(data.label(i) == i / 2);
    BOOST_TEST((data.read(i, 8).image == Image(8, 8, static_cast<std::uint8_t>(10 * i + 10))));
  }
  BOOST_TEST(captions_of(data, 3).front() == "dogs");
  BOOST_TEST(data.path(3) == folder / "dogs/b.png");
  BOOST_TEST(data.skipped().empty());
}

BOOST_AUTO_TEST_CASE(links_are_followed) {
  const GoodFolder folder;
  fs::create_directory_symlink(folder.path / "cats", folder.path / "copies");
  fs::create_symlink(folder.path / "cats" / "none.png", folder.path / "dogs" / "broken.png");
  const ImageFolder data(folder.path);
  BOOST_TEST(data.class_count() == 3);
  BOOST_TEST(data.size() == 7);
  check_throws<FileError>([&] { data.read(6, 8); }, {"broken.png", "No such file"});
}

BOOST_AUTO_TEST_CASE(tiny_images_count_as_corrupt) {
  const GoodFolder folder;
  const ImageFolder strict(folder.path, CorruptFiles::fatal, 9);
  check_throws<FileError>([&] { strict.read(0, 8); },
                          {folder / "cats/10.png", "at least 9 x 9", "got 1 x 1"});
  BOOST_TEST(strict.read(1, 8).image.height == 8);
  const ImageFolder tolerant(folder.path, CorruptFiles::skip, 9);
  BOOST_TEST(tolerant.size() == 3);
  BOOST_TEST(tolerant.skipped().size() == 1u);
}

BOOST_AUTO_TEST_CASE(corrupt_files_are_fatal_or_left_out) {
  const GoodFolder folder;
  write_file_atomic(folder / "cats/11.png", "");
  write_file_atomic(folder / "dogs/b.jpg", "Once upon a time");
  fs::create_directories(folder.path / "dogs" / "folder.png");
  auto truncated = read_file(folder / "dogs/b.png", 10'000);
  truncated.resize(truncated.size() / 2);
  write_file_atomic(folder / "dogs/c.png", truncated);

  const ImageFolder strict(folder.path);
  BOOST_TEST(strict.size() == 8);
  check_throws<FileError>([&] { strict.read(1, 8); }, {folder / "cats/11.png", "an empty file"});

  const ImageFolder data(folder.path, CorruptFiles::skip);
  test::check_dataset(data);
  BOOST_TEST(data.size() == 4);
  BOOST_TEST((data.read(1, 8).image == Image(8, 8, 20)));
  BOOST_TEST_REQUIRE(data.skipped().size() == 4U);
  const std::vector<std::string> expected = {"cats/11.png", "dogs/b.jpg", "dogs/c.png", "dogs/folder.png"};
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(data.skipped()[i].find(expected[i]) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_folder_without_a_good_image_is_an_error_even_when_skipping) {
  const Folder folder;
  fs::create_directories(folder.path / "cats");
  write_file_atomic(folder / "cats/a.png", "");
  check_throws<FileError>([&] { ImageFolder(folder.path, CorruptFiles::skip); },
                          {"undamaged image", folder.path, "a.png", "an empty file"});
}

BOOST_AUTO_TEST_CASE(refuses_folders_without_classes_or_images) {
  const Folder folder;
  check_throws<FileError>([&] { ImageFolder(folder / "none"); }, {folder / "none", "No such file"});
  check_throws<FileError>([&] { ImageFolder(""); }, {"''"});
  check_throws<FileError>([&] { ImageFolder(folder.path); }, {folder.path, "no folders"});
  write_png(folder / "a.png", Image(2, 2));
  check_throws<FileError>([&] { ImageFolder(folder / "a.png"); }, {folder / "a.png", "Not a directory"});
  check_throws<FileError>([&] { ImageFolder(folder.path); }, {folder.path, "no folders"});
  fs::create_directories(folder.path / "cats");
  check_throws<FileError>([&] { ImageFolder(folder.path); }, {"class folder", folder / "cats", "none"});
  if (::geteuid() != 0) {  // the superuser reads everything
    fs::permissions(folder / "cats", fs::perms::none);
    check_throws<FileError>([&] { ImageFolder(folder.path); }, {folder / "cats", "Permission denied"});
    fs::permissions(folder / "cats", fs::perms::owner_all);
  }
}

BOOST_AUTO_TEST_SUITE_END()
