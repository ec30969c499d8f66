// SPDX-License-Identifier: MIT
// A model's file with one parameter changed or left out, for the tests of loading models.
#pragma once

#include <string>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/optim/parameter_store.hpp>

#include "support/files.hpp"

namespace pixnerd::test {

/// The parameters of a reference file except one, which `other` replaces, or which is left out if `other` has
/// no shape.
inline std::string changed_model(const Folder& folder, const std::string& reference, const std::string& name,
                                 const Tensor<float>& other) {
  const SafetensorsFile from(reference);
  NamedTensors<float, Cpu> tensors;
  for (const auto& entry : from.entries()) {
    if (!entry.name.starts_with("param.")) continue;
    const std::string bare = entry.name.substr(6);
    if (bare == name && !other.defined()) continue;
    tensors.tensors.emplace_back(bare, bare == name ? other : from.tensor<float>(entry.name));
  }
  const std::string path = folder / "model.safetensors";
  save_parameters(path, tensors);
  return path;
}

}  // namespace pixnerd::test
