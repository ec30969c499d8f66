// SPDX-License-Identifier: MIT
/// \file
/// Precomputed encoder features of all images of a data set in one file, for training with REPA.
///
/// The file is a safetensors file: a tensor "0", "1", ... (L, F) in bfloat16 for each image, and "checks"
/// with two CRC-32 for each: of the pixels that were encoded and of the features. Its metadata name the
/// encoder and the data's sizes. A caller passes the images along with their indices, so a cache of other
/// data, or of changed or mirrored images, is detected.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/order.hpp>
#include <pixnerd/encoders/dinov2.hpp>
#include <pixnerd/image/pixels.hpp>
#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/safetensors/writer.hpp>
#include <pixnerd/objectives/feature_encoder.hpp>
#include <pixnerd/ops/cast.hpp>

namespace pixnerd {

namespace detail {

inline std::uint32_t crc32_of(std::uint32_t start, const void* data, std::size_t bytes) {
  return static_cast<std::uint32_t>(::crc32_z(start, static_cast<const Bytef*>(data), bytes));
}

/// "0a1b2c3d".
inline std::string hexadecimal(std::uint32_t value) {
  std::string out;
  for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15];
  return out;
}

/// A 64-bit integer as eight little-endian bytes.
inline std::uint64_t check_word(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  for (int k = 7; k >= 0; --k) word = word << 8 | bytes[k];
  return word;
}

inline std::uint64_t checks_of(std::span<const float> pixels, std::span<const bfloat16> features) {
  return std::uint64_t{crc32_of(0, features.data(), features.size_bytes())} << 32 |
         crc32_of(0, pixels.data(), pixels.size_bytes());
}

/// Image `index` of a data set as the loader prepares it without mirroring.
inline Tensor<float> encoded_image(const AnyDataset& data, std::int64_t index, int size) {
  return to_tensor(data.read(index, size).image);
}

}  // namespace detail

/// Identifies an encoder: its kind, settings that its weights do not show, its precision, and a checksum of
/// its weights.
template <class Policy>
std::string feature_encoder_key(const Dinov2Encoder<Policy>& encoder) {
  std::uint32_t sum = 0;
  for_each_parameter(encoder.model(), [&](const std::string& name, const auto& parameter) {
    sum = detail::crc32_of(sum, name.data(), name.size());
    const auto values = parameter.to_host();
    sum = detail::crc32_of(sum, values.data(), values.size() * sizeof(values[0]));
  });
  const auto& config = encoder.model().config();
  return str_cat("DINOv2, width ", config.width, ", depth ", config.depth, ", heads ", config.heads,
                 ", patches of ", config.patch, " for ", encoder.patch(), ", position offset ",
                 config.position_offset, ", ", element_name<typename Policy::Compute>, ", weights ",
                 detail::hexadecimal(sum));
}

/// Writes the features of all images of `data`, size x size pixels and not mirrored, `batch` of them encoded
/// at a time. progress(share) is called after each batch; if it returns false, nothing is written and false
/// is returned. The file appears complete or not at all. Throws FileError where an image is damaged or the
/// file cannot be written, ValueError for no images, a batch below 1, or more images than a header of 100 MB
/// can list (about a million).
template <class Device, class Encoder>
  requires FeatureEncoder<Encoder, float, Device>
