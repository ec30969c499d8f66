// SPDX-License-Identifier: MIT
/// \file
/// Images in one folder per class: ROOT/CLASS/IMAGE.png.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/image/read_image.hpp>
#include <pixnerd/image/resize.hpp>

namespace pixnerd {

/// What to do with image files that cannot be decoded.
enum class CorruptFiles {
  fatal,  ///< reading one throws
  skip,   ///< all files are decoded once at the start, and bad ones left out and listed
};

/// The images ROOT/CLASS/*.png, *.jpg and *.jpeg (in either case), cropped by center_crop(). Classes are the
/// folders, sorted by name; images are sorted by name within their class. Names that start with a dot, files
/// in ROOT itself and folders within a class are ignored.
class ImageFolder {
 public:
  /// Throws FileError when `root` is missing, unreadable or no folder, when it has no classes, when a class
  /// has no images, and, skipping corrupt files, when none is left. An image with fewer than `least_side`
  /// pixels on a side counts as corrupt.
  explicit ImageFolder(const std::string& root, CorruptFiles corrupt = CorruptFiles::fatal,
                       int least_side = 1)
      : least_side_(least_side) {
    for (const auto& folder : entries(root)) {
      if (!is_folder(folder)) continue;
      const auto label = static_cast<std::int64_t>(classes_.size());
      classes_.push_back(folder.filename().string());
      const std::size_t before = files_.size();
      for (const auto& file : entries(folder)) {
        if (has_image_name(file)) files_.push_back({file.string(), label});
      }
      if (files_.size() == before) {
        raise<FileError>("image folder",
                         str_cat("PNG or JPEG files in the class folder '", folder.string(), "'"), "none");
      }
    }
    if (classes_.empty()) {
      raise<FileError>("image folder", str_cat("a folder of images for each class in '", root, "'"),
                       "no folders");
    }
    if (corrupt == CorruptFiles::skip) leave_out_corrupt_files(root);
  }

  std::int64_t size() const { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t class_count() const { return static_cast<std::int64_t>(classes_.size()); }
  const std::string& class_name(std::int64_t label) const {
    return classes_[detail::checked_index("image folder", "classes", label, classes_.size())];
  }
  std::int64_t label(std::int64_t index) const { return file(index).label; }
  const std::string& path(std::int64_t index) const { return file(index).path; }

  Example read(std::int64_t index, int size) const {
    const File& chosen = file(index);
    return {center_crop(read_checked(chosen.path), size), chosen.label};
  }

  /// One sentence for each skipped file, with its name.
  const std::vector<std::string>& skipped() const { return skipped_; }

 private:
  struct File {
    std::string path;
    std::int64_t label;
  };

  const File& file(std::int64_t index) const {
    return files_[detail::checked_index("image folder", "images", index, files_.size())];
  }

  Image read_checked(const std::string& path) const {
    Image image = read_image(path);
    if (std::min(image.height, image.width) < least_side_) {
      raise<FileError>(
          "image folder",
          str_cat("an image of at least ", least_side_, " x ", least_side_, " pixels in '", path, "'"),
          str_cat(image.height, " x ", image.width));
    }
    return image;
  }

  static std::vector<std::filesystem::path> entries(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> paths;
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
      if (!it->path().filename().string().starts_with('.')) paths.push_back(it->path());
    }
    if (error)
      raise<FileError>("image folder", str_cat("a readable folder '", folder.string(), "'"), error.message());
    std::sort(paths.begin(), paths.end(),
              [](const auto& a, const auto& b) { return a.native() < b.native(); });
    return paths;
  }

  static bool is_folder(const std::filesystem::path& path) {
    std::error_code unknown;
    return std::filesystem::is_directory(path, unknown);
  }

  static bool has_image_name(const std::filesystem::path& path) {
    std::string extension = path.extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
  }

  void leave_out_corrupt_files(const std::string& root) {
    std::vector<std::string> reasons(files_.size());
    parallel_for(size(), [&](std::int64_t i) {
      const auto index = static_cast<std::size_t>(i);
      try {
        read_checked(files_[index].path);
      } catch (const FileError& error) {
        reasons[index] = error.what();
      }
    });
    std::vector<File> good;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (reasons[i].empty()) {
        good.push_back(std::move(files_[i]));
      } else {
        skipped_.push_back(std::move(reasons[i]));
      }
    }
    files_ = std::move(good);
    if (files_.empty()) {
      raise<FileError>("image folder", str_cat("an undamaged image in '", root, "'"), skipped_.front());
    }
  }

  int least_side_;
  std::vector<std::string> classes_;
  std::vector<File> files_;
  std::vector<std::string> skipped_;
};

}  // namespace pixnerd
