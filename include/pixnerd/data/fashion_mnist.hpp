/// \file
/// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 70,000 gray pictures of clothing in ten classes, 28 x 28
/// pixels.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/resize.hpp>
#include <pixnerd/io/file.hpp>
#include <pixnerd/io/gzip.hpp>

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
    pixels_ = read_idx<3>(images, {0, side, side});
    labels_ = read_idx<1>(labels, {0});
    if (labels_.size() * side * side != pixels_.size()) {
      raise<FileError>("Fashion-MNIST",
                       text(pixels_.size() / (side * side), " labels, one for each image, in '", labels, "'"),
                       text(labels_.size()));
    }
    for (const auto label : labels_) {
      if (label >= names.size())
        raise<FileError>("Fashion-MNIST", text("labels 0 to 9 in '", labels, "'"), text(label));
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

  /// The bytes of an IDX file of unsigned bytes with `rank` axes: 0, 0, 8, rank, then each size in four
  /// bytes, most significant first. A size of 0 in `sizes` may be any.
  template <std::size_t rank>
  static std::vector<std::uint8_t> read_idx(const std::string& path,
                                            const std::array<std::uint32_t, rank>& sizes) {
    constexpr std::uint64_t most = 100'000'000;
    std::vector<std::uint8_t> packed;
    try {
      packed = read_file(path, most);
    } catch (const FileError& error) {
      throw FileError(
          text(error.what(), " (Debian and Ubuntu have these files in the package dataset-fashion-mnist)"));
    }
    auto bytes = gunzip(packed, most, path);
    constexpr std::size_t header = 4 + 4 * rank;
    const auto require = [&](bool good, std::string_view expected, std::string_view got) {
      if (!good) raise<FileError>("Fashion-MNIST", text(expected, " in '", path, "'"), got);
    };
    require(bytes.size() >= header && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 8 && bytes[3] == rank,
            text("an IDX file of bytes with ", rank, " axes"), "another header");
    std::uint64_t count = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      std::uint32_t size = 0;
      for (std::size_t i = 0; i < 4; ++i) size = size << 8 | bytes[4 + 4 * axis + i];
      require(sizes[axis] == 0 ? size > 0 : size == sizes[axis],
              text("size ", sizes[axis] == 0 ? "above 0" : text(sizes[axis]), " of axis ", axis), text(size));
      require(size <= most && count * size <= most, text("at most ", most, " values"), "more");
      count *= size;
    }
    require(bytes.size() == header + count, text(count, " values"), text(bytes.size() - header));
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
    return bytes;
  }

  std::vector<std::uint8_t> pixels_;  // [size, 28, 28]
  std::vector<std::uint8_t> labels_;  // [size]
};

}  // namespace pixnerd
