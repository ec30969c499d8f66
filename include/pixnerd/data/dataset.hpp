// SPDX-License-Identifier: MIT
/// \file
/// The data set concept: numbered images, each with a class and captions.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>

namespace pixnerd {

/// One image of a data set, cropped to a square.
struct Example {
  Image image;
  std::int64_t label = 0;  ///< its class
};

/// Images 0 ... size() - 1 of classes 0 ... class_count() - 1. `read(i, size)` gives image i as size x size
/// pixels and may be called from several threads at once; it throws FileError where the file is damaged.
/// All functions throw ValueError for an image or a class that does not exist.
template <class D>
concept Dataset = requires(const D& data, std::int64_t index, int size) {
  { data.size() } -> std::same_as<std::int64_t>;
  { data.class_count() } -> std::same_as<std::int64_t>;
  { data.class_name(index) } -> std::convertible_to<std::string>;
  { data.label(index) } -> std::same_as<std::int64_t>;
  { data.read(index, size) } -> std::same_as<Example>;
};

/// Captions of image `index` of a data set, at least one: its `captions(index)` where it has that
/// function, else the name of the image's class.
template <Dataset D>
std::vector<std::string> captions_of(const D& data, std::int64_t index) {
  if constexpr (requires { std::vector<std::string>(data.captions(index)); }) {
    return data.captions(index);
  } else {
    return {std::string(data.class_name(data.label(index)))};
  }
}

/// A type-erased data set, for programs that choose at run time. Copies share it.
class AnyDataset {
 public:
  template <Dataset D>
    requires(!std::same_as<D, AnyDataset>)
  AnyDataset(D data) : data_(std::make_shared<const Model<D>>(std::move(data))) {}

  std::int64_t size() const { return data_->size(); }
  std::int64_t class_count() const { return data_->class_count(); }
  std::string class_name(std::int64_t label) const { return data_->class_name(label); }
  std::int64_t label(std::int64_t index) const { return data_->label(index); }
  std::vector<std::string> captions(std::int64_t index) const { return data_->captions(index); }
  Example read(std::int64_t index, int size) const { return data_->read(index, size); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual std::int64_t size() const = 0;
    virtual std::int64_t class_count() const = 0;
    virtual std::string class_name(std::int64_t label) const = 0;
    virtual std::int64_t label(std::int64_t index) const = 0;
    virtual std::vector<std::string> captions(std::int64_t index) const = 0;
    virtual Example read(std::int64_t index, int size) const = 0;
  };

  template <class D>
  struct Model final : Interface {
    explicit Model(D value) : data(std::move(value)) {}
    std::int64_t size() const override { return data.size(); }
    std::int64_t class_count() const override { return data.class_count(); }
    std::string class_name(std::int64_t label) const override { return data.class_name(label); }
    std::int64_t label(std::int64_t index) const override { return data.label(index); }
    std::vector<std::string> captions(std::int64_t index) const override { return captions_of(data, index); }
    Example read(std::int64_t index, int size) const override { return data.read(index, size); }
    D data;
  };

  std::shared_ptr<const Interface> data_;
};

namespace detail {

/// The index as one into a vector. Throws ValueError where it is not below `count`.
inline std::size_t checked_index(std::string_view where, std::string_view what, std::int64_t index,
                                 std::size_t count) {
  if (index < 0 || static_cast<std::uint64_t>(index) >= count) {
    raise<ValueError>(where, str_cat(what, " 0 to ", static_cast<std::int64_t>(count) - 1), str_cat(index));
  }
  return static_cast<std::size_t>(index);
}

}  // namespace detail
}  // namespace pixnerd
