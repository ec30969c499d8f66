/// \file
/// `pixnerd sample`: images from a trained model.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <pixnerd/io/png.hpp>

#include "class_choice.hpp"
#include "commands.hpp"
#include "drawing.hpp"
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

/// Throws FileError now, not after the work, when a file cannot be written.
inline void check_writable(const std::string& path) {
  if (!path.empty()) const AtomicFile probe(path);
}

/// Rows of images, one for each trajectory: noise on the left, the image on the right.
inline Image trajectory_picture(const std::vector<std::vector<Image>>& trajectories) {
  std::vector<Image> shown;
  const std::size_t points = trajectories.front().size();
  const std::size_t columns = std::min<std::size_t>(points, 9);
  for (const auto& way : trajectories) {
    for (std::size_t i = 0; i < columns; ++i) shown.push_back(way[i * (points - 1) / (columns - 1)]);
  }
  return picture_of(std::move(shown), static_cast<int>(columns), 0);
}

}  // namespace detail

/// Draws what the command asks for and says where it is.
template <class Device>
int sample(const SampleCommand& command) {
  if (command.run.empty() == command.weights.empty()) {
    raise<ValueError>("sample", "--run DIR or --weights FILE", "neither");
  }
  if (command.interval.size() != 2) {
    raise<ValueError>("--interval", "two times", text(command.interval.size()));
  }
  std::vector<std::string> damaged;
  const TrainedModel<Device> trained = command.run.empty()
                                           ? model_of_file<Device>(command.weights, command.ema)
                                           : model_of_run<Device>(command.run, command.ema, damaged);
  for (const auto& problem : damaged)
    std::fprintf(stderr, "passed over a damaged checkpoint: %s\n", problem.c_str());
  const PixnerdC2iConfig& config = trained.model.config();
  if (config.channels != 3)
    raise<FileError>("sample", "a model of images with 3 channels", text(config.channels));

  DrawOptions options;
  const std::string size = !command.size.empty() ? command.size : trained.size > 0 ? text(trained.size) : "";
  if (size.empty()) raise<ValueError>("sample", "--size, which a file of weights does not tell", "none");
  std::tie(options.height, options.width) = detail::parse_size(size, config.patch);
  options.seed = static_cast<std::uint64_t>(command.seed);
  options.solver = command.solver;
  options.grid = TimeGrid(static_cast<int>(command.steps), command.shift, command.last_step);
  options.guidance = {command.guidance, command.interval.at(0), command.interval.at(1), GuidedChannels::all};
  options.guidance.check();
  if (!command.trajectory.empty()) options.trajectories = std::min<std::int64_t>(4, command.count);
  const auto labels = choose_classes(command.classes, trained.classes, config.classes, command.count);
  detail::check_writable(command.out);
  detail::check_writable(command.trajectory);

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

  std::int64_t columns = command.columns;
  const auto asked = static_cast<std::int64_t>(command.classes.size());
  if (columns == 0) {
    columns = asked > 1 && asked <= 16
                  ? asked
                  : static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(command.count))));
  }
  const std::string what = text("solver ", command.solver, ", steps ", command.steps, ", guidance ",
                                command.guidance, ", interval ", command.interval[0], " ",
                                command.interval[1], ", shift ", command.shift, ", seed ", command.seed);
  write_png(command.out,
            picture_of(std::move(drawing.images), static_cast<int>(columns), static_cast<int>(command.zoom)),
            {{"Software", text("pixnerd ", version)}, {"pixnerd", what}});
  if (!command.trajectory.empty())
    write_png(command.trajectory, detail::trajectory_picture(drawing.trajectories));

  std::printf("model    %s%s\n", trained.path.c_str(),
              trained.step > 0 ? text(" (step ", trained.step, ")").c_str() : "");
  std::printf("drawn    %lld images of %lld x %lld in %s, %s\n", static_cast<long long>(command.count),
              static_cast<long long>(options.height), static_cast<long long>(options.width),
              (seconds < 10 ? number_text(seconds, 2) + " s" : duration_text(seconds)).c_str(), what.c_str());
  for (std::int64_t row = 0; row * columns < command.count; ++row) {
    std::string names;
    for (std::int64_t i = row * columns; i < std::min((row + 1) * columns, command.count); ++i) {
      names += text(i % columns == 0 ? "" : ", ",
                    class_text(trained.classes, labels[static_cast<std::size_t>(i)]));
    }
    std::printf("row %-4lld %s\n", static_cast<long long>(row + 1), names.c_str());
  }
  std::printf("picture  %s\n", command.out.c_str());
  if (!command.trajectory.empty()) std::printf("ways     %s\n", command.trajectory.c_str());
  return 0;
}

}  // namespace pixnerd::program
