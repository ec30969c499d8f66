// SPDX-License-Identifier: MIT
/// \file
/// What the user asked for: one struct for each command, filled from the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "train/settings.hpp"

namespace pixnerd::program {

/// Where and with how much of the machine a command runs. No result depends on the number of threads.
struct DeviceChoice {
  std::string device = "auto";
  int threads = 0;  ///< 0: all that this process may use

  // Filled in by choose_device().
  bool on_gpu = false;
  std::string description;   ///< which device, and why
  double memory = 0;         ///< of the device, bytes
  std::string memory_owner;  ///< whose memory that is
};

struct TrainCommand {
  TrainSettings settings;
  SavingOptions saving;
  std::set<std::string> given;  ///< names of the settings and saving options on the command line
  double minutes = 0;           ///< how long to train where no steps are given
  std::string run;              ///< folder
  bool resume = false;
  std::int64_t replay = 0;  ///< a step to look at in place of training; 0: none
  DeviceChoice where;
};

struct SampleCommand {
  std::string run;           ///< a run's folder …
  std::string weights;       ///< … or a file
  std::string text_encoder;  ///< folder of a Qwen3, for models that take its features
  bool ema = true;
  std::vector<std::string> classes;  ///< names or numbers; empty: all of them
  std::vector<std::string> prompts;  ///< texts, in turn
  std::string prompt_file;           ///< more of them, one a line
  std::int64_t count = 16;
  std::int64_t steps = 50;
  std::string solver = "euler";
  double guidance = 2.5;
  std::vector<double> interval;  ///< two times; empty: 0.1 and 1, or all times where the solver demands it
  std::optional<double> shift;   ///< none: the run's, or 1
  std::optional<double> last_step;
  std::int64_t seed = 0;
  std::optional<std::int64_t> torch_seed;  ///< instead: of PyTorch's noise
  std::string size;                        ///< "64" or "48x64", height first; empty: as trained
  bool scale_decoder = false;              ///< reaches the size with the tokens of the trained one
  std::string init;                        ///< an image to start from
  std::optional<double> strength;          ///< of what is changed in it; none: 0.6, or 1 with a mask
  std::string mask;                        ///< an image, white where it is drawn anew
  std::optional<std::string> blend_with;   ///< a class or a prompt
  std::optional<double> blend;             ///< share of that; none: 0.5
  std::string out = "samples.png";
  std::int64_t columns = 0;  ///< 0: chosen
  std::int64_t zoom = 0;     ///< 0: chosen
  std::string trajectory;    ///< empty: none
  std::string precision = "auto";
  DeviceChoice where;
};

struct VerifyCommand {
  std::vector<std::string> files;
  std::string precision = "full";
  DeviceChoice where;
};

struct ConvertCommand {
  std::string in, out;
  std::optional<std::string> prefix;  ///< none: chosen
  std::string precision = "keep";     ///< "float32", "bfloat16" or "keep"
  bool force = false;                 ///< replaces a file
};

struct InfoCommand {
  std::string run;
  std::string file;
  bool check = false;  ///< reads all numbers of the file and refuses NaN and infinity
};

using Command = std::variant<TrainCommand, SampleCommand, VerifyCommand, ConvertCommand, InfoCommand>;

}  // namespace pixnerd::program
