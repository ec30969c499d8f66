// SPDX-License-Identifier: MIT
/// \file
/// What a run with `--repa` aligns its model with: a DINOv2 in a file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <pixnerd/data/feature_cache.hpp>
#include <pixnerd/io/open_tensor_file.hpp>
#include <pixnerd/objectives/repa.hpp>
#include <pixnerd/zoo/dinov2_file.hpp>

#include "files/trained_model.hpp"

namespace pixnerd::program {

/// The encoder of a run; none without `--repa`. It computes in the precision of the run, as the published
/// training does.
template <class Policy>
using RepaEncoder = std::optional<Dinov2Encoder<Policy>>;

/// The sizes of what REPA takes, as far as a file's header tells them.
struct RepaPlan {
  Dinov2Config encoder;
  std::int64_t encoder_parameters = 0;
  std::int64_t projector_parameters = 0;

  /// A lower bound of the memory that it takes on the device, bytes: parameters, moments and the images as
  /// the encoder sees them.
  double bytes(const TrainSettings& settings) const {
    const double element = settings.precision == "mixed" ? 2 : 4;
    const auto side = static_cast<double>(settings.size / settings.patch * encoder.patch);
    return element * static_cast<double>(encoder_parameters) +
           4.0 * sizeof(float) * static_cast<double>(projector_parameters) +
           3.0 * sizeof(float) * side * side * static_cast<double>(settings.batch);
  }
};

/// The plan of a run with these settings; none without `--repa`. Throws FileError when the file is missing,
/// damaged, or no DINOv2 of RGB images.
inline std::optional<RepaPlan> plan_repa(const TrainSettings& settings) {
  if (settings.repa.empty()) return std::nullopt;
  RepaPlan plan;
  plan.encoder = dinov2_config_of(*open_tensor_file(settings.repa));
  if (plan.encoder.channels != 3) {
    raise<FileError>("load DINOv2", str_cat("a DINOv2 of images of three channels in '", settings.repa, "'"),
                     str_cat("one of ", plan.encoder.channels));
  }
  auto shapes = Initializer::shapes_only();
  plan.encoder_parameters = parameter_count(Dinov2<On<Cpu>>(plan.encoder, shapes));
  plan.projector_parameters =
      parameter_count(RepaProjector<On<Cpu>>(settings.width, plan.encoder.width, shapes));
  return plan;
}

/// Loads the encoder of a run, and notes in the run's configuration which one it is. Throws what
/// load_dinov2() throws, and ValueError when a run goes on with another one than it began with.
template <class Policy>
RepaEncoder<Policy> load_repa_encoder(RunConfiguration& run) {
  const TrainSettings& settings = run.settings;
  if (settings.repa.empty()) return std::nullopt;
  RepaEncoder<Policy> encoder;
  encoder.emplace(load_dinov2<Policy>(*open_tensor_file(settings.repa)), settings.patch);
  std::string key = feature_encoder_key(*encoder);
  if (!run.encoder.empty() && run.encoder != key) {
    raise<ValueError>("resume", str_cat("--repa with the encoder of the run: ", run.encoder),
                      str_cat(key, " in '", settings.repa, "'"));
  }
  run.encoder = std::move(key);
  return encoder;
}

}  // namespace pixnerd::program
