// SPDX-License-Identifier: MIT
/// \file
/// The shuffled order of samples: a pure function of the seed and the sample number.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/core/random.hpp>

namespace pixnerd {

/// A permutation of 0 ... count - 1 that depends on seed and epoch alone (Fisher and Yates, on Philox words).
inline std::vector<std::uint32_t> epoch_order(std::uint64_t seed, std::uint32_t epoch, std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  const RandomKey key{seed, RandomPurpose::shuffle, 0, epoch};
  RandomWords words{};
  for (std::uint32_t drawn = 0, left = count; left > 1; ++drawn, --left) {
    if (drawn % 4 == 0) words = random_words(key, drawn / 4);
    const auto chosen = static_cast<std::uint32_t>(std::uint64_t{words[drawn % 4]} * left >> 32);
    std::swap(order[left - 1], order[chosen]);
  }
  return order;
}

/// One sample of the endless sequence of epochs.
struct Sample {
  std::uint32_t index = 0;  ///< of the image in the data set
  bool flip = false;        ///< mirror it left to right
  std::uint32_t epoch = 0;  ///< in which it is seen
};

/// The endless sequence of samples: each epoch holds every image once, in its own order. Safe to use from
/// several threads.
class SampleOrder {
 public:
  /// Throws ValueError for an empty data set or one of 2^32 images and more.
  SampleOrder(std::int64_t count, std::uint64_t seed, bool flip) : seed_(seed), flip_(flip) {
    if (count < 1 || count >= std::int64_t{1} << 32) {
      raise<ValueError>("sample order", "a data set of 1 to 2^32 - 1 images", str_cat(count));
    }
    count_ = static_cast<std::uint32_t>(count);
  }

  /// Sample `number`, counted from 0 over all epochs. Throws ValueError below 0 and in epoch 2^32.
  Sample operator[](std::int64_t number) const {
    const std::int64_t epoch = number / count_;
    if (number < 0 || epoch >= std::int64_t{1} << 32) {
      raise<ValueError>("sample order", "a sample number within 2^32 epochs", str_cat(number));
    }
    const auto step = static_cast<std::uint32_t>(epoch);
    const std::uint32_t index = (*order_of(step))[static_cast<std::size_t>(number % count_)];
    return {index, flip_ && random_uniform({seed_, RandomPurpose::flip, index, step}) < 0.5f, step};
  }

 private:
  using Order = std::shared_ptr<const std::vector<std::uint32_t>>;

  /// Two epochs are kept, since worker threads can be on both sides of an epoch's end.
  Order order_of(std::uint32_t epoch) const {
    const std::lock_guard lock(mutex_);
    auto& [known, order] = recent_[epoch % 2];
    if (!order || known != epoch) {
      known = epoch;
      order = std::make_shared<const std::vector<std::uint32_t>>(epoch_order(seed_, epoch, count_));
    }
    return order;
  }

  std::uint64_t seed_;
  std::uint32_t count_ = 0;
  bool flip_;
  mutable std::mutex mutex_;
  mutable std::pair<std::uint32_t, Order> recent_[2];
};

}  // namespace pixnerd