bool write_feature_cache(const std::string& path, const AnyDataset& data, int size, const Encoder& encoder,
                         const std::string& encoder_key, std::int64_t batch = 16,
                         const std::function<bool(double share)>& progress = {}) {
  const std::int64_t count = data.size();
  if (count < 1 || batch < 1) {
    raise<ValueError>("write feature cache", "at least one image and a batch of at least 1",
                      str_cat(count, " images, a batch of ", batch));
  }
  const auto encode = [&](std::int64_t first, std::int64_t n, Tensor<float>& images) {
    images = Tensor<float>({n, 3, size, size});
    for (std::int64_t i = 0; i < n; ++i)
      copy_into(images.rows(i, i + 1), detail::encoded_image(data, first + i, size));
    const std::span<const float> pixels(images.data(), static_cast<std::size_t>(images.count()));
    const auto features = encoder.features(Tensor<float, Device>::from_host(images.shape(), pixels));
    if (features.rank() != 3 || features.size(0) != n || features.size(2) != encoder.feature_width())
      raise<ShapeError>("write feature cache",
                        str_cat("features (", n, ", L, ", encoder.feature_width(), ")"),
                        str_cat(features.shape()));
    return Tensor<bfloat16>::from_host(features.shape(), cast<bfloat16>(features).to_host());
  };

  Tensor<float> images;
  auto features = encode(0, std::min(batch, count), images);
  const Shape each{features.size(1), features.size(2)};
  std::vector<TensorEntry> entries;
  for (std::int64_t i = 0; i < count; ++i) entries.push_back({str_cat(i), TensorType::bf16, each});
  entries.push_back({"checks", TensorType::u8, {count, 8}});
  SafetensorsWriter writer(path, std::move(entries),
                           {{"pixnerd", "features"},
                            {"encoder", encoder_key},
                            {"images", str_cat(count)},
                            {"size", str_cat(size)}});
  std::vector<std::uint8_t> checks;
  const auto length = static_cast<std::size_t>(each.count());
  const auto image_length = static_cast<std::size_t>(images.count() / images.size(0));
  for (std::int64_t done = 0; done < count;) {
    const auto n = static_cast<std::size_t>(features.size(0));
    for (std::size_t i = 0; i < n; ++i) {
      const std::span<const bfloat16> values(features.data() + i * length, length);
      writer.write(str_cat(done + static_cast<std::int64_t>(i)),
                   {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
      const std::uint64_t word = detail::checks_of({images.data() + i * image_length, image_length}, values);
      for (int k = 0; k < 8; ++k) checks.push_back(static_cast<std::uint8_t>(word >> 8 * k));
    }
    done += features.size(0);
    if (progress && !progress(static_cast<double>(done) / static_cast<double>(count))) return false;
    if (done < count) features = encode(done, std::min(batch, count - done), images);
  }
  writer.write("checks", checks);
  writer.commit();
  return true;
}

/// A file that write_feature_cache() wrote. Threads may share one.
class FeatureCache {
 public:
  /// Opens the features of `data` at that size by that encoder, and compares a few images with those that
  /// were encoded. Throws FileError, saying what differs, when the file is missing, damaged, no feature
  /// cache, or one of another encoder, size or data set.
  FeatureCache(const std::string& path, const AnyDataset& data, int size, const std::string& encoder_key)
      : file_(path), images_(data.size()) {
    const auto expect = [&](const std::string& key, const std::string& value, std::string_view what) {
      const auto found = file_.metadata().find(key);
      const std::string got = found == file_.metadata().end() ? "none" : found->second;
      if (got != value)
        raise<FileError>("feature cache", str_cat(what, " ", detail::quoted_name(value), " in '", path, "'"),
                         detail::quoted_name(got));
    };
    expect("pixnerd", "features", "metadata \"pixnerd\":");
    expect("encoder", encoder_key, "features by the encoder");
    expect("images", str_cat(images_), "a data set with a number of images of");
    expect("size", str_cat(size), "images with a side of");
    checks_ = file_.read<std::uint8_t>("checks");
    each_ = file_.entry("0").shape;
    if (each_.rank() != 2 || each_.count() == 0 || static_cast<std::int64_t>(checks_.size()) != 8 * images_)
      raise<FileError>("feature cache", str_cat("features (L, F) of ", images_, " images in '", path, "'"),
                       str_cat(each_, " and ", checks_.size() / 8, " checks"));
    const std::int64_t step = std::max<std::int64_t>(1, images_ / 8);
    for (std::int64_t i = 0; i < images_; i += step)
      check_image(i, pixels_of(detail::encoded_image(data, i, size)));
  }

  std::int64_t images() const { return images_; }
  std::int64_t length() const { return each_[0]; }         ///< L
  std::int64_t feature_width() const { return each_[1]; }  ///< F

  /// Features (B, L, F) of images `indices` of the data set, which must be the ones in `images` (B, 3, S, S),
  /// in [-1, 1]. Throws FileError when one is not the image that was encoded or its features are damaged,
  /// ValueError for an index that does not exist, ShapeError unless there are as many images as indices.
  Tensor<float> read(std::span<const std::int64_t> indices, const Tensor<float>& images) const {
    const auto count = static_cast<std::int64_t>(indices.size());
    if (images.rank() != 4 || images.size(0) != count)
      raise<ShapeError>("feature cache", str_cat(count, " images (B, C, H, W)"), str_cat(images.shape()));
    Tensor<float> out({count, length(), feature_width()});
    const auto each = static_cast<std::size_t>(each_.count());
    std::vector<bfloat16> values(each);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t index = indices[static_cast<std::size_t>(i)];
      detail::checked_index("feature cache", "an image", index, static_cast<std::size_t>(images_));
      check_image(index, pixels_of(images.rows(i, i + 1)));
      const auto& entry = file_.entry(str_cat(index));
      if (entry.shape != each_)
        raise<FileError>("feature cache",
                         str_cat("features ", each_, " of image ", index, " in '", file_.path(), "'"),
                         str_cat(entry.shape));
      file_.read(entry, std::span<bfloat16>(values));
      if (detail::crc32_of(0, values.data(), values.size() * sizeof(bfloat16)) != checks(index) >> 32) {
        raise<FileError>(
            "feature cache",
            str_cat("the features of image ", index, " as they were written to '", file_.path(), "'"),
            "damaged ones");
      }
      std::transform(values.begin(), values.end(), out.data() + static_cast<std::size_t>(i) * each,
                     [](bfloat16 value) { return float(value); });
    }
    return out;
  }

 private:
  static std::span<const float> pixels_of(const Tensor<float>& images) {
    return {images.data(), static_cast<std::size_t>(images.count())};
  }

  std::uint64_t checks(std::int64_t index) const { return detail::check_word(checks_.data() + 8 * index); }

  void check_image(std::int64_t index, std::span<const float> pixels) const {
    if (detail::crc32_of(0, pixels.data(), pixels.size_bytes()) == (checks(index) & 0xffffffffu)) return;
    raise<FileError>("feature cache", str_cat("image ", index, " as it was encoded for '", file_.path(), "'"),
                     "one that is mirrored, has changed or is of another data set");
  }

  SafetensorsFile file_;
  std::int64_t images_;
  Shape each_;
  std::vector<std::uint8_t> checks_;
};

/// Features from a cache for repa_objective(): of the samples that a Loader with this seed and `flip` false
/// serves. What it reads depends on batch.samples, so options.capture must be false on a GPU. The cache must
/// outlive it.
template <class Device>
class CachedFeatures {
 public:
  CachedFeatures(const FeatureCache& cache, std::uint64_t seed)
      : cache_(cache), order_(cache.images(), seed, false) {}

  /// (B, L, F). Throws what FeatureCache::read throws.
  template <class Batch>
  Tensor<float, Device> operator()(const Batch& batch) const {
    std::vector<std::int64_t> indices;
    for (const auto sample : batch.samples) indices.push_back(order_[sample].index);
    const auto images = Tensor<float>::from_host(batch.images.shape(), batch.images.to_host());
    const auto features = cache_.read(indices, images);
    const std::span<const float> values(features.data(), static_cast<std::size_t>(features.count()));
    return Tensor<float, Device>::from_host(features.shape(), values);
  }

 private:
  const FeatureCache& cache_;
  SampleOrder order_;
};

}  // namespace pixnerd
