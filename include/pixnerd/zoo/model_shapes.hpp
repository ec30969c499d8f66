// SPDX-License-Identifier: MIT
/// \file
/// The shapes of a model's parameters in a file, which tell its sizes.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <pixnerd/io/tensor_file.hpp>

namespace pixnerd::detail {

/// Reads shapes of parameters below a prefix. If one is missing, the error says that the file does not hold
/// `kind`, such as "a text-to-image PixNerd".
class ModelShapes {
 public:
  ModelShapes(const TensorFile& file, const std::string& prefix, std::string kind)
      : file_(file), below_(prefix.empty() ? "" : prefix + "."), kind_(std::move(kind)) {}

  bool contains(const std::string& name) const { return file_.contains(below_ + name); }

  /// The shape of a parameter, which must have `rank` axes, none of them empty.
  Shape operator()(const std::string& name, int rank) const {
    if (!contains(name)) refuse(str_cat("no tensor ", quoted_name(below_ + name)));
    const Shape& shape = file_.entry(below_ + name).shape;
    if (shape.rank() != rank || shape.count() == 0) refuse(str_cat(quoted_name(below_ + name), " ", shape));
    return shape;
  }

  /// How many blocks of a list in a row, from number `first` on, have a parameter of that name.
  std::int64_t blocks(std::string_view list, std::int64_t first, std::string_view name) const {
    std::int64_t count = 0;
    while (contains(str_cat(list, ".", first + count, ".", name))) ++count;
    return count;
  }

  /// P of square patches whose C P^2 values are the columns of `tokens`.
  std::int64_t patch(const Shape& tokens, std::int64_t channels) const {
    const std::int64_t pixels = channels < 1 ? 0 : tokens[1] / channels;
    const std::int64_t side = std::llround(std::sqrt(static_cast<double>(pixels)));
    if (side < 1 || channels * side * side != tokens[1])
      refuse(str_cat("patches ", tokens, " of ", channels, " channels"));
    return side;
  }

  /// The number of heads of a layer whose norm of queries has this name.
  std::int64_t heads(std::int64_t width, const std::string& norm) const {
    const std::int64_t head = (*this)(norm, 1)[0];
    if (width % head != 0) refuse(str_cat("heads of ", head, " features for a width of ", width));
    return width / head;
  }

  /// r of the generator of a field of F features, which has 2 F^2 r rows.
  std::int64_t field_ratio(const std::string& generator, std::int64_t features) const {
    const Shape weights = (*this)(generator, 2);
    const std::int64_t rows = weights[0], each = rows / 2 / features;
    if (rows % (2 * features) != 0 || each % features != 0)
      refuse(str_cat("a field's generator ", weights, " for ", features, " features"));
    return each / features;
  }

  [[noreturn]] void refuse(std::string_view got) const {
    raise<FileError>("load model", str_cat(kind_, " in '", file_.path(), "'"), got);
  }

 private:
  const TensorFile& file_;
  std::string below_, kind_;
};

}  // namespace pixnerd::detail
