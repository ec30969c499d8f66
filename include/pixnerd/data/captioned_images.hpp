// SPDX-License-Identifier: MIT
/// \file
/// Images with captions: a folder of NAME.png and NAME.txt, or a list in JSON lines.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/image/read_image.hpp>
#include <pixnerd/image/resize.hpp>
#include <pixnerd/io/file.hpp>
#include <pixnerd/io/json_file.hpp>
#include <pixnerd/text/utf8.hpp>

namespace pixnerd {

/// Images with captions, cropped as in the published text-to-image training (bilinear_center_crop()). One of
///
/// - a folder: every *.png, *.jpg and *.jpeg (in either case), and beside it a text of the same name that
///   ends in .txt, one caption a line; in the order of the names. Names that start with a dot are ignored;
/// - a file *.jsonl, an object a line: {"image": "PATH", "text": "CAPTION"}, or {"image": "PATH", "text":
///   ["CAPTION", ...]}. Paths are relative to the file's folder. Other members are ignored. Lines of one file
///   are one image with all of their captions, so that it cannot be in the training and the held-out part at
///   once.
///
/// All images are of one class, "image".
class CaptionedImages {
 public:
  /// Largest text of one image in a folder or of one line of a list, and largest list, in bytes.
  static constexpr std::uint64_t max_text_bytes = 1 << 20, max_list_bytes = std::uint64_t{1} << 30;

  /// Throws FileError when `path` is missing, when an image has no text, when a text is empty or too long,
  /// when a line of the list is something else or names an image that is not there, and when there are no
  /// images.
  explicit CaptionedImages(const std::string& path) {
    std::error_code unknown;
    if (std::filesystem::is_directory(path, unknown)) {
      read_folder(path);
    } else {
      read_list(path);
    }
    if (files_.empty()) {
      raise<FileError>("captioned images", str_cat("PNG or JPEG files, with a text each, in '", path, "'"),
                       "none");
    }
  }

  std::int64_t size() const { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t class_count() const { return 1; }
  std::string class_name(std::int64_t label) const {
    detail::checked_index("captioned images", "classes", label, 1);
    return "image";
  }
  std::int64_t label(std::int64_t index) const {
    file(index);
    return 0;
  }
  const std::string& path(std::int64_t index) const { return file(index).path; }
  const std::vector<std::string>& captions(std::int64_t index) const { return file(index).captions; }

  Example read(std::int64_t index, int size) const {
    return {bilinear_center_crop(read_image(file(index).path), size), 0};
  }

 private:
  struct File {
    std::string path;
    std::vector<std::string> captions;
  };

  const File& file(std::int64_t index) const {
    return files_[detail::checked_index("captioned images", "images", index, files_.size())];
  }

  void read_folder(const std::string& folder) {
    namespace fs = std::filesystem;
    std::vector<fs::path> images;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      std::string extension = it->path().extension().string();
      for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      const bool is_image = extension == ".png" || extension == ".jpg" || extension == ".jpeg";
      if (is_image && !it->path().filename().string().starts_with('.')) images.push_back(it->path());
    }
    if (error) {
      raise<FileError>("captioned images", str_cat("a readable folder '", folder, "'"), error.message());
    }
    std::sort(images.begin(), images.end());
    for (const auto& image : images) {
      const std::string path = fs::path(image).replace_extension(".txt").string();
      const auto bytes = read_file(path, max_text_bytes);
      std::string_view rest =
          without_byte_order_mark({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      File added{image.string(), {}};
      while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!is_blank(line)) added.captions.emplace_back(line);
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      if (added.captions.empty()) {
        raise<FileError>("captioned images", str_cat("a caption in '", path, "'"), "no text");
      }
      files_.push_back(std::move(added));
    }
  }

  void read_list(const std::string& path) {
    const auto bytes = read_file(path, max_list_bytes);
    std::string_view rest =
        without_byte_order_mark({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const std::string folder = detail::parent_folder(path);
    OneName one_name;
    std::unordered_map<std::string, std::size_t> known;
    for (std::int64_t number = 1; !rest.empty(); ++number) {
      const auto end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (is_blank(line)) continue;
      const std::string where = str_cat("line ", number, " of '", path, "'");
      File added = list_entry(line, folder, where);
      const auto [place, is_new] = known.try_emplace(one_name(added.path), files_.size());
      if (is_new) {
        const std::string problem = detail::absence_of_file(added.path);
        if (!problem.empty()) raise<FileError>("captioned images", str_cat("the image of ", where), problem);
        files_.push_back(std::move(added));
      } else {
        auto& captions = files_[place->second].captions;
        std::move(added.captions.begin(), added.captions.end(), std::back_inserter(captions));
      }
    }
  }

  /// One name for every way to write the path of a file: its folder as the disk knows it, asked for once a
  /// folder.
  class OneName {
   public:
    std::string operator()(const std::filesystem::path& path) {
      const auto [place, is_new] = folders_.try_emplace(path.parent_path().string());
      if (is_new) {
        std::error_code error;
        const auto whole = std::filesystem::absolute(path.parent_path(), error);
        const auto found = std::filesystem::weakly_canonical(whole, error);
        place->second = (error ? whole.lexically_normal() : found).string();
      }
      return place->second + "/" + path.filename().string();
    }

   private:
    std::unordered_map<std::string, std::string> folders_;
  };

  static File list_entry(std::string_view line, const std::string& folder, const std::string& where) {
    const auto refuse = [&](const std::string& got) {
      raise<FileError>("captioned images", str_cat("{\"image\": \"PATH\", \"text\": \"CAPTION\"} in ", where),
                       got);
    };
    if (line.size() > max_text_bytes) refuse(str_cat(line.size(), " bytes in one line"));
    std::string problem;
    const auto parsed = try_parse_json(line, {.longest_token = max_text_bytes}, &problem);
    if (!parsed) refuse(str_cat("no JSON: ", problem));
    const auto& object = *parsed;
    if (!object.is_object()) refuse(object.type_name());
    for (const char* name : {"image", "text"}) {
      if (!object.contains(name)) refuse(str_cat("no member '", name, "'"));
    }
    const auto& image = object.at("image");
    const auto& caption = object.at("text");
    if (!image.is_string()) refuse(str_cat("an image that is ", image.type_name()));
    const auto& name = image.get_ref<const std::string&>();
    if (name.empty() || name.find('\0') != name.npos) refuse("an image without a path");
    if (name.size() > max_path_bytes) refuse(str_cat("a path of ", name.size(), " bytes"));
    File out{(std::filesystem::path(folder) / name).string(), {}};
    const auto add = [&](const nlohmann::json& one) {
      if (!one.is_string()) refuse(str_cat("a text that is ", one.type_name()));
      if (is_blank(one.get_ref<const std::string&>())) refuse("an empty text");
      out.captions.push_back(one.get<std::string>());
    };
    if (caption.is_array()) {
      for (const auto& one : caption) add(one);
      if (out.captions.empty()) refuse("no text");
    } else {
      add(caption);
    }
    return out;
  }

  static bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\n") == line.npos; }

  // No longer one can be opened, and std::filesystem takes 50 bytes for each slash.
  static constexpr std::size_t max_path_bytes = 4096;

  std::vector<File> files_;
};

}  // namespace pixnerd
