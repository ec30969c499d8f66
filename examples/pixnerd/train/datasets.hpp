// SPDX-License-Identifier: MIT
/// \file
/// The images that a run trains on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/data/captioned_images.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/emoji/emoji.hpp>
#include <pixnerd/data/fashion_mnist.hpp>
#include <pixnerd/data/image_folder.hpp>
#include <pixnerd/data/subset.hpp>
#include <pixnerd/text/utf8.hpp>

#include "train/settings.hpp"

namespace pixnerd::program {

/// The images of a run, and a sentence about each one that was left out of them.
struct OpenedData {
  AnyDataset images;    ///< to train on
  AnyDataset compared;  ///< by which checkpoints are compared: those held out, or else all of `images`
  std::vector<std::string> left_out;

  OpenedData(AnyDataset all, std::vector<std::string> left_out_ = {})
      : images(all), compared(std::move(all)), left_out(std::move(left_out_)) {}
};

namespace detail {

/// The pieces between commas, blanks around them removed.
inline std::vector<std::string> split_at_commas(std::string_view list) {
  std::vector<std::string> pieces;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    const auto piece = pixnerd::detail::trimmed(list.substr(0, end));
    if (!piece.empty()) pieces.emplace_back(piece);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return pieces;
}

/// Whether images lie in the folder itself, with texts beside them, and not in a folder for each class.
inline bool holds_images(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::string extension = it->path().extension().string();
    for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") return true;
  }
  return false;
}

inline bool holds_folders(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (std::filesystem::is_directory(it->path(), error)) return true;
  }
  return false;
}

/// Images with texts. Throws what CaptionedImages throws, and ValueError for a text that is not UTF-8.
inline OpenedData open_captioned(const TrainSettings& settings) {
  if (settings.corrupt == "skip") {
    raise<ValueError>("--corrupt", "fatal, for images with a text each are never left out", "skip");
  }
  CaptionedImages images(settings.data);
  for (std::int64_t i = 0; i < images.size(); ++i) {
    for (const auto& caption : images.captions(i))
      check_utf8(caption, str_cat("caption of '", images.path(i), "'"));
  }
  return AnyDataset(std::move(images));
}

/// All images of what `--data` names.
inline OpenedData open_all(const TrainSettings& settings) {
  if (settings.data == "emoji") {
    EmojiOptions options;
    options.skin_tones = settings.skin_tones;
    options.groups = settings.groups == "all" ? std::vector<std::string>() : split_at_commas(settings.groups);
    if (settings.groups != "all" && options.groups.empty()) {
      raise<ValueError>("--groups", "groups of emoji, or all", "none");
    }
    return AnyDataset(Emoji(options));
  }
  if (settings.data == "fashion-mnist") return AnyDataset(FashionMnist());
  std::error_code ignored;
  const bool is_list =
      settings.data.ends_with(".jsonl") && std::filesystem::is_regular_file(settings.data, ignored);
  if (settings.text && (is_list || holds_images(settings.data))) return open_captioned(settings);
  if (is_list || (holds_images(settings.data) && !holds_folders(settings.data))) {
    raise<ValueError>("--data", "a folder with a folder of images per class, or --text as well",
                      str_cat("images of no class, '", settings.data, "'"));
  }
  // Below this an image holds nothing to learn, and is likely to be a mistake.
  const int least_side = static_cast<int>(std::min<std::int64_t>(8, settings.size));
  ImageFolder folder(settings.data, settings.corrupt == "skip" ? CorruptFiles::skip : CorruptFiles::fatal,
                     least_side);
  std::vector<std::string> left_out = folder.skipped();
  return {std::move(folder), std::move(left_out)};
}

}  // namespace detail

/// Opens what `--data` names, and holds out what `--hold-out` says. Throws FileError when the data is missing
/// or damaged, ValueError for an unknown group or one image to hold out of.
inline OpenedData open_data(const TrainSettings& settings) {
  OpenedData data = detail::open_all(settings);
  if (settings.hold_out == 0) return data;
  if (data.images.size() < 2) {
    raise<ValueError>("--hold-out", "two images or more", str_cat("one in '", settings.data, "'"));
  }
  auto parts = hold_out(data.images.size(), settings.hold_out, static_cast<std::uint64_t>(settings.seed));
  data.images = Subset(data.compared, std::move(parts.learned));
  data.compared = Subset(data.compared, std::move(parts.held_out));
  return data;
}

/// The last part of a path, or the data set's name: what a run on it is called.
inline std::string data_name(std::string_view data) {
  while (data.ends_with('/')) data.remove_suffix(1);
  const auto slash = data.rfind('/');
  const std::string name(slash == data.npos ? data : data.substr(slash + 1));
  return name.empty() || name == "." || name == ".." ? "images" : name;
}

inline std::vector<std::string> class_names(const AnyDataset& data) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < data.class_count(); ++i) names.push_back(data.class_name(i));
  return names;
}

}  // namespace pixnerd::program
