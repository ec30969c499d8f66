// SPDX-License-Identifier: MIT
/// \file
/// Whether a model and the images that it draws fit into the memory of the device.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <variant>

#include <pixnerd/nn/precision_by_name.hpp>
#include <pixnerd/zoo/model_prefixes.hpp>
#include <pixnerd/zoo/registry.hpp>

#include "commands.hpp"
#include "files/trained_model.hpp"
#include "sample/drawing.hpp"

namespace pixnerd::program {

namespace detail {

/// Bytes of an element of parameters and activations.
inline double bytes_of_element(const std::string& precision) {
  return static_cast<double>(
      with_policy<Cpu>(precision, [](auto policy) { return sizeof(typename decltype(policy)::Compute); }));
}

/// Elements of all parameters of a model.
inline double parameter_count(const TrainedModel& trained) {
  const auto prefixes = model_prefixes(*trained.file);
  double count = 0;
  for (const auto& entry : trained.file->entries()) {
    // Of several models in a file, the one whose prefix is the longest that fits.
    const std::string* owner = nullptr;
    for (const auto& prefix : prefixes) {
      if ((prefix.empty() || entry.name.starts_with(prefix + ".")) &&
          (owner == nullptr || prefix.size() > owner->size()))
        owner = &prefix;
    }
    if (owner != nullptr && *owner == trained.prefix) count += static_cast<double>(entry.shape.count());
  }
  return count;
}

/// Throws ValueError when a lower bound of what drawing takes is above the memory of the device.
inline void check_drawing_fits(const TrainedModel& trained, const DrawOptions& options, std::int64_t count,
                               const std::string& precision, const DeviceChoice& where) {
  const double element = bytes_of_element(precision);
  const double parameters = element * parameter_count(trained);
  const double images =
      element * std::visit([&](const auto& config) { return elements_to_draw(config, options, count); },
                           trained.config);
  if (images + parameters > where.memory) {
    raise<ValueError>(
        "sample",
        str_cat("a model and images that fit into the ", std::llround(where.memory / 1e6), " MB of ",
                where.memory_owner),
        str_cat("at least ", std::llround(parameters / 1e6), " MB for '", trained.path, "' and ",
                std::llround(images / 1e6), " MB for --size ", options.height, "x", options.width));
  }
}

}  // namespace detail

}  // namespace pixnerd::program
