/// \file
/// `pixnerd sample`: images from a trained model.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <pixnerd/io/png.hpp>

#include "class_choice.hpp"
#include "commands.hpp"
#include "drawing.hpp"
#include "precision_choice.hpp"
#include "progress.hpp"
#include "trained_model.hpp"

namespace pixnerd::program {

namespace detail {

/// "64" or "48x64" (height first) as height and width.
inline std::pair<std::int64_t, std::int64_t> parse_size(const std::string& word, std::int64_t patch) {
  std::int64_t height = 0, width = 0;
  const char* const end = word.data() + word.size();
  auto [at, error] = std::from_chars(word.data(), end, height);
  width = height;
  if (error == std::errc() && at != end && *at == 'x') {
    const auto second = std::from_chars(at + 1, end, width);
    at = second.ptr;
    error = second.ec;
  }
  const auto fits = [&](std::int64_t side) { return side >= patch && side <= 8192 && side % patch == 0; };
  if (error != std::errc() || at != end || !fits(height) || !fits(width)) {
    raise<ValueError>("--size", text("N or HxW with multiples of the model's patch, ", patch, ", up to 8192"),
                      word);
  }
  return {height, width};
}

/// How the images are arranged.
struct Layout {
  std::int64_t columns, zoom;

  /// Throws ValueError when the picture would be larger than those that are read.
  Layout(const SampleCommand& command, const DrawOptions& options)
      : columns(command.columns),
        zoom(command.zoom > 0 ? command.zoom : zoom_of(options.height, options.width)) {
    const auto classes = static_cast<std::int64_t>(command.classes.size());
    const auto side = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(command.count))));
    if (columns == 0) columns = classes > 1 && classes <= 16 ? classes : side;
    columns = std::min(columns, command.count);
    const std::int64_t rows = (command.count + columns - 1) / columns;
    const std::int64_t height = rows * (options.height * zoom + 2),
                       width = columns * (options.width * zoom + 2);
    if (std::max(height, width) > max_image_side ||
        static_cast<std::uint64_t>(height * width) > max_image_pixels) {
      raise<ValueError>(
          "--count",
          text("a picture of at most ", max_image_side, " pixels a side and ", max_image_pixels, " in all"),
          text(width, " x ", height));
    }
  }
};

/// Throws ValueError when drawing surely takes more than the memory of the device.
inline void check_drawing_fits(const PixnerdC2iConfig& config, const DrawOptions& options, std::int64_t count,
                               const DeviceChoice& where) {
  const double needed = memory_to_draw(config, options, count);
  if (needed > where.memory) {
    raise<ValueError>(
        "--size",
        text("images that fit into the ", std::llround(where.memory / 1e6), " MB of ", where.memory_owner),
        text("at least ", std::llround(needed / 1e6), " MB for ", options.height, " x ", options.width));
  }
}

/// Throws now, not after the work: ValueError when a picture is no .png, FileError when it cannot be written.
inline void check_picture_path(const char* option, const std::string& path) {
  if (!path.ends_with(".png")) raise<ValueError>(option, "a name that ends in .png", text("'", path, "'"));
  const AtomicFile probe(path);
}

inline void check_picture_paths(const SampleCommand& command) {
  check_picture_path("--out", command.out);
  if (command.trajectory.empty()) return;
  check_picture_path("--trajectory", command.trajectory);
  const auto place = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(path, ignored);
  };
  if (place(command.out) == place(command.trajectory))
    raise<ValueError>("--trajectory", "another file than --out", text("'", command.trajectory, "'"));
}

/// Whether a solver guides at all times, whatever the interval.
inline bool heeds_no_interval(const std::string& solver) {
  return solver.starts_with("heun");
}

/// Rows of images, one for each trajectory: noise on the left, the image on the right.
inline Image trajectory_picture(const std::vector<std::vector<Image>>& trajectories) {
  std::vector<Image> shown;
  const std::size_t points = trajectories.front().size();
  const std::size_t columns = std::min<std::size_t>(points, 9);
  for (const auto& way : trajectories) {
    for (std::size_t i = 0; i < columns; ++i) shown.push_back(way[i * (points - 1) / (columns - 1)]);
  }
  const int zoom = zoom_of(shown.front().height, shown.front().width);
  return picture_of(std::move(shown), static_cast<int>(columns), zoom);
}

/// The model that the command names.
template <class Device, class Precision>
TrainedModel<Device, Precision> find_model(const SampleCommand& command) {
  if (command.run.empty() == command.weights.empty()) {
    raise<ValueError>("sample", "--run DIR or --weights FILE", "neither");
  }
  if (command.run.empty()) return model_of_file<Device, Precision>(command.weights, command.ema);
  std::vector<std::string> damaged;
  auto trained = model_of_run<Device, Precision>(command.run, command.ema, damaged);
  for (const auto& problem : damaged)
    std::fprintf(stderr, "passed over a damaged checkpoint: %s\n", problem.c_str());
  return trained;
}

