// SPDX-License-Identifier: MIT
/// \file
/// Batches: what is in them, that nothing changes it, and what goes wrong in a worker.
#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <pixnerd/data/loader.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(loader)

namespace {

/// Images with a number in their first pixel: dark on the left half, bright on the right.
struct Numbered {
  std::int64_t count = 10;
  std::int64_t bad = -1;  ///< reading this one throws
  std::shared_ptr<std::atomic<int>> reads = std::make_shared<std::atomic<int>>(0);
  std::chrono::microseconds delay{0};

  std::int64_t size() const { return count; }
  std::int64_t class_count() const { return 3; }
  std::string class_name(std::int64_t label) const { return str_cat("class ", label); }
  std::int64_t label(std::int64_t index) const { return index % 3; }
  Example read(std::int64_t index, int size) const {
    ++*reads;
    // Uneven, so that batches are finished in another order than they were begun in.
    std::this_thread::sleep_for(delay * (index % 5));
    if (index == bad) raise<FileError>("read image", "a PNG or JPEG image in 'seven.png'", "text");
    Image image(size, size);
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        std::uint8_t* pixel = image.pixel(y, x);
        pixel[0] = static_cast<std::uint8_t>(index);
        pixel[1] = x < size / 2 ? 0 : 255;
        pixel[2] = 51;
      }
    }
    return {image, label(index)};
  }
};

/// All that a loader gave for some samples.
struct Record {
  std::vector<std::string> captions;
  std::vector<std::int64_t> labels;
  std::vector<std::int64_t> ids;
  std::vector<float> pixels;
  bool operator==(const Record&) const = default;
};

Record take(Loader& loader, int batches) {
  Record record;
  for (int i = 0; i < batches; ++i) {
    const Batch batch = loader.next();
    const auto pixels = batch.images.to_host();
    record.pixels.insert(record.pixels.end(), pixels.begin(), pixels.end());
    record.labels.insert(record.labels.end(), batch.labels.begin(), batch.labels.end());
    record.ids.insert(record.ids.end(), batch.sample_ids.begin(), batch.sample_ids.end());
    record.captions.insert(record.captions.end(), batch.captions.begin(), batch.captions.end());
  }
  return record;
}

LoaderOptions small_options(int batch_size = 4, int workers = 2) {
  LoaderOptions options;
  options.size = 4;
  options.batch_size = batch_size;
  options.workers = workers;
  options.seed = 9;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_batch_holds_images_labels_and_numbers) {
  Loader loader(Numbered(), small_options(5));
  const SampleOrder order(10, 9, true);
  for (int b = 0; b < 7; ++b) {
    const Batch batch = loader.next();
    BOOST_TEST((batch.images.shape() == Shape{5, 3, 4, 4}));
    BOOST_TEST_REQUIRE(batch.labels.size() == 5U);
    BOOST_TEST_REQUIRE(batch.sample_ids.size() == 5U);
    for (int i = 0; i < 5; ++i) {
      const auto at = static_cast<std::size_t>(i);
      BOOST_TEST(batch.sample_ids[at] == 5 * b + i);
      const Sample sample = order[5 * b + i];
      BOOST_TEST(batch.labels[at] == sample.index % 3);
      const float* planes = batch.images.data() + i * 48;
      for (int p = 0; p < 16; ++p) {
        const bool right = p % 4 >= 2;
        BOOST_TEST(planes[p] == static_cast<float>(sample.index) / 127.5f - 1.0f);
        BOOST_TEST(planes[16 + p] == (right != sample.flip ? 1.0f : -1.0f));
        BOOST_TEST(planes[32 + p] == 51 / 127.5f - 1.0f);
      }
    }
  }
  BOOST_TEST(loader.samples_served() == 35);
}

/// A caption is one of its image's, drawn by seed, image and epoch alone; all come up in time.
BOOST_AUTO_TEST_CASE(captions_where_they_are_asked_for) {
  struct Captioned : Numbered {
    std::vector<std::string> captions(std::int64_t index) const {
      return {str_cat(index, " plain"), str_cat(index, " long"), str_cat(index, " short")};
    }
  };
  BOOST_TEST(Loader(Captioned(), small_options()).next().captions.empty());
  LoaderOptions options = small_options(4, 1);
  options.captions = true;
  Loader first(Captioned(), options);
  const Record expected = take(first, 60);
  BOOST_TEST_REQUIRE(expected.captions.size() == 240U);
  std::map<std::string, int> seen;
  const SampleOrder order(10, 9, true);
  for (std::size_t i = 0; i < 240; ++i) {
    BOOST_TEST(expected.captions[i].find(str_cat(order[static_cast<std::int64_t>(i)].index, " ")) == 0U);
    ++seen[expected.captions[i]];
  }
  BOOST_TEST(seen.size() == 30U);
  options.batch_size = 60;
  options.workers = 3;
  options.start = 120;
  Loader later(Captioned(), options);
  const Record rest = take(later, 2);
  BOOST_TEST((rest.captions == std::vector(expected.captions.begin() + 120, expected.captions.end())));
  Loader plain(Numbered(), options);
  BOOST_TEST(plain.next().captions.front() == str_cat("class ", order[120].index % 3));
}

BOOST_AUTO_TEST_CASE(batches_cross_the_ends_of_epochs) {
  Loader loader(Numbered(), small_options(4));
  std::map<std::int64_t, int> seen;
  const Record record = take(loader, 5);  // 20 samples, two epochs of ten
  for (std::size_t i = 0; i < 20; ++i) {
    ++seen[static_cast<std::int64_t>((record.pixels[i * 48] + 1) * 127.5f + 0.5f)];
  }
  BOOST_TEST(seen.size() == 10U);
  for (const auto& [image, count] : seen) BOOST_TEST(count == 2);
}

