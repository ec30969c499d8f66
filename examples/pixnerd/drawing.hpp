/// \file
/// Drawing images with a model: the work that `sample` and the pictures of a training run share.
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
#include <pixnerd/image/grid.hpp>
#include <pixnerd/image/pixels.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/sampling/captured_model.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/solvers/sde_euler.hpp>

#include "model_kind.hpp"
#include "torch_noise.hpp"

namespace pixnerd::program {

/// How images are drawn.
struct DrawOptions {
  std::int64_t height = 32, width = 32;
  std::uint64_t seed = 0;
  std::optional<std::uint64_t> torch_seed = {};  ///< where given, of the first noise: that of PyTorch
  std::string solver = "euler";
  TimeGrid grid{50};
  Guidance guidance{2.5, 0.1, 1, GuidedChannels::all};
  DecoderScale scale = {};                          ///< of text-to-image models
  std::vector<std::int64_t> second = {};            ///< labels to blend with; empty: none
  double blend = 0.5;                               ///< share of those
  std::optional<Tensor<float>> init = {};           ///< (1, 3, H, W), what images are made from
  double strength = 1;                              ///< how much of `init` is given up, in (0, 1]
  std::optional<Tensor<float>> mask = {};           ///< as `init`, 1 where it is drawn anew
  std::int64_t trajectories = 0;                    ///< of the first images
  std::function<bool(double share)> progress = {};  ///< called with the share that is done; false stops
};

/// What was drawn: nothing when `progress` stopped it.
struct Drawing {
  std::vector<Image> images;
  std::vector<std::vector<Image>> trajectories;  ///< of an image: noise, the point after each step
  double seconds = 0;                            ///< that it took
};

namespace detail {

using AnyStepper = std::variant<Euler, Heun, Adams, SdeEuler<>>;

/// The stepper of a name, for a batch of the images with these numbers.
inline AnyStepper make_stepper(const std::string& name, std::uint64_t seed,
                               const std::vector<std::uint32_t>& samples) {
  if (name == "euler") return Euler{};
  if (name == "heun") return Heun{};
  if (name == "heun-reuse") return Heun{.reuse = true};
  if (name == "adams2") return Adams(2);
  if (name == "adams3") return Adams(3);
  if (name == "adams4") return Adams(4);
  if (name == "sde") return SdeEuler<>{.path = {}, .noise = SdeNoise{seed, samples}};
  raise<ValueError>("--solver", "euler, heun, heun-reuse, adams2, adams3, adams4 or sde", name);
}

/// Whether a solver guides at all times, whatever the interval.
inline bool heeds_no_interval(const std::string& solver) {
  return solver.starts_with("heun");
}

template <class Device>
Tensor<float> on_host(const Tensor<float, Device>& x) {
  return Tensor<float>::from_host(x.shape(), x.to_host());
}

/// Tokens of an image.
template <class Config>
std::int64_t patches_of(const Config& config, const DrawOptions& options) {
  const double patch = static_cast<double>(config.patch);
  return std::llround(static_cast<double>(options.height) / (patch * options.scale.height)) *
         std::llround(static_cast<double>(options.width) / (patch * options.scale.width));
}

/// How many images are drawn at once: enough to keep the processor busy, few enough for its memory.
inline std::int64_t images_at_once(std::int64_t patches) {
  return std::clamp<std::int64_t>(1024 / std::max<std::int64_t>(1, patches), 1, 64);
}

/// A velocity field of whatever model: the solvers are compiled for this one alone.
template <class Device>
using AnyField = std::function<Tensor<float, Device>(const Tensor<float, Device>&, double)>;

/// What a model does when it is told `numbers`, a batch of labels, guided.
template <class Device, class Replayed>
AnyField<Device> guided_field(const Replayed& model, const LabelFormat& format,
                              const std::vector<std::int64_t>& numbers, const DrawOptions& options) {
  const std::int64_t batch = static_cast<std::int64_t>(numbers.size()) / format.count();
  Shape shape{batch};
  for (const std::int64_t size : format.shape) shape.push_back(size);
  std::vector<std::int64_t> nothing;
  for (std::int64_t i = 0; i < batch; ++i)
    nothing.insert(nothing.end(), format.null_label.begin(), format.null_label.end());
  const GuidedField field(model, Tensor<std::int64_t, Device>::from_host(shape, numbers),
                          Tensor<std::int64_t, Device>::from_host(shape, nothing), options.guidance);
  if (heeds_no_interval(options.solver)) return field.without_interval();
  return field;
}

/// The image once for each of a batch.
template <class Device>
Tensor<float, Device> repeated(const Tensor<float>& image, const Shape& shape) {
  const auto one = Tensor<float, Device>::from_host(image.shape(), image.to_host());
  Tensor<float, Device> out(shape);
  for (std::int64_t i = 0; i < shape[0]; ++i) copy_into(out.rows(i, i + 1), one);
  return out;
}

/// Follows a field from noise to images, or from a noised image on, or where a mask is.
template <class Device>
Solution<float, Device> follow(const AnyField<Device>& field, const Tensor<float, Device>& noise,
                               const DrawOptions& options, const std::vector<std::uint32_t>& samples,
                               const IntegrateOptions& how) {
  const double start = 1 - options.strength;
  const TimeGrid grid = start > 0 ? options.grid.from(start) : options.grid;
  auto x = noise;
  AnyField<Device> edited = field;
  if (options.init) {
    const auto known = repeated<Device>(*options.init, noise.shape());
    const std::vector<double> times(samples.size(), start);
    if (start > 0) x = flow_sample(LinearPath{}, known, noise, times).x;
    if (options.mask) edited = InpaintingField(field, known, repeated<Device>(*options.mask, noise.shape()));
  }
  return std::visit([&](const auto& stepper) { return integrate(stepper, edited, x, grid, how); },
                    make_stepper(options.solver, options.seed, samples));
}

}  // namespace detail

/// Elements of memory that drawing `count` images surely takes beside the model: of each patch its token with queries,
/// keys, values and the MLP's rows, the field's weights, 2 F F*r, and the features of its pixels before and
/// after a field block; all of it twice where guidance shows the model each image with its class and without.
template <class Config>
double elements_to_draw(const Config& config, const DrawOptions& options, std::int64_t count) {
  const std::int64_t patches = detail::patches_of(config, options);
  const auto images = static_cast<double>(std::min(count, detail::images_at_once(patches)));
  const auto features = static_cast<double>(config.decoder.features);
  const double pixels =
      static_cast<double>(config.patch * config.patch) * options.scale.height * options.scale.width;
  const double token = 6 * static_cast<double>(config.width);
  const double field =
      config.decoder.depth == 0
          ? 0
          : 2 * features * features * static_cast<double>(config.decoder.ratio) + 2 * pixels * features;
  const double sides = options.guidance.scale == 1 ? 1 : 2;
  return sides * images * static_cast<double>(patches) * std::max(token, field);
}

/// Draws an image for each label of `numbers`. Image i depends on the seed, i and its label, not on the others.
/// Throws NonFiniteError when pixels come out as NaN or infinity.
template <class Device, class Model>
Drawing draw(const Model& model, const LabelFormat& format, const std::vector<std::int64_t>& numbers,
             const DrawOptions& options) {
  const auto& config = model_config(model);
  const std::int64_t count = static_cast<std::int64_t>(numbers.size()) / format.count();
  const std::int64_t most = detail::images_at_once(detail::patches_of(config, options));
  const auto& scaled = decoded_at(model, options.scale);
  const CapturedModel<Model, Tensor<std::int64_t, Device>> replayed(scaled);
  std::optional<TorchNoise> torch_noise;
  if (options.torch_seed)
    torch_noise.emplace(*options.torch_seed, count, config.channels * options.height * options.width);
  Drawing drawing;
  std::int64_t batch = 0;
  for (std::int64_t first = 0; first < count; first += batch) {
    const bool record = first < options.trajectories;
    batch = std::min({most, count - first, record ? options.trajectories - first : count});
    const auto field_of = [&](const std::vector<std::int64_t>& all) {
      const auto from = all.begin() + first * format.count();
      return detail::guided_field<Device>(
          replayed, format, std::vector<std::int64_t>(from, from + batch * format.count()), options);
    };
    detail::AnyField<Device> field = field_of(numbers);
    if (!options.second.empty()) {
      field = [one = field, other = field_of(options.second), share = options.blend](
                  const auto& x, double t) { return BlendedField(one, other, share)(x, t); };
    }
    std::vector<std::uint32_t> samples(static_cast<std::size_t>(batch));
    std::iota(samples.begin(), samples.end(), static_cast<std::uint32_t>(first));
    const Shape shape{batch, config.channels, options.height, options.width};
    const auto noise = torch_noise ? Tensor<float, Device>::from_host(shape, torch_noise->next(batch))
                                   : Tensor<float, Device>(shape);
    if (!torch_noise) fill_normal_per_sample(noise, options.seed, RandomPurpose::sampling_noise, samples, 0);
    const IntegrateOptions how{
        .keep_trajectory = record, .progress = [&](int step, int steps) {
          const double done = static_cast<double>(first) + static_cast<double>(batch) * step / steps;
          return !options.progress || options.progress(done / static_cast<double>(count));
        }};
    const auto solution = detail::follow(field, noise, options, samples, how);
    if (!solution.completed) return {};
    const auto pixels = detail::on_host(solution.x);
    for (std::int64_t i = 0; i < pixels.count(); ++i) {
      if (!std::isfinite(pixels.data()[i])) {
        raise<NonFiniteError>("sample", "finite pixels", str_cat(pixels.data()[i]));
      }
    }
    for (auto& image : to_images(pixels)) drawing.images.push_back(std::move(image));
    if (!record) continue;
    std::vector<std::vector<Image>> ways(static_cast<std::size_t>(batch));
    for (const auto& point : solution.xs) {
      auto images = to_images(detail::on_host(point));
      for (std::size_t i = 0; i < ways.size(); ++i) ways[i].push_back(std::move(images[i]));
    }
    for (auto& way : ways) drawing.trajectories.push_back(std::move(way));
  }
  return drawing;
}

/// The image with each pixel as zoom x zoom pixels.
inline Image enlarged(const Image& image, int zoom) {
  Image out(image.height * zoom, image.width * zoom);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) std::copy_n(image.pixel(y / zoom, x / zoom), 3, out.pixel(y, x));
  }
  return out;
}

/// How often small images are enlarged, so that they can be looked at.
inline int zoom_of(std::int64_t height, std::int64_t width) {
  return static_cast<int>(std::max<std::int64_t>(1, 96 / std::max(height, width)));
}

/// Images in a grid, each enlarged.
inline Image picture_of(std::vector<Image> images, int columns, int zoom) {
  for (auto& image : images) image = enlarged(image, zoom);
  return image_grid(images, columns, 2);
}

}  // namespace pixnerd::program
