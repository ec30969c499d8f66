// SPDX-License-Identifier: MIT
/// \file
/// Images from a model: noise by seed, guidance, a solver, and image editing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <pixnerd/diffusion/blended_field.hpp>
#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/diffusion/inpainting.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/sampling/captured_model.hpp>
#include <pixnerd/sampling/solver_names.hpp>
#include <pixnerd/sampling/torch_noise.hpp>
#include <pixnerd/solvers/integrate.hpp>

namespace pixnerd {

/// How images are sampled.
struct SampleOptions {
  std::int64_t height = 32, width = 32;  ///< in pixels; patches of the model must fill them
  std::string solver = "euler";          ///< see solver_names.hpp
  TimeGrid grid{50};                     ///< the solver's steps
  Guidance guidance{2.5, 0.1, 1, GuidedChannels::all};
  std::uint64_t seed = 0;
  std::optional<std::uint64_t> torch_seed = {};  ///< where given, the first noise is PyTorch's of this seed
  double blend = 0.5;                            ///< share of the second condition, where there is one
  std::optional<Tensor<float>> init = {};        ///< (1, C, H, W) in [-1, 1]: an image to begin from
  double strength = 1;                           ///< how much of `init` is given up, in (0, 1]
  std::optional<Tensor<float>> mask = {};        ///< as `init`: 1 where it is drawn anew, 0 where it stays
  std::int64_t trajectories = 0;                 ///< of how many of the images to keep every point
  std::int64_t batch = 0;                        ///< images at once; 0: as many as keep the device busy
  std::function<bool(double share)> progress = {};  ///< called with the share that is done; false stops
};

/// What sample() gives, on the host.
struct Samples {
  Tensor<float> images;  ///< (N, C, H, W), about [-1, 1]; undefined when `progress` stopped it
  std::vector<Tensor<float>> trajectories;  ///< of each of the first images: (points, C, H, W), noise first
};

namespace detail {

/// How many images are sampled at once: enough to keep the device busy, few enough for its memory.
inline std::int64_t images_at_once(std::int64_t tokens) {
  return std::clamp<std::int64_t>(1024 / std::max<std::int64_t>(1, tokens), 1, 64);
}

/// The image once for each of a batch.
template <class Device>
Tensor<float, Device> repeated(const Tensor<float>& image, const Shape& shape) {
  const auto one = Tensor<float, Device>::from_host(image.shape(), image.to_host());
  Tensor<float, Device> out(shape);
  for (std::int64_t i = 0; i < shape[0]; ++i) copy_into(out.rows(i, i + 1), one);
  return out;
}

inline void check_sample_options(const SampleOptions& options, const Shape& image) {
  const auto need = [](bool good, const std::string& expected, const std::string& got) {
    if (!good) raise<ValueError>("sample", expected, got);
  };
  need(options.strength > 0 && options.strength <= 1, "a strength above 0 and at most 1",
       str_cat(options.strength));
  need(options.init || options.strength == 1, "an image to begin from for a strength below 1", "none");
  need(options.init || !options.mask, "an image to begin from beside the mask", "none");
  need(!options.mask || options.solver != "sde",
       "a solver other than sde, which adds noise to what the mask keeps", options.solver);
  for (const auto* given : {&options.init, &options.mask}) {
    if (*given && !((*given)->shape() == image)) {
      raise<ShapeError>("sample",
                        str_cat(given == &options.init ? "an image" : "a mask", " of shape ", image),
                        str_cat((*given)->shape()));
    }
  }
}

}  // namespace detail

/// Samples an image for each row of `condition` (N, ...): labels (N), say. Image i depends on the seed, on i
/// and on its condition, not on the others nor, up to rounding, on the batch. `model` has forward(x, t,
/// condition, tap), null_condition(B), config() and decoder_patch(); `prediction` says what its outputs are.
/// Where `second` is given, another condition for each image, velocities are blended: (1 - blend) of the
/// first and blend of the second.
///
///   const auto images = sample(model, Tensor<std::int64_t>::full({4}, 7), {.seed = 1}).images;
///   // four images of class 7
///
/// Throws ValueError for options out of range and an unknown solver, ShapeError for sizes that do not fit,
/// NonFiniteError when pixels come out as NaN or infinity. Records nothing on a tape.
template <class Model, class T, class Device, Prediction Predicted = VelocityPrediction>
Samples sample(const Model& model, const Tensor<T, Device>& condition, const SampleOptions& options = {},
               const Tensor<T, Device>& second = {}, const Predicted& prediction = {}) {
  if (condition.rank() == 0) raise<ShapeError>("sample", "a condition for each image (N, ...)", "()");
  if (second.defined() && !(second.shape() == condition.shape())) {
    raise<ShapeError>("sample", str_cat("a second condition of shape ", condition.shape()),
                      str_cat(second.shape()));
  }
  const std::int64_t channels = model.config().channels, count = condition.size(0);
  const Shape image{1, channels, options.height, options.width};
  detail::check_sample_options(options, image);
  const auto& patch = model.decoder_patch();
  const std::int64_t most =
      options.batch > 0
          ? options.batch
          : detail::images_at_once((options.height / patch.height) * (options.width / patch.width));
  const Guidance guidance =
      guides_at_all_times(options.solver) ? options.guidance.at_all_times() : options.guidance;
  const double start = 1 - options.strength;
  const TimeGrid grid = start > 0 ? options.grid.from(start) : options.grid;
  const CapturedModel<Model, Tensor<T, Device>> captured(model);
  std::optional<TorchNoise> torch_noise;
  if (options.torch_seed) torch_noise.emplace(*options.torch_seed, count, image.count());

  Samples out{Tensor<float>({count, channels, options.height, options.width}), {}};
  std::int64_t batch = 0;
  for (std::int64_t first = 0; first < count; first += batch) {
    const bool keeps = first < options.trajectories;
    batch = std::min({most, count - first, keeps ? options.trajectories - first : count});
    const Shape shape{batch, channels, options.height, options.width};
    std::vector<std::uint32_t> numbers(static_cast<std::size_t>(batch));
    std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(first));
    auto x = torch_noise ? Tensor<float, Device>::from_host(shape, torch_noise->next(batch))
                         : Tensor<float, Device>(shape);
    if (!torch_noise) fill_normal_per_sample(x, options.seed, RandomPurpose::sampling_noise, numbers, 0);

    const auto guided = [&](const Tensor<T, Device>& all) {
      return GuidedField(captured, all.rows(first, first + batch), model.null_condition(batch), guidance,
                         prediction);
    };
    const auto one = guided(condition);
    const auto other = second.defined() ? std::optional(guided(second)) : std::nullopt;
    const auto field = [&](const Tensor<float, Device>& at, double t) {
      return other ? BlendedField(one, *other, options.blend)(at, t) : one(at, t);
    };
    std::optional<InpaintingField<decltype(field), float, Device>> inpainting;
    if (options.init) {
      const auto known = detail::repeated<Device>(*options.init, shape);
      const std::vector<double> times(numbers.size(), start);
      if (start > 0) x = flow_sample(LinearPath{}, known, x, times).x;
      if (options.mask) inpainting.emplace(field, known, detail::repeated<Device>(*options.mask, shape));
    }
    const auto edited = [&](const Tensor<float, Device>& at, double t) {
      return inpainting ? (*inpainting)(at, t) : field(at, t);
    };
    const IntegrateOptions how{
        .keep_trajectory = keeps, .progress = [&](int step, int steps) {
          const double done = static_cast<double>(first) + static_cast<double>(batch) * step / steps;
          return !options.progress || options.progress(done / static_cast<double>(count));
        }};
    const auto solution =
        std::visit([&](const auto& stepper) { return integrate(stepper, edited, x, grid, how); },
                   solver_by_name(options.solver, options.seed, numbers));
    if (!solution.completed) return {};
    const auto pixels = solution.x.to_host();
    for (const float pixel : pixels) {
      if (!std::isfinite(pixel)) raise<NonFiniteError>("sample", "finite pixels", str_cat(pixel));
    }
    copy_into(out.images.rows(first, first + batch), Tensor<float>::from_host(shape, pixels));
    if (!keeps) continue;
    const auto points = static_cast<std::int64_t>(solution.xs.size());
    for (std::int64_t i = 0; i < batch; ++i) {
      Tensor<float> way({points, channels, options.height, options.width});
      for (std::int64_t p = 0; p < points; ++p) {
        const auto point = solution.xs[static_cast<std::size_t>(p)].rows(i, i + 1);
        copy_into(way.rows(p, p + 1), Tensor<float>::from_host(point.shape(), point.to_host()));
      }
      out.trajectories.push_back(std::move(way));
    }
  }
  return out;
}

}  // namespace pixnerd
