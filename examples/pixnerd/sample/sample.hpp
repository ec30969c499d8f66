// SPDX-License-Identifier: MIT
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
#include <variant>
#include <vector>

#include <pixnerd/image/png.hpp>

#include <pixnerd/nn/precision_by_name.hpp>
#include "commands.hpp"
#include "files/trained_model.hpp"
#include "progress.hpp"
#include "sample/bundled_model.hpp"
#include "sample/chosen_labels.hpp"
#include "sample/drawing.hpp"
#include "sample/drawing_memory.hpp"
#include "sample/editing.hpp"
#include "sample/text_encoder.hpp"

namespace pixnerd::program {

namespace detail {

/// "64" or "48x64" (height first) as height and width, multiples of `patch`; 1 where any number may do.
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
    const std::string fitting =
        patch > 1 ? str_cat(" with multiples of the model's patch, ", patch, ",") : "";
    raise<ValueError>("--size", str_cat("N or HxW", fitting, " up to 8192"), word);
  }
  return {height, width};
}

/// How the images are arranged.
struct Layout {
  std::int64_t columns, zoom;

  /// Throws ValueError when the picture would be larger than those that are read.
  Layout(const SampleCommand& command, const DrawOptions& options, std::size_t choices)
      : columns(command.columns),
        zoom(command.zoom > 0 ? command.zoom : zoom_of(options.height, options.width)) {
    const auto chosen = static_cast<std::int64_t>(choices);
    const auto side = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(command.count))));
    if (columns == 0) columns = chosen > 1 && chosen <= 16 ? chosen : side;
    columns = std::min(columns, command.count);
    const std::int64_t rows = (command.count + columns - 1) / columns;
    const std::int64_t height = rows * (options.height * zoom + 2),
                       width = columns * (options.width * zoom + 2);
    if (std::max(height, width) > max_image_side ||
        static_cast<std::uint64_t>(height * width) > max_image_pixels) {
      raise<ValueError>("--count",
                        str_cat("a picture of at most ", max_image_side, " pixels a side and ",
                                max_image_pixels, " in all"),
                        str_cat(width, " x ", height));
    }
  }
};

