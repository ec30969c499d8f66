// SPDX-License-Identifier: MIT
/// \file
/// Qwen3 against a reference file.
#pragma once

#include <cstdint>
#include <vector>

#include <pixnerd/zoo/qwen3_files.hpp>

#include "verify/reference_file.hpp"
#include "verify/tolerances.hpp"

namespace pixnerd::program {

/// The file holds in.ids and in.mask (B, L), the mask 1 for tokens and 0 for padding after them, out.hidden,
/// and param.NAME; its configuration is that of a Qwen3 folder.
template <class Policy>
Comparison verify_qwen3(const ReferenceFile& reference) {
  using Device = typename Policy::Device;
  const auto& file = reference.file();
  const auto ids = file.tensor<std::int64_t>("in.ids"), mask = file.tensor<std::int64_t>("in.mask");
  if (ids.rank() != 2 || !(mask.shape() == ids.shape()))
    raise<FileError>("verify", str_cat("in.ids and in.mask (B, L) in '", reference.path(), "'"),
                     str_cat(ids.shape(), " and ", mask.shape()));
  std::vector<std::int64_t> counts(static_cast<std::size_t>(ids.size(0)));
  for (std::int64_t i = 0; i < mask.count(); ++i) {
    auto& count = counts[static_cast<std::size_t>(i / ids.size(1))];
    const bool is_token = mask.data()[i] == 1;
    if (!(is_token ? count == i % ids.size(1) : mask.data()[i] == 0))
      raise<FileError>("verify", str_cat("in.mask of ones, then zeros in '", reference.path(), "'"),
                       "another");
    if (is_token) ++count;
  }
  Comparison comparison;
  const Tolerances<Policy> tolerances(reference.path());
  const auto model =
      model_from_file<Qwen3<Policy>>(file, qwen3_config_of(reference.config(), reference.path()), "param");
  const auto hidden = model.forward(Tensor<std::int64_t, Device>::from_host(ids.shape(), ids.to_host()),
                                    Tensor<std::int64_t, Device>::from_host({ids.size(0)}, counts));
  reference.compare(comparison, "out.hidden", hidden, tolerances.forward());
  return comparison;
}

}  // namespace pixnerd::program
