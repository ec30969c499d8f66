/// \file
/// The images that a run trains on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/emoji.hpp>
#include <pixnerd/data/fashion_mnist.hpp>
#include <pixnerd/data/image_folder.hpp>

#include "settings.hpp"

namespace pixnerd::program {

/// A data set, and a sentence about each image that was left out of it.
struct OpenedData {
  AnyDataset images;
  std::vector<std::string> left_out;
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

}  // namespace detail

/// Opens what `--data` names. Throws FileError when it is missing or damaged, ValueError for an unknown
/// group.
inline OpenedData open_data(const TrainSettings& settings) {
  if (settings.data == "emoji") {
    EmojiOptions options;
    options.groups =
        settings.groups == "all" ? std::vector<std::string>() : detail::split_at_commas(settings.groups);
    if (settings.groups != "all" && options.groups.empty()) {
      raise<ValueError>("--groups", "groups of emoji, or all", "none");
    }
    return {Emoji(options), {}};
  }
  if (settings.data == "fashion-mnist") return {FashionMnist(), {}};
  // Below this an image holds nothing to learn, and is likely to be a mistake.
  const int least_side = static_cast<int>(std::min<std::int64_t>(8, settings.size));
  ImageFolder folder(settings.data, settings.corrupt == "skip" ? CorruptFiles::skip : CorruptFiles::fatal,
                     least_side);
  std::vector<std::string> left_out = folder.skipped();
  return {std::move(folder), std::move(left_out)};
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