/// Throws now, not after the work: ValueError when a picture is no .png, FileError when it cannot be written.
inline void check_picture_path(const char* option, const std::string& path) {
  if (!path.ends_with(".png")) raise<ValueError>(option, "a name that ends in .png", str_cat("'", path, "'"));
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
    raise<ValueError>("--trajectory", "another file than --out", str_cat("'", command.trajectory, "'"));
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

/// The model that the command names, or for prompts alone the one that comes with the program.
inline TrainedModel find_model(const SampleCommand& command) {
  if (command.run.empty()) {
    std::string file = command.weights;
    const bool prompted = !command.prompts.empty() || !command.prompt_file.empty();
    if (file.empty() && prompted) file = bundled_model();
    if (file.empty()) {
      raise<ValueError>(
          "sample", "--run DIR or --weights FILE, or --prompt TEXT for the model of emoji that comes with it",
          prompted ? "no such model beside the program" : "neither");
    }
    return model_of_file(file, command.ema);
  }
  std::vector<std::string> damaged;
  auto trained = model_of_run(command.run, command.ema, damaged);
  for (const auto& problem : damaged)
    std::fprintf(stderr, "passed over a damaged checkpoint: %s\n", problem.c_str());
  return trained;
}

/// By how much patches are decoded larger than in training: 1 unless --scale-decoder was given.
/// Throws ValueError where that does not go.
inline DecoderScale decoder_scale(const SampleCommand& command, const TrainedModel& trained,
                                  const DrawOptions& options) {
  if (!command.scale_decoder) return {};
  if (!trained.text()) {
    raise<ValueError>("--scale-decoder", str_cat("a text-to-image model in '", trained.path, "'"),
                      "a class-conditional one");
  }
  if (trained.size == 0) {
    raise<ValueError>("--scale-decoder", "a model whose run tells the size that it was trained on",
                      str_cat("'", trained.path, "'"));
  }
  const auto makes_whole_patches = [&](std::int64_t side) {
    return side * trained.patch() % trained.size == 0;
  };
  if (!makes_whole_patches(options.height) || !makes_whole_patches(options.width)) {
    raise<ValueError>(
        "--scale-decoder",
        str_cat("--size that makes patches of ", trained.patch(), " pixels at the trained size, ",
                trained.size, ", whole numbers of pixels again"),
        str_cat(options.height, "x", options.width));
  }
  const auto size = static_cast<double>(trained.size);
  return {static_cast<double>(options.height) / size, static_cast<double>(options.width) / size};
}

/// How to draw with a model. Throws ValueError for what it cannot draw.
inline DrawOptions draw_options(const SampleCommand& command, const TrainedModel& trained) {
  if (trained.channels() != 3)
    raise<FileError>("sample", "a model of images with 3 channels", str_cat(trained.channels()));
  DrawOptions options;
  if (!std::isfinite(command.guidance))
    raise<ValueError>("--guidance", "a finite number", str_cat(command.guidance));
  options.guidance.scale = command.guidance;
  if (!command.interval.empty()) {
    if (command.interval.size() != 2)
      raise<ValueError>("--interval", "two times", str_cat(command.interval.size()));
    if (guides_at_all_times(command.solver)) {
      raise<ValueError>("--interval", "a solver other than heun and heun-reuse, which guide at all times",
                        command.solver);
    }
    options.guidance.lower = command.interval[0];
    options.guidance.upper = command.interval[1];
    if (!(command.interval[0] <= command.interval[1])) {
      raise<ValueError>("--interval", "the earlier time first",
                        str_cat(command.interval[0], " to ", command.interval[1]));
    }
  }
  const std::string size = !command.size.empty() ? command.size
                           : trained.size > 0    ? str_cat(trained.size)
                                                 : "";
  if (size.empty()) raise<ValueError>("sample", "--size, which a file of weights does not tell", "none");
  // With a scaled decoder it is the patches that change their size.
  std::tie(options.height, options.width) = parse_size(size, command.scale_decoder ? 1 : trained.patch());
  options.scale = decoder_scale(command, trained, options);
  options.seed = static_cast<std::uint64_t>(command.seed);
  if (command.torch_seed) options.torch_seed = static_cast<std::uint64_t>(*command.torch_seed);
  options.solver = command.solver;
  options.grid =
      TimeGrid(static_cast<int>(command.steps), command.shift.value_or(trained.shift), command.last_step);
  if (!command.trajectory.empty()) options.trajectories = std::min<std::int64_t>(4, command.count);
  if (command.blend) {
    if (!(*command.blend >= 0 && *command.blend <= 1))
      raise<ValueError>("--blend", "a share from 0 to 1", str_cat(*command.blend));
    options.blend = *command.blend;
  }
  return options;
}

inline std::string settings_text(const SampleCommand& command, const DrawOptions& options, double shift) {
  const Guidance& guidance = options.guidance;
  const std::string interval = guides_at_all_times(options.solver)
                                   ? std::string()
                                   : str_cat(", interval ", guidance.lower, " ", guidance.upper);
  const std::string seed =
      command.torch_seed ? str_cat("torch-seed ", *command.torch_seed) : str_cat("seed ", command.seed);
  std::string edits;
  if (options.scale.height != 1 || options.scale.width != 1)
    edits += str_cat(", decoder scale ", options.scale.height, " ", options.scale.width);
  if (options.init) edits += str_cat(", init ", command.init, ", strength ", options.strength);
  if (options.mask) edits += str_cat(", mask ", command.mask);
  if (!options.second.empty())
    edits += str_cat(", blend ", options.blend, " with \"", start_of(*command.blend_with), "\"");
  if (command.last_step) edits += str_cat(", last-step ", *command.last_step);
  return str_cat("solver ", options.solver, ", steps ", command.steps, ", guidance ", guidance.scale,
                 interval, ", shift ", shift, ", ", seed, edits);
}

/// What the images show, row by row.
inline void print_rows(const Labels& labels, std::int64_t columns) {
  std::string row;
  for (std::int64_t i = 0; i < labels.count(); ++i) {
    row += str_cat(row.empty() ? "" : ", ", start_of(labels.names[static_cast<std::size_t>(i)]));
    if ((i + 1) % columns != 0 && i + 1 != labels.count()) continue;
    std::printf("row %-4lld %s\n", static_cast<long long>(i / columns + 1), printable(row).c_str());
    row.clear();
  }
}

/// What a picture says about itself, see `pixnerd info`.
inline PngText picture_texts(const SampleCommand& command, const TrainedModel& trained,
                             const DrawOptions& options, const ChosenLabels& chosen,
                             const std::string& settings, const std::string& precision) {
  PngText out{{"Software", str_cat("pixnerd ", version)}, {"pixnerd", settings}, {"model", trained.path}};
  if (trained.needs_encoder()) out.emplace_back("text-encoder", command.text_encoder);
  if (trained.step > 0) out.emplace_back("step", str_cat(trained.step));
  out.emplace_back("precision", precision);
  out.emplace_back("size", str_cat(options.height, "x", options.width));
  out.emplace_back("count", str_cat(chosen.labels.count()));
  // Each once, in the order of the images.
  std::string names;
  const auto& labels = chosen.labels;
  const std::size_t shown =
      chosen.choices > 0 ? std::min(chosen.choices, labels.names.size()) : labels.names.size();
  for (std::size_t i = 0; i < shown; ++i) names += str_cat(i == 0 ? "" : "\n", labels.names[i]);
  out.emplace_back(trained.text() ? "prompt" : "classes", names);
  if (command.blend_with) out.emplace_back("blend-with", *command.blend_with);
  for (auto& [key, value] : out) value = repair_utf8(value);
  return out;
}

/// Draws with a model of a kind, once all is decided. Nothing when what the options say stopped it.
template <class Family, class Device>
Drawing draw_with(const typename Family::Config& config, const TrainedModel& trained,
                  const std::string& precision, const Labels& labels, const DrawOptions& options) {
  return with_policy<Device>(precision, [&](auto policy) {
    const auto model = load_model<Family, decltype(policy)>(*trained.file, trained.prefix, config);
    const Stopwatch watch;
    Drawing drawing = draw<Device>(model, Family::labels(config), labels.numbers, options);
    drawing.seconds = watch.seconds();
    return drawing;
  });
}

}  // namespace detail