/// How to draw with a model. Throws ValueError for what it cannot draw.
template <class Device, class Precision>
DrawOptions draw_options(const SampleCommand& command, const TrainedModel<Device, Precision>& trained) {
  const PixnerdC2iConfig& config = trained.model.config();
  if (config.channels != 3)
    raise<FileError>("sample", "a model of images with 3 channels", text(config.channels));
  DrawOptions options;
  options.guidance.scale = command.guidance;
  if (!command.interval.empty()) {
    if (command.interval.size() != 2)
      raise<ValueError>("--interval", "two times", text(command.interval.size()));
    if (heeds_no_interval(command.solver)) {
      raise<ValueError>("--interval", "a solver other than heun and heun-reuse, which guide at all times",
                        command.solver);
    }
    options.guidance.lower = command.interval[0];
    options.guidance.upper = command.interval[1];
  }
  options.guidance.check();
  const std::string size = !command.size.empty() ? command.size : trained.size > 0 ? text(trained.size) : "";
  if (size.empty()) raise<ValueError>("sample", "--size, which a file of weights does not tell", "none");
  std::tie(options.height, options.width) = parse_size(size, config.patch);
  options.seed = static_cast<std::uint64_t>(command.seed);
  if (command.torch_seed) options.torch_seed = static_cast<std::uint64_t>(*command.torch_seed);
  options.solver = command.solver;
  options.grid =
      TimeGrid(static_cast<int>(command.steps), command.shift.value_or(trained.shift), command.last_step);
  if (!command.trajectory.empty()) options.trajectories = std::min<std::int64_t>(4, command.count);
  return options;
}

inline std::string settings_text(const SampleCommand& command, const DrawOptions& options, double shift) {
  const Guidance& guidance = options.guidance;
  const std::string interval = heeds_no_interval(options.solver)
                                   ? std::string()
                                   : text(", interval ", guidance.lower, " ", guidance.upper);
  const std::string seed =
      command.torch_seed ? text("torch-seed ", *command.torch_seed) : text("seed ", command.seed);
  return text("solver ", options.solver, ", steps ", command.steps, ", guidance ", guidance.scale, interval,
              ", shift ", shift, ", ", seed);
}

/// The classes of the images, row by row.
inline void print_rows(const std::vector<std::int64_t>& labels, const std::vector<std::string>& names,
                       std::int64_t columns) {
  std::string row;
  const auto count = static_cast<std::int64_t>(labels.size());
  for (std::int64_t i = 0; i < count; ++i) {
    row += text(row.empty() ? "" : ", ", class_text(names, labels[static_cast<std::size_t>(i)]));
    if ((i + 1) % columns != 0 && i + 1 != count) continue;
    std::printf("row %-4lld %s\n", static_cast<long long>(i / columns + 1), row.c_str());
    row.clear();
  }
}

}  // namespace detail

/// Draws what the command asks for and says where it is. Everything that can be wrong is found before the work
/// begins.
template <class Device, class Precision>
int sample(const SampleCommand& command) {
  const auto trained = detail::find_model<Device, Precision>(command);
  DrawOptions options = detail::draw_options(command, trained);
  const auto labels =
      choose_classes(command.classes, trained.classes, trained.model.config().classes, command.count);
  const detail::Layout layout(command, options);
  detail::check_drawing_fits(trained.model.config(), options, command.count, command.where);
  detail::check_picture_paths(command);

  Progress progress;
  const Stopwatch watch;
  options.progress = [&](double share) {
    if (progress.due()) {
      const double seconds = watch.seconds();
      progress.show(text("drawing ", std::lround(100 * share), "%, ",
                         duration_text(seconds / share - seconds), " left"));
    }
    return true;
  };
  Drawing drawing = draw(trained.model, labels, options);
  const double seconds = watch.seconds();
  progress.end_line();

  const std::string settings = detail::settings_text(command, options, command.shift.value_or(trained.shift));
  write_png(
      command.out,
      picture_of(std::move(drawing.images), static_cast<int>(layout.columns), static_cast<int>(layout.zoom)),
      {{"Software", text("pixnerd ", version)}, {"pixnerd", settings}});
  if (!command.trajectory.empty())
    write_png(command.trajectory, detail::trajectory_picture(drawing.trajectories));

  const std::string step = trained.step > 0 ? text(" (step ", trained.step, ")") : "";
  std::printf("model    %s%s\n", trained.path.c_str(), step.c_str());
  if (command.size.empty() && trained.step == 0)
    std::printf("size     that of the published model of these sizes; --size takes another\n");
  std::printf("device   %s, precision %s\n", command.where.description.c_str(),
              precision_of<Device>(command.precision).c_str());
  std::printf("drawn    %lld images of %lld x %lld in %s s, %s\n", static_cast<long long>(command.count),
              static_cast<long long>(options.height), static_cast<long long>(options.width),
              number_text(seconds, 2).c_str(), settings.c_str());
  detail::print_rows(labels, trained.classes, layout.columns);
  std::printf("picture  %s\n", command.out.c_str());
  if (!command.trajectory.empty()) std::printf("ways     %s\n", command.trajectory.c_str());
  return 0;
}

template <class Device>
int sample_command(const SampleCommand& command) {
  return with_precision(precision_of<Device>(command.precision),
                        [&](auto precision) { return sample<Device, decltype(precision)>(command); });
}

}  // namespace pixnerd::program
