// SPDX-License-Identifier: MIT
/// \file
/// Caches of features: whole files, opened for two images, whose features are read.
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/data/feature_cache.hpp>

#include "target.hpp"

namespace {

using pixnerd::fuzz::finding;

/// A black image and a white one.
struct TwoImages {
  std::int64_t size() const { return 2; }
  std::int64_t class_count() const { return 1; }
  std::string class_name(std::int64_t) const { return "gray"; }
  std::int64_t label(std::int64_t) const { return 0; }
  pixnerd::Example read(std::int64_t index, int size) const {
    return {pixnerd::Image(size, size, index == 0 ? 0 : 255), 0};
  }
};

void read_cache(const std::string& path) {
  const pixnerd::AnyDataset data = TwoImages{};
  const pixnerd::FeatureCache cache(path, data, 2, "E");
  if (cache.images() != 2 || cache.length() < 1 || cache.feature_width() < 1) finding("a cache of nothing");
  for (std::int64_t i = 0; i < 2; ++i) {
    const std::vector<std::int64_t> index{i};
    const auto features = cache.read(index, pixnerd::detail::encoded_image(data, i, 2));
    if (features.shape() != pixnerd::Shape{1, cache.length(), cache.feature_width()})
      finding("another shape");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pixnerd::fuzz::MemoryFile memory;
  memory.fill({data, size});
  return pixnerd::fuzz::run(size, memory.path(), [] { read_cache(memory.path()); });
}
