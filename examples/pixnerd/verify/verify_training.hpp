// SPDX-License-Identifier: MIT
/// \file
/// Training with REPA against a reference file: losses and norms of every step, the weights at the end.
#pragma once

#include <string>
#include <vector>

#include <pixnerd/diffusion/time_sampling.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/objectives/repa.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/optim/clip.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include <pixnerd/zoo/model_prefixes.hpp>
#include <pixnerd/zoo/registry.hpp>

#include "verify/reference_file.hpp"
#include "verify/tolerances.hpp"

namespace pixnerd::program {

namespace detail {

/// The settings of a reference training run.
struct ReferenceTraining {
  int steps;
  double rate, clip_norm, ema_decay, shift, repa_weight;
  std::int64_t repa_block;
  bool log_normal;
  AdamW optimizer;

  explicit ReferenceTraining(const ReferenceFile& reference) {
    const auto number = [&](const char* key, double least, double most) {
      return config_number(reference, reference.config(), key, least, most);
    };
    steps = static_cast<int>(number("steps", 1, 10'000));
    rate = number("lr", 0, 1e3);
    clip_norm = number("clip_norm", 0, 1e9);
    ema_decay = number("ema_decay", 0, 1);
    shift = number("timeshift", 1e-6, 1e6);
    repa_weight = number("feat_loss_weight", -1e6, 1e6);
    repa_block = static_cast<std::int64_t>(number("align_layer", 1, 10'000));
    log_normal = reference.config().value("lognorm_t", nlohmann::json()) == true;
    const auto betas = reference.config().value("betas", nlohmann::json());
    if (!betas.is_array() || betas.size() != 2 || !betas[0].is_number() || !betas[1].is_number()) {
      raise<FileError>("verify", str_cat("two \"betas\" in the config of '", reference.path(), "'"),
                       betas.dump());
    }
    optimizer = {.beta1 = betas[0],
                 .beta2 = betas[1],
                 .epsilon = number("eps", 0, 1),
                 .weight_decay = number("weight_decay", 0, 1)};
  }
};

/// What a parameter of the store is called in the file at some stage: "param0", say, and "proj0" for the
/// projector's, whose names begin with "proj.".
inline std::string staged_name(const ParameterEntry& entry, const std::string& model_stage,
                               const std::string& projector_stage) {
  return entry.averaged ? str_cat(model_stage, ".", entry.name)
                        : projector_stage + entry.name.substr(std::string("proj").size());
}

}  // namespace detail

/// The file holds for step i step{i}.{x, y, noise, z, t, dst}: images, labels, noise, the normal numbers that
/// the times come from, the times, the target features; before the first step param0.NAME and proj0.NAME, and
/// after the last param.NAME, proj.NAME and ema.NAME; losses (steps, 3) of flow matching, alignment and both;
/// grad_norms (steps) before clipping; grad0.NAME and gradproj0.NAME of the first step, clipped.
template <class Policy>
Comparison verify_training(const ReferenceFile& reference) {
  using Device = typename Policy::Device;
  const detail::ReferenceTraining training(reference);
  Comparison comparison;

  const Tolerances<Policy> tolerances(reference.path());
  auto model = load_pixnerd_c2i<Policy>(reference.file(), "param0");
  const std::int64_t features =
      pixnerd::detail::ModelShapes(reference.file(), "proj0", "a projector")("0.4.weight", 2)[0];
  Initializer init(0);
  Repa<Policy> repa{RepaProjector<Policy>(model.config().width, features, init), training.repa_block,
                    training.repa_weight};
  load_parameters(reference.file(), repa.projector, "proj0");
  ParameterStore<Policy> store(model, repa, "");
  store.start_average();

  std::vector<float> losses, norms;
  for (int i = 0; i < training.steps; ++i) {
    const auto name = [&](const char* tensor) { return str_cat("step", i, ".", tensor); };
    const auto t = reference.tensor<float, Cpu>(name("t")).to_host();
    const std::vector<double> times(t.begin(), t.end());
    if (training.log_normal) {
      std::vector<float> shifted;
      for (const float z : reference.tensor<float, Cpu>(name("z")).to_host()) {
        const double base = 1.0 / (1.0 + std::exp(-static_cast<double>(z)));
        shifted.push_back(static_cast<float>(shift_time(base, training.shift)));
      }
      reference.compare(comparison, name("t"), shifted, 1e-5);
    }

    store.zero_grad();
    {
      Tape tape;
      auto tap = repa.tap();
      const auto sample = flow_sample(LinearPath{}, reference.tensor<float, Device>(name("x")),
                                      reference.tensor<float, Device>(name("noise")), times);
      const auto flow = flow_matching_loss(
          sample, model.forward(sample.x, sample.t, reference.tensor<std::int64_t, Device>(name("y")), tap));
      const auto alignment = repa.alignment(tap, reference.tensor<float, Device>(name("dst")));
      const auto total = repa.total(flow, alignment);
      tape.backward(total);
      losses.insert(losses.end(), {flow.item(), alignment.item(), total.item()});
    }
    const double norm = grad_norm(store, i + 1);
    const double scale = clip_scale(norm, training.clip_norm);
    norms.push_back(static_cast<float>(norm));
    if (i == 0) {
      for (const auto& entry : store.entries()) {
        auto clipped = store.part(store.gradients(), entry).to_host();
        for (float& value : clipped) value *= static_cast<float>(scale);
        const auto in_file = detail::staged_name(entry, "grad0", "gradproj0");
        reference.compare(comparison, in_file, clipped, tolerances.gradient(in_file));
      }
    }
    training.optimizer.update(store, {i + 1, training.rate, scale, training.ema_decay});
  }

  reference.compare(comparison, "losses", losses, tolerances.forward());
  reference.compare(comparison, "grad_norms", norms, tolerances.gradient("grad_norms"));
  for (const auto& entry : store.entries()) {
    const auto in_file = detail::staged_name(entry, "param", "proj");
    reference.compare(comparison, in_file, store.part(store.weights(), entry), tolerances.gradient(in_file));
    if (entry.averaged) {
      const std::string average = "ema." + entry.name;
      reference.compare(comparison, average, store.part(store.average(), entry),
                        tolerances.gradient(average));
    }
  }
  return comparison;
}

}  // namespace pixnerd::program
