// SPDX-License-Identifier: MIT
/// \file
/// Subsets of a data set, and its split into training and held-out images.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/order.hpp>

namespace pixnerd {

/// Selected images of a data set, in the order of selection. Classes keep their numbers and names, even those
/// left without images.
class Subset {
 public:
  /// Throws ValueError for an image that the data set does not have.
  Subset(AnyDataset data, std::vector<std::int64_t> images)
      : data_(std::move(data)), images_(std::move(images)) {
    for (const auto image : images_) {
      detail::checked_index("subset", "images", image, static_cast<std::size_t>(data_.size()));
    }
  }

  std::int64_t size() const { return static_cast<std::int64_t>(images_.size()); }
  std::int64_t class_count() const { return data_.class_count(); }
  std::string class_name(std::int64_t label) const { return data_.class_name(label); }
  std::int64_t label(std::int64_t index) const { return data_.label(whole_index(index)); }
  std::vector<std::string> captions(std::int64_t index) const { return data_.captions(whole_index(index)); }
  Example read(std::int64_t index, int size) const { return data_.read(whole_index(index), size); }

  /// The number of an image in the whole data set.
  std::int64_t whole_index(std::int64_t index) const {
    return images_[detail::checked_index("subset", "images", index, images_.size())];
  }

 private:
  AnyDataset data_;
  std::vector<std::int64_t> images_;
};

/// A split of the images 0 ... count - 1.
struct HeldOut {
  std::vector<std::int64_t> learned, held_out;  ///< both ascending
};

/// Holds out a fraction of the images, at random by seed and count alone: round(fraction count), at least one
/// of them and at most all but one. Throws ValueError unless 0 < fraction < 1 and there are two images.
inline HeldOut hold_out(std::int64_t count, double fraction, std::uint64_t seed) {
  if (!(fraction > 0 && fraction < 1) || count < 2 || count >= std::int64_t{1} << 32) {
    raise<ValueError>("hold out", "a fraction between 0 and 1 of 2 to 2^32 - 1 images",
                      str_cat(fraction, " of ", count));
  }
  const auto order = epoch_order(seed, 0, static_cast<std::uint32_t>(count));
  const auto wanted = static_cast<std::int64_t>(fraction * static_cast<double>(count) + 0.5);
  const auto middle = order.begin() + std::clamp<std::int64_t>(wanted, 1, count - 1);
  HeldOut out{{middle, order.end()}, {order.begin(), middle}};
  std::sort(out.learned.begin(), out.learned.end());
  std::sort(out.held_out.begin(), out.held_out.end());
  return out;
}

}  // namespace pixnerd
