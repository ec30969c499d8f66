// SPDX-License-Identifier: MIT
/// \file
/// Reads IDX files of unsigned bytes, compressed with gzip: the format of MNIST and related data sets.
///
/// Unpacked, a file is 0, 0, 8 (the type: unsigned bytes), its number of axes, each size in four bytes, most
/// significant first, and the elements, row-major (http://yann.lecun.com/exdb/mnist).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/gzip.hpp>

namespace pixnerd {

/// The most elements of an IDX file that is read; Fashion-MNIST's largest has 47 million.
inline constexpr std::uint64_t most_idx_elements = 60'000'000;

/// The elements of a packed IDX file with `rank` axes of the given sizes; a size of 0 may be any but 0.
/// Throws FileError, naming the file, when it is missing, damaged, too large or anything else. Memory is
/// taken for elements that a file of this size can hold alone.
template <std::size_t rank>
std::vector<std::uint8_t> read_packed_idx(const std::string& path,
                                          const std::array<std::uint32_t, rank>& sizes) {
  GzipFile file(path);
  const auto require = [&](bool good, std::string_view expected, std::string_view got) {
    if (!good) raise<FileError>("IDX", str_cat(expected, " in '", path, "'"), got);
  };
  std::array<std::uint8_t, 4 + 4 * rank> header;
  file.read(header);
  require(header[0] == 0 && header[1] == 0 && header[2] == 8 && header[3] == rank,
          str_cat("an IDX file of bytes with ", rank, " axes"), "another header");
  std::uint64_t count = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | header[4 + 4 * axis + i];
    require(sizes[axis] == 0 ? size > 0 : size == sizes[axis],
            str_cat("size ", sizes[axis] == 0 ? "above 0" : str_cat(sizes[axis]), " of axis ", axis),
            str_cat(size));
    // No overflow: both factors are below 2^32.
    count *= size;
    require(count <= most_idx_elements, str_cat("at most ", most_idx_elements, " elements"), "more");
  }
  require(count <= file.most_bytes(), str_cat(count, " elements"),
          str_cat("a file of ", file.most_bytes() / 1032, " bytes"));
  std::vector<std::uint8_t> elements(count);
  file.read(elements);
  file.expect_end();
  return elements;
}

}  // namespace pixnerd
