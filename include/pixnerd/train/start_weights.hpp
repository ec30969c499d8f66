// SPDX-License-Identifier: MIT
/// \file
/// Training that begins with the weights of a file.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/optim/parameter_store.hpp>
#include <pixnerd/zoo/model_from_file.hpp>

namespace pixnerd {

/// Puts the weights of a file, below `prefix`, into a store and into its averages, which start_average()
/// began. The parameter `exchangeable` stays as it is where the file has another shape of it: the table of
/// classes, say. It reads into the averages, so float32 weights stay float32 under Mixed, too. Throws
/// FileError, listing every name that is missing, unexpected or misshapen, or when the file is damaged;
/// NonFiniteError for NaN and infinity.
template <class Policy>
void start_from_file(const TensorFile& file, const std::string& prefix, const ParameterStore<Policy>& store,
                     std::string_view exchangeable = "") {
  auto parameters = store.named(store.average());
  for (auto& [name, tensor] : parameters.tensors) {
    if (name != exchangeable) continue;
    const Shape& there = file.entry(prefix.empty() ? name : prefix + "." + name).shape;
    if (!(there == tensor.shape())) tensor = std::decay_t<decltype(tensor)>(there);
  }
  fill_parameters(file, parameters, prefix);
  detail::check_finite_model(parameters, file.path());
  copy_into(store.weights().rows(0, store.averaged_count()), store.average());
  store.refresh_copies();
}

}  // namespace pixnerd
