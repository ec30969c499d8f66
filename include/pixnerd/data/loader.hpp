// SPDX-License-Identifier: MIT
/// \file
/// Training batches, prefetched by worker threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/core/random.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/order.hpp>
#include <pixnerd/image/pixels.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

struct Batch {
  Tensor<float> images;                  // [B, 3, S, S], in [-1, 1]
  std::vector<std::int64_t> labels;      // [B]
  std::vector<std::int64_t> sample_ids;  // [B], numbers in the endless sequence of samples
  std::vector<std::string> captions;     // [B], where the loader was asked for them
};

struct LoaderOptions {
  int size = 32;                              ///< side of the images, pixels
  int batch_size = 64;                        ///< images in a batch
  std::uint64_t seed = 0;                     ///< of the order and the flips
  bool flip = true;                           ///< mirror half of the images left to right
  bool captions = false;                      ///< also a text for each image, one of those that it has
  std::int64_t start = 0;                     ///< samples already served, to resume
  int workers = 2;                            ///< threads
  int prefetch = 4;                           ///< most batches in preparation or waiting
  std::uint64_t cache_bytes = 1'000'000'000;  ///< decoded images are kept if all of them fit
};

namespace detail {

/// The cropped pixels of a data set. An image is read when it is first needed, and cached if the whole data
/// set fits into the limit.
class PixelCache {
 public:
  PixelCache(AnyDataset data, int size, std::uint64_t limit)
      : data_(std::move(data)),
        size_(size),
        image_bytes_(std::size_t{3} * static_cast<std::size_t>(size) * static_cast<std::size_t>(size)) {
    const auto count = static_cast<std::uint64_t>(data_.size());
    if (count > limit / image_bytes_) return;
    pixels_ = std::make_unique_for_overwrite<std::uint8_t[]>(count * image_bytes_);
    states_ = std::make_unique<std::atomic<State>[]>(count);
  }

  const AnyDataset& data() const { return data_; }

  /// Writes image `index` to `planes`, see `write_planes`.
  void write(std::uint32_t index, bool flip, float* planes) {
    std::uint8_t* kept = pixels_ ? pixels_.get() + index * image_bytes_ : nullptr;
    if (kept != nullptr && states_[index].load(std::memory_order_acquire) == State::ready) {
      write_planes(kept, size_, size_, flip, planes);
      return;
    }
    const Image image = data_.read(index, size_).image;
    if (image.height != size_ || image.width != size_) {
      raise<ShapeError>("loader", str_cat("images of ", size_, " x ", size_),
                        str_cat(image.height, " x ", image.width));
    }
    write_planes(image.rgb.data(), size_, size_, flip, planes);
    State expected = State::empty;
    if (kept != nullptr && states_[index].compare_exchange_strong(expected, State::filling)) {
      std::copy(image.rgb.begin(), image.rgb.end(), kept);
      states_[index].store(State::ready, std::memory_order_release);
    }
  }

 private:
  enum class State : std::uint8_t { empty, filling, ready };

  AnyDataset data_;
  int size_;
  std::size_t image_bytes_;
  std::unique_ptr<std::uint8_t[]> pixels_;
  std::unique_ptr<std::atomic<State>[]> states_;
};

}  // namespace detail

