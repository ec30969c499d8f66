// SPDX-License-Identifier: MIT
/// \file
/// `pixnerd convert`: a safetensors file from a PyTorch checkpoint, or of other precision.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

#include <pixnerd/io/convert_checkpoint.hpp>
#include <pixnerd/io/open_tensor_file.hpp>

#include "commands.hpp"
#include "files/info.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

namespace pixnerd::program {

namespace detail {

/// How the names begin that are to be converted, with the dot.
struct ChosenPrefix {
  std::string prefix;
  std::string why;
};

/// What was asked for; otherwise that of the published averages, of the published weights, or everything.
inline ChosenPrefix choose_prefix(const TensorFile& file, const ConvertCommand& command) {
  const auto holds = [&](const std::string& prefix) {
    for (const auto& entry : file.entries())
      if (entry.name.starts_with(prefix)) return true;
    return false;
  };
  if (command.prefix) {
    const std::string& asked = *command.prefix;
    const bool lacks_dot = !asked.empty() && asked.back() != '.' && holds(asked + ".");
    return {lacks_dot ? asked + "." : asked, "as asked for"};
  }
  if (holds("ema_denoiser.")) return {"ema_denoiser.", "the averaged weights; --prefix takes others"};
  if (holds("denoiser.")) return {"denoiser.", "the model's weights; --prefix takes others"};
  return {"", "all tensors: no name begins with ema_denoiser. or denoiser."};
}

inline StoredPrecision stored_precision(const std::string& name) {
  return name == "float32"    ? StoredPrecision::float32
         : name == "bfloat16" ? StoredPrecision::bfloat16
                              : StoredPrecision::keep;
}

/// Throws ValueError or FileError for a name that must not be written, before the work.
inline void check_converted_path(const ConvertCommand& command) {
  if (!command.out.ends_with(".safetensors"))
    raise<ValueError>("convert", "an output whose name ends in .safetensors", str_cat("'", command.out, "'"));
  std::error_code unknown;
  if (!command.force && std::filesystem::exists(std::filesystem::symlink_status(command.out, unknown))) {
    raise<FileError>("convert", str_cat("no file '", command.out, "' yet, or --force to replace it"),
                     "one that exists");
  }
}

/// Metadata for what comes from a run's checkpoint: how the run was configured, so that `sample --weights`
/// knows sizes, names of classes and how texts are read. Nothing for other files. Throws FileError or
/// ValueError when state.json is damaged.
inline TensorMetadata metadata_of_run(const std::string& file) {
  const auto configuration = configuration_beside(file);
  if (configuration.is_null()) return {};
  return {{configuration_key, configuration.dump()}};
}

}  // namespace detail

/// Converts a file, saying how far it is, and then what it wrote. Ctrl-C leaves nothing behind.
inline int convert(const ConvertCommand& command) {
  detail::check_converted_path(command);
  const auto file = open_tensor_file(command.in);
  const auto chosen = detail::choose_prefix(*file, command);
  const auto configuration = detail::metadata_of_run(command.in);
  const InterruptGuard interrupt;
  Progress progress;
  const Stopwatch watch;
  const auto done = convert_checkpoint(
      *file, command.out, chosen.prefix,
      [&](double share) {
        if (progress.due()) {
          const double seconds = watch.seconds();
          progress.show(str_cat("converting ", std::lround(100 * share), "%, ",
                                duration_text(seconds / share - seconds), " left"));
        }
        return !interrupt.requested();
      },
      detail::stored_precision(command.precision), configuration);
  progress.end_line();
  if (interrupt.requested() && !done.committed) return interrupt.exit_status();

  detail::print_fact("from", command.in);
  detail::print_fact("prefix",
                     str_cat(chosen.prefix.empty() ? "none" : chosen.prefix, " (", chosen.why, ")"));
  std::string types;
  for (const auto& [type, count] : done.types)
    types += str_cat(types.empty() ? "" : ", ", count, " ", type_name(type));
  detail::print_fact("tensors", str_cat(done.tensors, ": ", types));
  detail::print_fact(
      "bytes", str_cat(done.bytes_written, " (", detail::bytes_text(static_cast<double>(done.bytes_written)),
                       "), in ", number_text(watch.seconds(), 2), " s"));
  detail::print_fact("file", command.out);
  return 0;
}

}  // namespace pixnerd::program
