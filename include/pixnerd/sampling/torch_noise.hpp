// SPDX-License-Identifier: MIT
/// \file
/// The noise that PyTorch programs start from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <pixnerd/core/torch_random.hpp>

namespace pixnerd {

/// What `generator = torch.Generator("cpu").manual_seed(seed)` and `torch.randn(count, C, H, W,
/// generator=generator)` draw, handed out batch by batch. The last element of a draw can depend on the count,
/// as in PyTorch; all others do not.
class TorchNoise {
 public:
  /// `elements` of each of `count` images.
  TorchNoise(std::uint64_t seed, std::int64_t count, std::int64_t elements)
      : random_(seed), elements_(static_cast<std::size_t>(elements)) {
    // PyTorch draws in groups of 16: images that end within a group are drawn all at once.
    if (elements % 16 == 0) return;
    all_.resize(static_cast<std::size_t>(count) * elements_);
    random_.normal(all_);
  }

  /// The noise of the next `count` images.
  std::vector<float> next(std::int64_t count) {
    std::vector<float> out(static_cast<std::size_t>(count) * elements_);
    if (all_.empty()) {
      random_.normal(out);
    } else {
      std::copy_n(all_.begin() + static_cast<std::ptrdiff_t>(given_), out.size(), out.begin());
      given_ += out.size();
    }
    return out;
  }

 private:
  TorchRandom random_;
  std::size_t elements_;
  std::vector<float> all_;
  std::size_t given_ = 0;
};

}  // namespace pixnerd
