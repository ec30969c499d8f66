// SPDX-License-Identifier: MIT
/// \file
/// What an optimizer remembers from update to update, such as AdamW's two moments.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Named slabs, one element for each weight of a store. Checkpoints hold them under the same names. Empty
/// until start().
template <class T, class Device>
class OptimizerState {
 public:
  using Slab = Tensor<T, Device>;

  /// Makes slabs of `count` zeros under `names`, a range of strings. Does nothing when they are there. Throws
  /// ValueError when there are others: a store is updated by one kind of optimizer.
  template <class Names>
  void start(const Names& names, std::int64_t count) {
    if (!slabs_.empty() || std::empty(names)) {
      const auto same = [](const auto& slab, const auto& name) { return slab.first == name; };
      if (std::equal(slabs_.begin(), slabs_.end(), std::begin(names), std::end(names), same)) return;
      raise<ValueError>("optimizer state", str_cat("the state of one optimizer, with", listed(slabs_)),
                        str_cat("another one's, with", listed_names(names)));
    }
    std::vector<std::pair<std::string, Slab>> made;
    for (const auto& name : names) made.emplace_back(name, Slab::zeros({count}));
    slabs_ = std::move(made);
  }

  const std::vector<std::pair<std::string, Slab>>& slabs() const { return slabs_; }

  /// The slab of that name; undefined before start(). Throws ValueError when the state has no such slab.
  Slab operator[](std::string_view name) const {
    for (const auto& [known, slab] : slabs_) {
      if (known == name) return slab;
    }
    if (!slabs_.empty()) {
      raise<ValueError>("optimizer state", str_cat("one of", listed(slabs_)), std::string(name));
    }
    return {};
  }

 private:
  template <class Names>
  static std::string listed_names(const Names& names) {
    std::string out;
    for (const auto& name : names) out += str_cat(" ", name);
    return out.empty() ? " nothing" : out;
  }
  static std::string listed(const std::vector<std::pair<std::string, Slab>>& slabs) {
    std::vector<std::string> names;
    for (const auto& slab : slabs) names.push_back(slab.first);
    return listed_names(names);
  }

  std::vector<std::pair<std::string, Slab>> slabs_;
};

}  // namespace pixnerd