/// An endless sequence of batches. Sample n is the same image, flipped or not, whatever the number of workers
/// and the batch size: it depends on the seed and n alone. So the whole state is `samples_served`, and a
/// loader that starts there goes on exactly. Batches run over the ends of epochs; no sample is dropped or
/// repeated within an epoch.
class Loader {
 public:
  /// Throws ValueError for an option out of range or an empty data set, Error when not a single thread can be
  /// started.
  Loader(AnyDataset data, const LoaderOptions& options)
      : options_(checked(options)),
        order_(data.size(), options.seed, options.flip),
        pixels_(std::move(data), options.size, options.cache_bytes),
        finished_(static_cast<std::size_t>(options.prefetch)) {
    try {
      for (int i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::exception& error) {
      // Fewer do the same, only slower.
      if (workers_.empty())
        raise<Error>("loader", str_cat(options_.workers, " threads"), str_cat("none: ", error.what()));
    }
  }

  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  ~Loader() { stop(); }

  /// The next batch. Throws what reading one of its images threw, and throws that again when called again.
  Batch next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return slot(served_).has_value(); });
    auto& outcome = slot(served_);
    if (outcome->error) std::rethrow_exception(outcome->error);
    Batch batch = std::move(outcome->batch);
    outcome.reset();
    ++served_;
    lock.unlock();
    changed_.notify_all();
    return batch;
  }

  /// Samples in the batches that `next` has returned, those before `start` included.
  std::int64_t samples_served() const {
    const std::lock_guard lock(mutex_);
    return options_.start + served_ * options_.batch_size;
  }

 private:
  struct Outcome {
    Batch batch;
    std::exception_ptr error;
  };

  static const LoaderOptions& checked(const LoaderOptions& options) {
    const auto require = [](bool good, std::string_view expected, std::int64_t got) {
      if (!good) raise<ValueError>("loader", expected, str_cat(got));
    };
    require(options.size >= 1 && options.size <= 65'535, "an image size of 1 to 65535", options.size);
    require(options.batch_size >= 1, "a batch size of at least 1", options.batch_size);
    require(options.start >= 0 && options.start <= std::int64_t{1} << 62, "a start at sample 0 to 2^62",
            options.start);
    require(options.workers >= 1 && options.workers <= 1024, "1 to 1024 workers", options.workers);
    require(options.prefetch >= 1 && options.prefetch <= 65'536, "1 to 65536 prefetched batches",
            options.prefetch);
    return options;
  }

  /// Where batch `number` waits: batch n is begun only when batch n - prefetch was served.
  std::optional<Outcome>& slot(std::int64_t number) {
    return finished_[static_cast<std::size_t>(number) % finished_.size()];
  }

  Batch make(std::int64_t number) {
    const std::int64_t count = options_.batch_size;
    Batch batch{Tensor<float>({count, 3, options_.size, options_.size}), {}, {}, {}};
    const std::int64_t stride = batch.images.count() / count;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t id = options_.start + number * count + i;
      const Sample sample = order_[id];
      pixels_.write(sample.index, sample.flip, batch.images.data() + i * stride);
      batch.labels.push_back(pixels_.data().label(sample.index));
      batch.sample_ids.push_back(id);
      if (options_.captions) batch.captions.push_back(caption(sample));
    }
    return batch;
  }

  /// One of the captions of a sample's image, drawn anew in each epoch.
  std::string caption(const Sample& sample) const {
    auto all = pixels_.data().captions(sample.index);
    if (all.empty()) raise<ValueError>("loader", str_cat("a caption of image ", sample.index), "none");
    const RandomKey key{options_.seed, RandomPurpose::caption, sample.index, sample.epoch};
    return std::move(all[std::uint64_t{random_words(key, 0)[0]} * all.size() >> 32]);
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || claimed_ < served_ + options_.prefetch; });
      if (stopping_) return;
      const std::int64_t number = claimed_++;
      lock.unlock();
      Outcome outcome;
      try {
        outcome.batch = make(number);
      } catch (...) {
        outcome.error = std::current_exception();
      }
      lock.lock();
      slot(number) = std::move(outcome);
      changed_.notify_all();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  LoaderOptions options_;
  SampleOrder order_;
  detail::PixelCache pixels_;

  mutable std::mutex mutex_;  // guards all below but the threads
  std::condition_variable changed_;
  std::vector<std::optional<Outcome>> finished_;  // [prefetch]
  std::int64_t claimed_ = 0;                      // batches that workers began
  std::int64_t served_ = 0;                       // batches that `next` returned
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace pixnerd
