// SPDX-License-Identifier: MIT
/// \file
/// Fashion-MNIST as Debian installs it, and files that are not it.
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/data/fashion_mnist.hpp>

#include "support/dataset_check.hpp"
#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(fashion_mnist)

namespace {

using Bytes = std::vector<std::uint8_t>;

void write_gzip(const std::string& path, const Bytes& bytes) {
  const gzFile file = ::gzopen(path.c_str(), "wb");
  BOOST_REQUIRE(::gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) ==
                static_cast<int>(bytes.size()));
  BOOST_REQUIRE(::gzclose(file) == Z_OK);
}

Bytes images_file(int count) {
  Bytes bytes{0, 0, 8, 3, 0, 0, 0, static_cast<std::uint8_t>(count), 0, 0, 0, 28, 0, 0, 0, 28};
  for (int i = 0; i < count * 28 * 28; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

Bytes labels_file(const Bytes& labels) {
  Bytes bytes{0, 0, 8, 1, 0, 0, 0, static_cast<std::uint8_t>(labels.size())};
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_real_one) {
  const FashionMnist train;
  BOOST_TEST(train.size() == 60'000);
  BOOST_TEST(train.class_count() == 10);
  test::check_dataset(train);
  BOOST_TEST(train.label(0) == 9);  // the first image is an ankle boot
  BOOST_TEST(train.class_name(train.label(0)) == "ankle boot");
  std::vector<int> images_of(10);
  for (std::int64_t i = 0; i < train.size(); ++i) ++images_of[static_cast<std::size_t>(train.label(i))];
  for (const int count : images_of) BOOST_TEST(count == 6000);
  const FashionMnist test(FashionMnistSplit::test);
  BOOST_TEST(test.size() == 10'000);
}

BOOST_AUTO_TEST_CASE(pixels_are_padded_and_gray) {
  const Folder folder;
  write_gzip(folder / "train-images-idx3-ubyte.gz", images_file(2));
  write_gzip(folder / "train-labels-idx1-ubyte.gz", labels_file({3, 7}));
  const FashionMnist data(FashionMnistSplit::train, folder.path);
  const Image image = data.read(1, 32).image;
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) {
      const bool inside = y >= 2 && y < 30 && x >= 2 && x < 30;
      const int expected = inside ? (28 * 28 + (y - 2) * 28 + x - 2) % 256 : 0;
      for (int c = 0; c < 3; ++c) BOOST_REQUIRE(image.pixel(y, x)[c] == expected);
    }
  }
  BOOST_TEST(data.label(1) == 7);
  BOOST_TEST(data.read(1, 16).image.height == 16);
}

BOOST_AUTO_TEST_CASE(refuses_other_files) {
  const Folder folder;
  const std::string images = folder / "train-images-idx3-ubyte.gz";
  const std::string labels = folder / "train-labels-idx1-ubyte.gz";
  const auto check = [&](const std::vector<std::string>& words) {
    check_throws<FileError>([&] { FashionMnist(FashionMnistSplit::train, folder.path); }, words);
  };
  check({images, "No such file", "dataset-fashion-mnist"});
  write_file_atomic(images, "text");
  check({images, "gzip"});

  const auto with_images = [&](Bytes bytes, const std::vector<std::string>& words) {
    write_gzip(images, bytes);
    check(words);
  };
  Bytes bytes = images_file(2);
  with_images({}, {images, "its end, 16 bytes early"});
  with_images({0, 0, 8, 3}, {images, "its end, 12 bytes early"});
  bytes[2] = 9;
  with_images(bytes, {images, "IDX"});
  bytes = images_file(2);
  bytes[11] = 27;
  with_images(bytes, {images, "size 28 of axis 1", "got 27"});
  bytes = images_file(2);
  bytes[4] = 0xff;
  with_images(bytes, {images, "at most"});
  bytes = images_file(2);
  bytes[7] = 0;
  with_images(bytes, {images, "above 0"});
  bytes = images_file(2);
  bytes.pop_back();
  with_images(bytes, {images, "its end, 1 bytes early"});
  bytes.resize(bytes.size() + 2);
  with_images(bytes, {images, "more bytes than expected"});

  write_gzip(images, images_file(2));
  write_gzip(labels, labels_file({1}));
  check({labels, "size 2 of axis 0", "got 1"});
  write_gzip(labels, labels_file({1, 10}));
  check({labels, "labels 0 to 9", "got 10"});
}

BOOST_AUTO_TEST_SUITE_END()