BOOST_AUTO_TEST_CASE(a_batch_larger_than_the_data_set) {
  Loader loader(Numbered{3}, small_options(64));
  const Record record = take(loader, 2);
  for (const std::int64_t label : {0, 1, 2}) {
    const auto count = std::count(record.labels.begin(), record.labels.end(), label);
    BOOST_TEST((count == 42 || count == 43));
  }
}

/// Workers, prefetching, the cache and the batch size change no sample.
BOOST_AUTO_TEST_CASE(samples_depend_on_seed_and_number_alone) {
  Numbered data;
  data.delay = std::chrono::microseconds(100);
  Loader first(data, small_options(12, 1));
  const Record expected = take(first, 5);
  for (const int workers : {1, 2, 5}) {
    for (const int batch_size : {1, 4, 60}) {
      for (const bool cached : {false, true}) {
        LoaderOptions options = small_options(batch_size, workers);
        options.prefetch = workers + batch_size % 3;
        if (!cached) options.cache_bytes = 0;
        Loader loader(data, options);
        BOOST_TEST((take(loader, 60 / batch_size) == expected));
      }
    }
  }
  LoaderOptions other = small_options(12);
  other.seed = 10;
  Loader loader(data, other);
  BOOST_TEST((take(loader, 5).labels != expected.labels));
}

BOOST_AUTO_TEST_CASE(goes_on_where_it_stopped) {
  Loader whole(Numbered(), small_options(4));
  const Record expected = take(whole, 12);
  for (const int before : {0, 1, 5, 11}) {
    Loader first(Numbered(), small_options(4));
    Record record = take(first, before);
    LoaderOptions options = small_options(4, 3);
    options.start = first.samples_served();
    BOOST_TEST(options.start == 4 * before);
    Loader second(Numbered(), options);
    const Record rest = take(second, 12 - before);
    BOOST_TEST(second.samples_served() == 48);
    record.labels.insert(record.labels.end(), rest.labels.begin(), rest.labels.end());
    record.ids.insert(record.ids.end(), rest.ids.begin(), rest.ids.end());
    record.pixels.insert(record.pixels.end(), rest.pixels.begin(), rest.pixels.end());
    BOOST_TEST((record == expected));
  }
}

BOOST_AUTO_TEST_CASE(images_are_read_once_if_they_fit) {
  Numbered data;
  LoaderOptions options = small_options(10, 1);
  options.cache_bytes = 10 * 48;
  {
    Loader loader(data, options);
    take(loader, 20);
  }
  BOOST_TEST(data.reads->load() == 10);
  options.cache_bytes -= 1;
  {
    Loader loader(data, options);
    take(loader, 20);
  }
  BOOST_TEST(data.reads->load() >= 210);
}

BOOST_AUTO_TEST_CASE(no_more_than_the_prefetched_batches_are_prepared) {
  Numbered data;
  LoaderOptions options = small_options(1, 4);
  options.prefetch = 3;
  options.cache_bytes = 0;
  Loader loader(data, options);
  loader.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  BOOST_TEST(data.reads->load() == 4);
}

BOOST_AUTO_TEST_CASE(what_a_worker_throws_reaches_the_caller) {
  for (const int workers : {1, 4}) {
    Numbered data;
    data.bad = 7;
    Loader loader(data, small_options(1, workers));
    const SampleOrder order(10, 9, true);
    int bad = 0;
    while (order[bad].index != 7) ++bad;
    for (int i = 0; i < bad; ++i) BOOST_TEST(loader.next().sample_ids[0] == i);
    for (int again = 0; again < 2; ++again) check_throws<FileError>([&] { loader.next(); }, {"seven.png"});
    BOOST_TEST(loader.samples_served() == bad);
  }
}

BOOST_AUTO_TEST_CASE(ends_cleanly_at_any_time) {
  Numbered slow;
  slow.delay = std::chrono::microseconds(300);
  for (int i = 0; i < 20; ++i) {
    Loader loader(slow, small_options(8, 1 + i % 4));
    take(loader, i % 3);
    BOOST_TEST(loader.samples_served() == i % 3 * 8);
  }
}

BOOST_AUTO_TEST_CASE(refuses_options_out_of_range) {
  const auto check = [](auto change, const std::vector<std::string>& words) {
    LoaderOptions options = small_options();
    change(options);
    check_throws<ValueError>([&] { Loader(Numbered(), options); }, words);
  };
  check([](auto& o) { o.size = 0; }, {"image size", "got 0"});
  check([](auto& o) { o.batch_size = 0; }, {"batch size", "got 0"});
  check([](auto& o) { o.start = -1; }, {"start", "got -1"});
  check([](auto& o) { o.workers = 0; }, {"workers", "got 0"});
  check([](auto& o) { o.prefetch = 0; }, {"prefetched", "got 0"});
  check_throws<ValueError>([] { Loader(Numbered{0}, small_options()); }, {"data set", "got 0"});
}

/// Once the images are in memory a loader keeps a small model's training fed many times over.
BOOST_AUTO_TEST_CASE(cached_images_come_fast) {
  LoaderOptions options;
  options.size = 32;
  Loader loader(Numbered{200}, options);
  take(loader, 10);
  const auto begin = std::chrono::steady_clock::now();
  constexpr int batches = 300;
  for (int i = 0; i < batches; ++i) loader.next();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const double rate = batches * options.batch_size / seconds.count();
  BOOST_TEST_MESSAGE(rate << " images of 32 x 32 a second");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  BOOST_TEST(rate > 10'000);
#endif
}

BOOST_AUTO_TEST_SUITE_END()
