// SPDX-License-Identifier: MIT
/// \file
/// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 70,000 gray pictures of clothing in ten classes, 28 x 28
/// pixels.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/image/resize.hpp>
#include <pixnerd/io/idx.hpp>

namespace pixnerd {

enum class FashionMnistSplit { train, test };

/// Reads the data set's four files, of which Debian's package dataset-fashion-mnist installs exactly these.
/// An image gets two black pixels on every side (28 + 4 = 32) and is then resized as any other.
class FashionMnist {
 public:
  static constexpr const char* default_folder = "/usr/share/datasets/fashion-mnist";

  /// Throws FileError when a file is missing, damaged or not in the IDX format with the right numbers.
  explicit FashionMnist(FashionMnistSplit split = FashionMnistSplit::train,
                        const std::string& folder = default_folder) {
    const std::string stem = folder + (split == FashionMnistSplit::train ? "/train" : "/t10k");
    const std::string images = stem + "-images-idx3-ubyte.gz";
    const std::string labels = stem + "-labels-idx1-ubyte.gz";
    pixels_ = read_file_of_set<3>(images, {0, side, side});
    // One for each image.
    labels_ = read_file_of_set<1>(labels, {static_cast<std::uint32_t>(pixels_.size() / (side * side))});
    for (const auto label : labels_) {
      if (label >= names.size())
        raise<FileError>("Fashion-MNIST", str_cat("labels 0 to 9 in '", labels, "'"), str_cat(label));
    }
  }

  std::int64_t size() const { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t class_count() const { return static_cast<std::int64_t>(names.size()); }
  std::string class_name(std::int64_t label) const {
    return std::string(names[detail::checked_index("Fashion-MNIST", "classes", label, names.size())]);
  }
  std::int64_t label(std::int64_t index) const {
    return labels_[detail::checked_index("Fashion-MNIST", "images", index, labels_.size())];
  }

  Example read(std::int64_t index, int size) const {
    const std::int64_t label_of_image = label(index);
    constexpr int border = 2;
    Image padded(side + 2 * border, side + 2 * border);
    const std::uint8_t* gray = pixels_.data() + static_cast<std::size_t>(index) * side * side;
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x, ++gray) {
        for (int c = 0; c < 3; ++c) padded.pixel(y + border, x + border)[c] = *gray;
      }
    }
    return {center_crop(padded, size), label_of_image};
  }

 private:
  static constexpr int side = 28;
  static constexpr std::array<std::string_view, 10> names = {
      "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"};

  /// The elements of one of the four files. A FileError also says which package has the files.
  template <std::size_t rank>
  static std::vector<std::uint8_t> read_file_of_set(const std::string& path,
                                                    const std::array<std::uint32_t, rank>& sizes) {
    try {
      return read_packed_idx(path, sizes);
    } catch (const FileError& error) {
      throw FileError(str_cat(error.what(),
                              " (Debian and Ubuntu have these files in the package dataset-fashion-mnist)"));
    }
  }

  std::vector<std::uint8_t> pixels_;  // [size, 28, 28]
  std::vector<std::uint8_t> labels_;  // [size]
};

}  // namespace pixnerd
