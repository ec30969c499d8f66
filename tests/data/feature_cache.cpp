// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include <pixnerd/data/feature_cache.hpp>
#include <pixnerd/data/loader.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(feature_cache)

namespace {

/// Images that are functions of their number and a seed.
struct Speckled {
  std::int64_t count = 11;
  int seed = 0;
  std::int64_t changed = -1;  ///< an image with one pixel different

  std::int64_t size() const { return count; }
  std::int64_t class_count() const { return 1; }
  std::string class_name(std::int64_t) const { return "speckles"; }
  std::int64_t label(std::int64_t) const { return 0; }
  Example read(std::int64_t index, int size) const {
    Image image(size, size);
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      image.rgb[i] =
          static_cast<std::uint8_t>(i * i * 7 + static_cast<std::size_t>(index * 31 + seed) * (i + 3));
    if (index == changed) ++image.rgb[5];
    return {image, 0};
  }
};

Dinov2Encoder<On<Cpu>> tiny_encoder(std::uint64_t seed = 1) {
  Initializer init(seed);
  return Dinov2Encoder<On<Cpu>>(
      Dinov2<On<Cpu>>({.patch = 2, .grid = 3, .width = 8, .heads = 2, .depth = 1, .hidden = 12}, init), 4);
}

/// What a training step is given of a loader's batch.
struct Drawn {
  Tensor<float> images;
  std::vector<std::uint32_t> samples;
};

Drawn drawn(Loader& loader) {
  const Batch batch = loader.next();
  return {batch.images, {batch.sample_ids.begin(), batch.sample_ids.end()}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(gives_what_the_encoder_gives) {
  const test::Folder folder;
  const std::string path = folder / "features.safetensors";
  const auto encoder = tiny_encoder();
  const std::string key = feature_encoder_key(encoder);
  std::vector<double> shares;
  BOOST_TEST((write_feature_cache<Cpu>(path, Speckled{}, 8, encoder, key, 4, [&](double share) {
    shares.push_back(share);
    return true;
  })));
  BOOST_TEST((shares == std::vector<double>{4 / 11.0, 8 / 11.0, 1}));
  const FeatureCache cache(path, Speckled{}, 8, key);
  BOOST_TEST(cache.images() == 11);
  BOOST_TEST(cache.length() == 4);
  BOOST_TEST(cache.feature_width() == 8);

  Loader loader(Speckled{}, {.size = 8, .batch_size = 5, .seed = 9, .flip = false});
  const CachedFeatures<Cpu> features(cache, 9);
  for (int i = 0; i < 5; ++i) {  // over the end of an epoch
    const auto batch = drawn(loader);
    const auto expected = encoder.features(batch.images).to_host();
    BOOST_TEST((features(batch).shape() == Shape{5, 4, 8}));
    BOOST_TEST(relative_error(features(batch).to_host(), expected) < 3e-3);  // bfloat16's rounding
  }
}

BOOST_AUTO_TEST_CASE(keys_tell_encoders_apart) {
  const auto key = feature_encoder_key(tiny_encoder());
  BOOST_TEST(key == feature_encoder_key(tiny_encoder()));
  BOOST_TEST(key != feature_encoder_key(tiny_encoder(2)));
  BOOST_TEST(key != feature_encoder_key(Dinov2Encoder<On<Cpu>>(tiny_encoder().model(), 8)));
  // The same weights in another computation.
  Initializer init(1);
  Dinov2Config config = tiny_encoder().model().config();
  config.heads = 4;
  BOOST_TEST(key != feature_encoder_key(Dinov2Encoder<On<Cpu>>(Dinov2<On<Cpu>>(config, init), 4)));
  Initializer again(1);
  config.heads = 2;
  config.position_offset = 0;
  BOOST_TEST(key != feature_encoder_key(Dinov2Encoder<On<Cpu>>(Dinov2<On<Cpu>>(config, again), 4)));
  BOOST_TEST(
      key.starts_with(
          "DINOv2, width 8, depth 1, heads 2, patches of 2 for 4, position offset 0.1, float32, weights "),
      key);
}

BOOST_AUTO_TEST_CASE(caches_of_something_else) {
  const test::Folder folder;
  const std::string path = folder / "features.safetensors";
  const auto encoder = tiny_encoder();
  write_feature_cache<Cpu>(path, Speckled{}, 8, encoder, "A");
  const auto refused = [&](const Speckled& data, int size, const std::string& key,
                           const std::vector<std::string>& words) {
    check_throws<FileError>([&] { FeatureCache(path, data, size, key); }, words);
  };
  refused({}, 8, "B", {"[feature cache]", "features by the encoder \"B\"", path, "got \"A\""});
  refused({.count = 12}, 8, "A", {"a number of images of \"12\"", "got \"11\""});
  refused({}, 16, "A", {"images with a side of \"16\"", "got \"8\""});
  refused({.seed = 1}, 8, "A", {"image 0 as it was encoded", "another data set"});
  check_throws<FileError>(
      [&] { FeatureCache(std::string(PIXNERD_TEST_DATA) + "/dinov2.safetensors", Speckled{}, 8, "A"); },
      {"metadata \"pixnerd\": \"features\"", "got \"none\""});
  check_throws<FileError>([&] { FeatureCache(folder / "none", Speckled{}, 8, "A"); }, {"No such file"});
}

BOOST_AUTO_TEST_CASE(images_that_were_not_encoded) {
  const test::Folder folder;
  const std::string path = folder / "features.safetensors";
  const auto encoder = tiny_encoder();
  write_feature_cache<Cpu>(path, Speckled{.count = 40}, 8, encoder, "A");
  // Not among the images that are compared when it is opened.
  const Speckled other{.count = 40, .changed = 7};
  const FeatureCache cache(path, other, 8, "A");
  const std::vector<std::int64_t> seven{7}, eight{8}, beyond{40};
  const auto image = [](const Speckled& data, std::int64_t index) {
    return to_tensor(data.read(index, 8).image);
  };
  cache.read(eight, image(other, 8));
  check_throws<FileError>([&] { cache.read(seven, image(other, 7)); },
                          {"image 7 as it was encoded", path, "mirrored, has changed"});
  check_throws<FileError>([&] { cache.read(eight, image(other, 9)); }, {"image 8"});
  check_throws<ValueError>([&] { cache.read(beyond, image(other, 9)); }, {"an image 0 to 39", "40"});
  check_throws<ShapeError>([&] { cache.read({}, image(other, 9)); }, {"0 images"});

  Loader loader(other, {.size = 8, .batch_size = 32, .seed = 9, .flip = true});
  const CachedFeatures<Cpu> features(cache, 9);
  check_throws<FileError>([&] { features(drawn(loader)); }, {"mirrored"});
}

BOOST_AUTO_TEST_CASE(damage) {
  const test::Folder folder;
  const std::string path = folder / "features.safetensors";
  write_feature_cache<Cpu>(path, Speckled{}, 8, tiny_encoder(), "A");
  auto bytes = read_file(path, 1 << 20);
  const std::size_t header = bytes[0] + 256u * bytes[1] + 8;
  bytes[header + 64 * 3 + 17] ^= 4;  // in the features of image 3
  write_file_atomic(path, bytes);
  const FeatureCache cache(path, Speckled{}, 8, "A");
  const auto read = [&](std::int64_t index) {
    return cache.read(std::vector{index}, to_tensor(Speckled{}.read(index, 8).image));
  };
  read(2);
  check_throws<FileError>([&] { read(3); },
                          {"the features of image 3 as they were written", path, "damaged"});
  bytes.pop_back();
  write_file_atomic(path, bytes);
  check_throws<FileError>([&] { FeatureCache(path, Speckled{}, 8, "A"); }, {"bytes of tensor data"});
}

BOOST_AUTO_TEST_CASE(nothing_is_left_when_it_is_not_finished) {
  const test::Folder folder;
  const std::string path = folder / "features.safetensors";
  const auto encoder = tiny_encoder();
  BOOST_TEST((!write_feature_cache<Cpu>(path, Speckled{}, 8, encoder, "A", 4, [](double) { return false; })));
  check_throws<ShapeError>([&] { write_feature_cache<Cpu>(path, Speckled{}, 9, encoder, "A"); },
                           {"multiples of 4"});
  check_throws<ValueError>([&] { write_feature_cache<Cpu>(path, Speckled{.count = 0}, 8, encoder, "A"); },
                           {"at least one image"});
  check_throws<ValueError>([&] { write_feature_cache<Cpu>(path, Speckled{}, 8, encoder, "A", 0); },
                           {"a batch of 0"});
  BOOST_TEST(folder.entries() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
