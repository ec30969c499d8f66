// SPDX-License-Identifier: MIT
/// \file
/// Constant tables that depend on an image's or a patch's size, made once per size.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Remembers tables by (height, width). Copies share what was made; safe to use from several threads.
template <class T, class Device>
class TableCache {
 public:
  /// The table of this size; make() returns its host values as a tensor the first time.
  template <class Make>
  Tensor<T, Device> get(std::int64_t height, std::int64_t width, Make make) const {
    const std::lock_guard lock(state_->mutex);
    auto& table = state_->tables[{height, width}];
    if (!table.defined()) table = make();
    return table;
  }

 private:
  struct State {
    std::mutex mutex;
    std::map<std::pair<std::int64_t, std::int64_t>, Tensor<T, Device>> tables;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Element i of `count` equally spaced values from first to last, both ends included; the first if count
/// is 1.
inline double linspace(double first, double last, std::int64_t count, std::int64_t i) {
  return count == 1 ? first
                    : first + (last - first) * static_cast<double>(i) / static_cast<double>(count - 1);
}

}  // namespace pixnerd
