// SPDX-License-Identifier: MIT
/// \file
/// `pixnerd info`: what this program, a run or a file is.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/core/version.hpp>
#include <pixnerd/image/png_text.hpp>
#include <pixnerd/io/finite.hpp>
#include <pixnerd/io/open_tensor_file.hpp>
#include <pixnerd/ops/cpu/product.hpp>
#include <pixnerd/train/checkpoint_retention.hpp>

#include "commands.hpp"
#include "device_choice.hpp"
#include "files/trained_model.hpp"
#include "host_memory.hpp"
#include "progress.hpp"

namespace pixnerd::program {

namespace detail {

inline void print_fact(const std::string& name, const std::string& value) {
  std::printf("%-16s %s\n", printable(name).c_str(), printable(value).c_str());
}

/// The same of a text of several lines, below each other.
inline void print_lines(const std::string& name, std::string_view value) {
  for (bool first = true; first || !value.empty(); first = false) {
    const auto end = std::min(value.find('\n'), value.size());
    print_fact(first ? name : "", std::string(value.substr(0, end)));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

/// "1.5 GiB".
inline std::string bytes_text(double bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(units)) {
    bytes /= 1024;
    ++unit;
  }
  char out[48];
  std::snprintf(out, sizeof out, "%.4g %s", bytes, units[unit]);
  return out;
}

/// What the program was compiled for; the processor must have it.
inline std::string instruction_set_text() {
  constexpr const char* names[] = {"SSE2 or the like (slow: build with -march=native)", "AVX", "AVX2 and FMA",
                                   "AVX-512"};
  return names[pixnerd::detail::instruction_set];
}

/// Prints one setting a line.
struct SettingPrinter {
  void section(const char*) {}
  template <class T, class... Rest>
  void operator()(const char* name, const T& value, const Rest&...) {
    print_fact(str_cat("  ", name), str_cat(value));
  }
};

/// How much of a GPU's memory is free, or why that cannot be said: others may use it alone.
inline std::string free_memory_text(int gpu) {
  try {
    return str_cat(bytes_text(free_gpu_memory(gpu)), " of it free");
  } catch (const Error& error) {
    return str_cat("not usable now (", error.what(), ")");
  }
}

/// Which GPUs there is code for, and which there are.
inline void print_cuda(const CudaSupport& cuda) {
  if (!cuda.compiled_in) {
    print_fact("CUDA", "none: this program was built without CUDA code");
    return;
  }
  std::string capabilities;
  for (const int architecture : cuda.architectures)
    capabilities += str_cat(capabilities.empty() ? "" : ", ", capability_text(architecture));
  print_fact("CUDA", str_cat("code by nvcc ", cuda.compiler, " for compute capability ", capabilities));
  if (cuda.gpus.empty()) print_fact("GPUs", "none, or no driver for them");
  for (std::size_t i = 0; i < cuda.gpus.size(); ++i) {
    const Gpu& gpu = cuda.gpus[i];
    const std::string problem = gpu_problem(cuda, gpu);
    print_fact(str_cat(Cuda::name, ":", i),
               str_cat(gpu.name, ", ", bytes_text(gpu.memory), ", ", free_memory_text(static_cast<int>(i)),
                       ", compute capability ", capability_text(gpu.capability), ", ", gpu.multiprocessors,
                       " multiprocessors", problem.empty() ? "" : ": too old for this program"));
  }
}

inline void print_program() {
  print_fact("version", str_cat("pixnerd ", version));
  print_fact("instructions", instruction_set_text());
  print_fact("threads", str_cat(thread_count()));
  const double memory = host_memory();
  const double free =
      static_cast<double>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  print_fact("memory", str_cat(bytes_text(memory), ", ", bytes_text(std::min(memory, free)), " of it free"));
  print_cuda(cuda_support());
}

/// Sizes that both kinds of models have.
template <class Config>
void print_sizes(const Config& config) {
  print_fact("  patch", str_cat(config.patch));
  print_fact("  channels", str_cat(config.channels));
  print_fact("  width", str_cat(config.width));
  print_fact("  heads", str_cat(config.heads));
  print_fact("  depth", str_cat(config.depth));
  print_fact("  field-depth", str_cat(config.decoder.depth));
  print_fact("  field-features", str_cat(config.decoder.features));
  print_fact("  field-ratio", str_cat(config.decoder.ratio));
}

/// Throws FileError when what a file holds under a prefix is no model.
inline void print_model(const TensorFile& file, const std::string& prefix) {
  const AnyModelConfig any = any_config_of(file, prefix, {.word_parts = 1});
  if (const auto* config = std::get_if<PixnerdC2iConfig>(&any)) {
    print_fact("model", str_cat("class-conditional PixNerd, ", parameter_count_of<PixnerdClasses>(*config),
                                " parameters"));
    print_sizes(*config);
    print_fact("  classes", str_cat(config->classes));
    return;
  }
  std::int64_t parameters = 0, rows = 0;
  PixnerdT2iConfig config;
  if (const auto* words = std::get_if<PixnerdWordsConfig>(&any)) {
    config = *words;
    parameters = parameter_count_of<PixnerdWords>(*words);
    rows = words->word_ids.rows;
  } else {
    config = std::get<PixnerdEncodedTextConfig>(any);
    auto shapes = Initializer::shapes_only();
    parameters = parameter_count(PixnerdT2i<On<Cpu>>(config, shapes));
  }
  print_fact("model", str_cat("text-to-image PixNerd, ", parameters, " parameters"));
  print_sizes(config);
  print_fact("  text-depth", str_cat(config.text_depth));
  print_fact("  text-width", str_cat(config.text_width));
  print_fact("  text-tokens", str_cat(config.text_tokens));
  print_fact("  text from",
             rows > 0 ? str_cat("words learned with it, in ", rows, " rows") : "a text encoder");
}

inline bool is_png(const std::string& path) {
  const InputFile file(path);
  std::array<std::uint8_t, png_signature.size()> first{};
  if (file.size() < first.size()) return false;
  file.read_at(0, first);
  return first == png_signature;
}

inline void print_tensors(const TensorFile& file) {
  std::int64_t elements = 0;
  std::uint64_t bytes = 0;
  for (const auto& entry : file.entries()) {
    elements += entry.shape.count();
    bytes += entry.bytes;
  }
  print_fact("tensors", str_cat(file.entries().size(), " with ", elements, " elements, ",
                                bytes_text(static_cast<double>(bytes)), ", in ", file.path()));
  for (const auto& entry : file.entries()) {
    std::printf("  %-52s %-5s %s\n", printable(entry.name).c_str(),
                std::string(type_name(entry.type)).c_str(), entry.shape.string().c_str());
  }
}

inline void print_run(const std::string& run) {
  std::vector<std::string> damaged;
  const std::string folder = find_checkpoint(run, damaged);
  const TrainState state = read_train_state(folder + "/state.json");
  const auto configuration = configuration_from_json(state.configuration, folder + "/state.json");
  const BestCheckpoint best = folder == run ? BestCheckpoint{} : best_checkpoint(run);
  const SafetensorsFile weights(folder + "/model.safetensors");
  for (const auto& problem : damaged) print_fact("damaged", problem);
  print_fact("checkpoint", folder);
  print_fact("step",
             str_cat(state.step, " of ", configuration.settings.steps, ", ", state.samples, " images seen"));
  if (state.skipped > 0)
    print_fact("skipped", str_cat(state.skipped, " steps whose gradients were outliers"));
  if (!state.score.measure.empty()) print_fact("score", str_cat(state.score.measure, " ", state.score.value));
  if (best.step >= 0) {
    print_fact("best",
               str_cat(checkpoint_path(run, best.step), ", ", best.score.measure, " ", best.score.value));
  }
  print_model(weights, "");
  print_fact("settings", "");
  TrainSettings::visit(configuration.settings, SettingPrinter{});
  SavingOptions::visit(configuration.saving, SettingPrinter{});
  if (!configuration.settings.text) {
    print_fact("classes", str_cat(configuration.classes.size()));
    for (std::size_t i = 0; i < configuration.classes.size(); ++i)
      print_fact(str_cat("  ", i), configuration.classes[i]);
  }
  print_tensors(weights);
}

/// Throws NonFiniteError when a tensor holds NaN or infinity, FileError when one cannot be read.
inline void check_tensors(const TensorFile& file) {
  if (const auto found = first_non_finite(file)) {
    raise<NonFiniteError>("info", str_cat("finite numbers in '", file.path(), "'"),
                          str_cat(found->value, " as element ", found->index, " of tensor ",
                                  pixnerd::detail::describe(file.entry(found->name))));
  }
  print_fact("checked", "every tensor can be read, all numbers are finite");
}

/// What a PNG says beside its pixels, `pixnerd sample` having written it or somebody else.
inline void print_image(const std::string& path) {
  const auto bytes = read_file(path, max_image_file_bytes);
  const Image image = decode_png(bytes, path);
  print_fact("image", str_cat(image.width, " x ", image.height, " pixels (width x height), ", path));
  const PngText texts = png_texts(bytes, path);
  for (const auto& [key, value] : texts) print_lines(key, value);
  if (texts.empty()) print_fact("texts", "none");
}

inline void print_file(const std::string& path, bool check) {
  if (is_png(path)) {
    print_image(path);
    return;
  }
  const auto file = open_tensor_file(path);
  for (const auto& prefix : model_prefixes(*file)) {
    if (!prefix.empty()) print_fact("prefix", prefix);
    try {
      print_model(*file, prefix);
    } catch (const Error& error) {
      print_fact("model", str_cat("unknown: ", error.what()));
    }
  }
  for (const auto& [key, value] : file->metadata()) print_fact("metadata", str_cat(key, ": ", value));
  print_tensors(*file);
  if (check) check_tensors(*file);
}

}  // namespace detail

/// Prints facts, one a line.
inline int info(const InfoCommand& command) {
  if (!command.run.empty()) {
    detail::print_run(command.run);
  } else if (!command.file.empty()) {
    detail::print_file(command.file, command.check);
  } else {
    detail::print_program();
  }
  return 0;
}

}  // namespace pixnerd::program
