// SPDX-License-Identifier: MIT
/// \file
/// The packed IDX files of Fashion-MNIST. The first byte of an input says how it is read: G, the rest is a
/// gzip file of images; I or L, the rest is what a gzip file of images or labels holds, which is packed here,
/// so that its checksum is right; F, the two files of the data set, the labels behind 16 + 2 * 784 bytes.
#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <pixnerd/data/fashion_mnist.hpp>

#include "target.hpp"

namespace {

/// A gzip file that stores its bytes: of blocks that are not packed.
std::vector<std::uint8_t> stored(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> out{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  const auto put = [&](std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) out.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  };
  std::size_t done = 0;
  do {
    const std::size_t now = std::min<std::size_t>(bytes.size() - done, 0xffff);
    put(done + now == bytes.size() ? 1 : 0, 1);
    put(now, 2);
    put(~now, 2);
    out.insert(out.end(), bytes.begin() + static_cast<std::ptrdiff_t>(done),
               bytes.begin() + static_cast<std::ptrdiff_t>(done + now));
    done += now;
  } while (done < bytes.size());
  put(::crc32(0, bytes.data(), static_cast<unsigned>(bytes.size())), 4);
  put(bytes.size(), 4);
  return out;
}

struct DataSet : pixnerd::fuzz::MemoryFolder {
  std::string images, labels;

  DataSet() {
    images = path + "/train-images-idx3-ubyte.gz";
    labels = path + "/train-labels-idx1-ubyte.gz";
    pixnerd::write_file_atomic(images, "");
    pixnerd::write_file_atomic(labels, "");
  }
};

void read_data_set(const std::string& path) {
  const pixnerd::FashionMnist data(pixnerd::FashionMnistSplit::train, path);
  if (data.size() == 0) pixnerd::fuzz::finding("a data set without images");
  for (const std::int64_t i : {std::int64_t{0}, data.size() - 1}) {
    const auto label = data.label(i);
    if (label < 0 || label >= data.class_count()) pixnerd::fuzz::finding("a label of no class");
    (void)data.class_name(label);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span content(data + 1, size - 1);
  static pixnerd::fuzz::MemoryFile memory;
  switch (data[0]) {
    case 'G':
      memory.fill(content);
      break;
    case 'I':
    case 'L':
      memory.fill(stored(content));
      break;
    case 'F': {
      static DataSet files;
      const std::size_t images = std::min<std::size_t>(content.size(), 16 + 2 * 784);
      pixnerd::fuzz::overwrite(files.images, stored(content.first(images)));
      pixnerd::fuzz::overwrite(files.labels, stored(content.subspan(images)));
      return pixnerd::fuzz::run(size, files.path, [] { read_data_set(files.path); });
    }
    default:
      return 0;
  }
  return pixnerd::fuzz::run(size, memory.path(), [&] {
    if (data[0] == 'L') {
      (void)pixnerd::read_packed_idx<1>(memory.path(), {0});
    } else {
      (void)pixnerd::read_packed_idx<3>(memory.path(), {0, 28, 28});
    }
  });
}