/// Draws what the command asks for and says where it is. Everything that can be wrong is found before the
/// work begins.
template <class Device>
int sample_command(const SampleCommand& command) {
  TrainedModel trained = detail::find_model(command);
  DrawOptions options = detail::draw_options(command, trained);
  const ChosenLabels chosen = choose_labels(command, trained);
  options.second = chosen.second;
  add_editing(command, options);
  const detail::Layout layout(command, options, chosen.choices);
  const std::string precision = precision_of<Device>(command.precision);
  detail::check_drawing_fits(trained, options, command.count, precision, command.where);
  detail::check_picture_paths(command);

  Progress progress;
  std::vector<std::string> notes;
  if (const auto* words = std::get_if<PixnerdWordsConfig>(&trained.config))
    notes = cut_prompts(command, *words, chosen);
  if (trained.needs_encoder()) {
    const auto texts = texts_of(command, chosen);
    notes = encode_texts<Device>(command, precision, texts, progress, trained);
    MemoryPool<Device>::instance().trim();  // the model has tensors of other sizes than the encoder's
  }
  for (auto& note : left_out_prompts(command, chosen)) notes.push_back(std::move(note));
  const Stopwatch watch;
  options.progress = [&](double share) {
    if (progress.due()) {
      const double seconds = watch.seconds();
      progress.show(str_cat("drawing ", std::lround(100 * share), "%, ",
                            duration_text(seconds / share - seconds), " left"));
    }
    return true;
  };
  Drawing drawing = visit_family(trained.config, [&](auto family, const auto& config) {
    return detail::draw_with<decltype(family), Device>(config, trained, precision, chosen.labels, options);
  });
  progress.end_line();

  const std::string settings = detail::settings_text(command, options, command.shift.value_or(trained.shift));
  const auto texts = detail::picture_texts(command, trained, options, chosen, settings, precision);
  write_png(
      command.out,
      picture_of(std::move(drawing.images), static_cast<int>(layout.columns), static_cast<int>(layout.zoom)),
      texts);
  if (!command.trajectory.empty())
    write_png(command.trajectory, detail::trajectory_picture(drawing.trajectories), texts);

  const std::string step = trained.step > 0 ? str_cat(" (step ", trained.step, ")") : "";
  std::printf("model    %s%s\n", trained.path.c_str(), step.c_str());
  if (trained.needs_encoder()) std::printf("encoder  %s\n", command.text_encoder.c_str());
  if (command.size.empty() && trained.size_is_guessed)
    std::printf("size     that of the published model of these sizes; --size takes another\n");
  std::printf("device   %s, precision %s\n", command.where.description.c_str(), precision.c_str());
  std::printf("drawn    %lld images of %lld x %lld in %s s, %s\n", static_cast<long long>(command.count),
              static_cast<long long>(options.height), static_cast<long long>(options.width),
              number_text(drawing.seconds, 2).c_str(), settings.c_str());
  for (const auto& note : notes) std::printf("note     %s\n", note.c_str());
  detail::print_rows(chosen.labels, layout.columns);
  std::printf("picture  %s\n", command.out.c_str());
  if (!command.trajectory.empty()) std::printf("ways     %s\n", command.trajectory.c_str());
  return 0;
}

}  // namespace pixnerd::program
