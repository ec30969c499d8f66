// SPDX-License-Identifier: MIT
/// \file
/// The options of every command, and the help that explains them.
#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <cmath>
#include <concepts>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <pixnerd/core/version.hpp>
#include <pixnerd/sampling/solver_names.hpp>

#include "help_formatter.hpp"

namespace pixnerd::program {

namespace {

constexpr int most = 1'000'000'000;

/// Adds options to a group of a command.
struct OptionGroup {
  CLI::App* app;
  std::string title;

  /// `kind` stands for the value in the help, which also shows the default unless `help` speaks of it.
  template <class T>
  CLI::Option* add(const std::string& name, T& value, const std::string& kind, const std::string& help) {
    auto* option = app->add_option(name, value, help)->group(title)->type_name(kind);
    if (help.find("default") == help.npos) option->capture_default_str();
    return option;
  }
  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help) {
    return app->add_flag(name, value, help)->group(title)->type_name("");
  }
};

/// Registers a TrainSettings. Its ranges are checked by check_settings(), wherever settings come from.
struct SettingOptions {
  OptionGroup group;

  void section(const char* title) { group.title = title; }

  void operator()(const char* name, std::string& value, const char* help) {
    group.add(str_cat("--", name), value, "NAME", help);
  }
  void operator()(const char* name, bool& value, const char* help) {
    group.add_flag(str_cat("--", name, ",!--no-", name), value, help);
  }
  template <class T, class Low, class High>
    requires std::is_arithmetic_v<T>
  void operator()(const char* name, T& value, const char* help, Low, High) {
    group.add(str_cat("--", name), value, std::floating_point<T> ? "X" : "N", help);
  }
  template <class... More>
  void operator()(const char* name, std::string& value, const char* help, const char* first,
                  const More*... more) {
    group.add(str_cat("--", name), value, str_cat(first, str_cat("|", more)...), help);
  }
};

/// Finds out which settings were given.
struct GivenSettings {
  const CLI::App& app;
  std::set<std::string>& given;

  void section(const char*) {}
  template <class... Rest>
  void operator()(const char* name, const Rest&...) {
    if (app.count(str_cat("--", name)) > 0) given.insert(name);
  }
};

void add_machine(CLI::App* app, DeviceChoice& choice) {
  OptionGroup group{app, "Machine"};
  group.add("--device", choice.device, "NAME", "auto, cpu, cuda or cuda:N; auto: a GPU if there is one");
  group.add("--threads", choice.threads, "N", "default: all available processors")
      ->check(CLI::Range(1, 1024));
}

CLI::App* add_train(CLI::App& app, TrainCommand& command) {
  CLI::App* train = app.add_subcommand("train", "Train a model on images");
  TrainSettings::visit(command.settings, SettingOptions{{train, ""}});
  for (const char* name : {"--start-from", "--repa"}) train->get_option(name)->type_name("FILE");
  OptionGroup training{train, "Training"};
  training
      .add("--minutes", command.minutes, "M",
           "instead of --steps: times 20 of them and trains as many as fit; default: 5")
      ->check(CLI::Range(1e-3, 1e6))
      ->excludes(train->get_option("--steps"));

  OptionGroup run{train, "Run"};
  const auto count = CLI::Range(0, most);
  run.add("--run", command.run, "DIR", "output folder of the run; default: runs/NAME of the data");
  run.add_flag("--resume", command.resume, "continue the run in that folder");
  run.add("--checkpoint-every", command.saving.checkpoint_every, "N", "steps; 0: only at the end")
      ->check(count);
  run.add("--keep", command.saving.keep, "N", "newest checkpoints to keep, and the best one")
      ->check(CLI::Range(1, most));
  run.add("--sample-every", command.saving.sample_every, "N",
          "steps between pictures of samples; 0: only at the end")
      ->check(count);
  run.add(
         "--replay", command.replay, "N",
         "rerun and inspect step N: trains up to it, with --resume from the checkpoint before it, prints its "
         "samples, activations and gradients, and writes no files")
      ->check(CLI::Range(1, most));
  add_machine(train, command.where);
  train->footer(
      "The run's folder gets metrics.csv, loss.png, samples.png and checkpoints step-N. Ctrl-C finishes the\n"
      "step, saves a checkpoint and stops. --resume continues from there, with the options of the run "
      "unless\n"
      "others are given, and gives the results of an uninterrupted run. --resume with more --steps makes a\n"
      "finished run longer.\n\n"
      "Checkpoints are compared by the loss of the EMA weights on up to 64 fixed images; the best one is\n"
      "never removed (pixnerd info --run DIR names it). They are saved in the background.\n\n"
      "Small data sets such as emoji give clearer pictures with --batch 16 --no-flip: more steps, and no\n"
      "mirrored shapes to learn.\n\n"
      "Examples:\n"
      "  pixnerd train --data emoji --batch 16 --no-flip          five minutes on emoji, into runs/emoji\n"
      "  pixnerd train --data emoji --groups 'Animals & Nature' --steps 2000 --run runs/animals\n"
      "  pixnerd train --data photos --size 64 --width 384 --depth 12 --minutes 600\n"
      "                                                           photos/cat/1.jpg, photos/dog/2.png ...\n"
      "  pixnerd train --data photos --start-from epoch.ckpt --lr 1e-4 --steps 10000\n"
      "                                                           fine-tune a published model\n"
      "  pixnerd train --data emoji --text --no-flip --minutes 60 --run runs/text\n"
      "                                                           on their names: sample --prompt 'red "
      "heart'\n"
      "  pixnerd train --resume --run runs/emoji                  continue runs/emoji");
  return train;
}

CLI::App* add_sample(CLI::App& app, SampleCommand& command) {
  CLI::App* sample = app.add_subcommand("sample", "Draw images with a trained model");
  OptionGroup model{sample, "Model"};
  auto* run = model.add("--run", command.run, "DIR", "folder of a run; its newest checkpoint is used");
  model
      .add("--weights", command.weights, "FILE",
           "or a safetensors file or PyTorch checkpoint; without either, --prompt uses the small emoji model "
           "that "
           "comes with the program")
      ->excludes(run);
  model.add("--text-encoder", command.text_encoder, "DIR",
            "for published text-to-image models: a folder with Qwen3-1.7B from Hugging Face: config.json, "
            "model*.safetensors, tokenizer.json, tokenizer_config.json");
  model.add_flag("--ema,!--no-ema", command.ema, "use the EMA weights (the default), or the raw ones");

  OptionGroup what{sample, "What to draw"};
  what.add("--classes", command.classes, "NAME,...", "names or numbers; default: all classes in turn")
      ->delimiter(',')
      ->take_all();
  what.add("--prompt", command.prompts, "TEXT", "for text-to-image models; may be repeated")
      ->take_all()
      ->allow_extra_args(false)
      ->default_str("");
  what.add("--prompts", command.prompt_file, "FILE", "a file with more prompts, one per line");
  what.add("--count", command.count, "N", "number of images; classes and prompts take turns")
      ->check(CLI::Range(1, 100'000));
  what.add("--size", command.size, "HxW",
           "N or HxW in pixels, multiples of the patch unless with --scale-decoder; default: as trained");
  what.add_flag("--scale-decoder", command.scale_decoder,
                "for text-to-image models: reach --size with the number of tokens of the trained size, each "
                "decoded as a "
                "larger or smaller patch");
  auto* seed =
      what.add("--seed", command.seed, "N", "of the noise; image i depends on it and i, not on the count")
          ->check(CLI::Range(std::int64_t{0}, most_seed));
  what.add("--torch-seed", command.torch_seed, "N",
           "instead of --seed: the initial noise is what PyTorch's CPU generator draws for all images after "
           "manual_seed(N), as in the published code")
      ->check(CLI::Range(std::int64_t{0}, most_seed))
      ->excludes(seed);

  OptionGroup edit{sample, "Editing"};
  auto* init = edit.add("--init", command.init, "FILE", "an image to edit, cropped to the size")
                   ->excludes(what.app->get_option("--torch-seed"));
  edit.add("--strength", command.strength, "X",
           "how much of it to change, above 0 to 1 (all of it); default: 0.6, or 1 with --mask")
      ->needs(init);
  edit.add(
          "--mask", command.mask, "FILE",
          "inpainting: white where that image is drawn anew, black where it stays; of its size, or of --size")
      ->needs(init);
  auto* with = edit.add("--blend-with", command.blend_with, "NAME", "another class or prompt to mix in");
  edit.add("--blend", command.blend, "X", "its share, from 0 to 1; default: 0.5")->needs(with);

  OptionGroup how{sample, "How"};
  how.add("--steps", command.steps, "N", "solver steps; more are slower and more accurate")
      ->check(CLI::Range(1, 100'000));
  how.add(
         "--solver", command.solver, "NAME",
         "euler, heun (two evaluations per step), heun-reuse, adams2, adams3, adams4, or sde (noise in every "
         "step)")
      ->check(CLI::IsMember(std::vector<std::string>(solver_names.begin(), solver_names.end())));
  how.add("--guidance", command.guidance, "X", "scale of classifier-free guidance; 1: none");
  how.add("--interval", command.interval, "LOW HIGH",
          "guide only between these times, from 0 (noise) to 1 (image); default: 0.1 1; heun and heun-reuse "
          "guide "
          "at all times")
      ->expected(2)
      ->take_all();
  how.add("--shift", command.shift, "X",
          "of the times: above 1 more steps near the noise; default: the run's, or 1 if unknown");
  how.add("--last-step", command.last_step, "X", "width of the last step; default: 1 / steps");
  how.add("--precision", command.precision, "auto|full|mixed", precision_help)
      ->check(CLI::IsMember({"auto", "full", "mixed"}));

  OptionGroup output{sample, "Output"};
  output.add("--out", command.out, "FILE.png", "all images in a grid");
  output
      .add("--columns", command.columns, "N",
           "of the grid; default: one per class or prompt, or about a square")
      ->check(CLI::Range(1, 10'000));
  output.add("--zoom", command.zoom, "N", "show each pixel as N x N; default: small images are enlarged")
      ->check(CLI::Range(1, 64));
  output.add("--trajectory", command.trajectory, "FILE.png",
             "another picture: some images at every stage from the noise on");
  add_machine(sample, command.where);
  sample->footer(
      "Examples:\n"
      "  pixnerd sample --prompt 'smiling face with sunglasses'       with the bundled model\n"
      "  pixnerd sample --run runs/emoji                              16 images, classes spread over all\n"
      "  pixnerd sample --run runs/emoji --classes cat-face,3 --count 8\n"
      "  pixnerd sample --run runs/emoji --size 64x96 --solver adams2 --steps 25 --trajectory way.png\n"
      "  pixnerd sample --run runs/text --prompt 'a red heart' --prompt 'cat face' --guidance 4 --count 8\n"
      "  pixnerd sample --run runs/text --prompt 'a red heart' --size 64 --scale-decoder\n"
      "  pixnerd sample --run runs/emoji --classes cat-face --init cat.png --strength 0.5\n"
      "  pixnerd sample --run runs/emoji --classes cat-face --blend-with face-smiling --blend 0.3\n"
      "  pixnerd sample --weights epoch.ckpt --classes 207 --torch-seed 42 --guidance 3.5 --steps 100\n"
      "  pixnerd sample --weights t2i.ckpt --text-encoder Qwen3-1.7B --prompt 'a photo of a cat' --count 4\n"
      "    --solver adams2 --steps 25 --guidance 4 --interval 0 1 --shift 3 --size 768 --scale-decoder\n"
      "  pixnerd info --run runs/emoji                                lists the classes");
  return sample;
}

CLI::App* add_verify(CLI::App& app, VerifyCommand& command) {
  CLI::App* verify = app.add_subcommand("verify", "Compare the library with files of another implementation");
  verify
      ->add_option("files", command.files, "inputs, weights and expected results; or texts and their tokens")
      ->type_name("FILE")
      ->take_all()
      ->required();
  verify->add_option("--precision", command.precision, "float32, or bfloat16 inside the model")
      ->type_name("full|mixed")
      ->capture_default_str()
      ->check(CLI::IsMember({"full", "mixed"}));
  add_machine(verify, command.where);
  verify->footer(
      "Prints a row for each file: the error |ours - theirs| / |theirs| (L2 norms) of its worst tensor, the\n"
      "tolerance, pass or FAIL. Exits with status 1 if any fails. Kinds of files, which are recognized:\n"
      "  c2i, t2i        the class-conditional and the text-to-image model: forward pass and gradients\n"
      "  samplers        trajectories of the solvers, with guidance\n"
      "  training_repa   a training with REPA: losses, gradients, weights, averages\n"
      "  dinov2          features of DINOv2, the encoder of REPA\n"
      "  interpolate     images of other sizes, as that encoder needs them\n"
      "  qwen3           hidden states of Qwen3, the text encoder\n"
      "  tokens          a .json of texts and their ids, with its tokenizer.json beside it; the error is\n"
      "                  the number of wrong ids\n\n"
      "Examples:\n"
      "  pixnerd verify tests/fixtures/c2i_*.safetensors tests/fixtures/samplers.safetensors\n"
      "  pixnerd verify tests/fixtures/tokenizer/tokens.json");
  return verify;
}

CLI::App* add_convert(CLI::App& app, ConvertCommand& command) {
  CLI::App* convert = app.add_subcommand("convert", "Convert a PyTorch checkpoint to a safetensors file");
  convert->add_option("in", command.in, "a file written by torch.save, or a safetensors file")
      ->type_name("IN")
      ->required();
  convert->add_option("out", command.out, "the new file")->type_name("OUT.safetensors")->required();
  OptionGroup what{convert, "What to convert"};
  what.add("--prefix", command.prefix, "NAME",
           "only tensors whose names begin with it, which is removed from them; default: ema_denoiser. or "
           "denoiser. if there are such, otherwise all");
  what.add("--precision", command.precision, "float32|bfloat16|keep", "of floating-point tensors")
      ->check(CLI::IsMember({"float32", "bfloat16", "keep"}));
  what.add_flag("--force", command.force, "overwrite an existing file");
  convert->footer(
      "Needs no Python and never runs code from a checkpoint: it accepts only tensors, numbers, strings, "
      "lists\n"
      "and dictionaries. It holds one tensor in memory at a time.\n\n"
      "Examples:\n"
      "  pixnerd convert epoch.ckpt model.safetensors\n"
      "  pixnerd convert epoch.ckpt last.safetensors --prefix denoiser. --precision bfloat16");
  return convert;
}

void add_info(CLI::App& app, InfoCommand& command) {
  CLI::App* info = app.add_subcommand("info", "Describe this program, a run or a file");
  auto* run = info->add_option("--run", command.run, "folder of a run")->type_name("DIR");
  auto* file = info->add_option("file", command.file,
                                "a safetensors file, a PyTorch checkpoint, or a PNG made by sample")
                   ->type_name("FILE");
  file->excludes(run);
  info->add_flag("--check", command.check, "read the whole file, fail on NaN or infinity")
      ->type_name("")
      ->needs(file);
  info->footer(
      "Examples:\n"
      "  pixnerd info                      version, devices, instruction set, processors, memory\n"
      "  pixnerd info --run runs/emoji     settings, steps done, classes, tensors\n"
      "  pixnerd info --check epoch.ckpt   sizes of its models, tensors, whether all numbers are finite\n"
      "  pixnerd info samples.png          prompts, seed, model and settings of a picture");
}

}  // namespace

std::optional<Command> parse_command_line(int count, const char* const* arguments, int& exit_code) {
  CLI::App app(
      "Pixel neural field diffusion: trains image generators that work in pixel space, and samples from "
      "them.",
      "pixnerd");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", str_cat("pixnerd ", version), "the version");
  app.set_help_flag("-h,--help", "this text; each command has its own");
  app.require_subcommand(1);
  app.option_defaults()->take_last();  // of an option given twice; commands inherit it
  app.footer(
      "Start here:\n"
      "  pixnerd sample --prompt 'smiling cat face'         draws with the bundled model\n"
      "  pixnerd train --data emoji --batch 16 --no-flip    trains for five minutes\n"
      "  pixnerd sample --run runs/emoji                    draws with the trained model\n"
      "  pixnerd train --help                               explains every option");

  TrainCommand train_command;
  SampleCommand sample_command;
  VerifyCommand verify_command;
  ConvertCommand convert_command;
  InfoCommand info_command;
  CLI::App* const train = add_train(app, train_command);
  CLI::App* const sample = add_sample(app, sample_command);
  CLI::App* const verify = add_verify(app, verify_command);
  CLI::App* const convert = add_convert(app, convert_command);
  add_info(app, info_command);

  const auto refuse = [&](const std::string& problem) {
    std::string command = "pixnerd";
    for (const auto* parsed : app.get_subcommands()) command += " " + parsed->get_name();
    std::fprintf(stderr, "pixnerd: %s (see %s --help)\n", problem.c_str(), command.c_str());
    exit_code = 2;
    return std::nullopt;
  };
  exit_code = 0;
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);  // prints the help or the version
      return std::nullopt;
    }
    // An unknown word is the likelier mistake than what is missing beside it.
    const auto unknown = app.remaining(true);
    return refuse(unknown.empty() ? error.what() : "unknown argument " + unknown.front());
  }
  if (train->parsed()) {
    if (train_command.settings.data.empty() && !train_command.resume) return refuse("--data is required");
    if (std::isnan(train_command.minutes)) return refuse("--minutes: expected a number, got nan");
    TrainSettings::visit(train_command.settings, GivenSettings{*train, train_command.given});
    SavingOptions::visit(train_command.saving, GivenSettings{*train, train_command.given});
    const std::string& data = train_command.settings.data;
    for (const char* name : {"groups", "skin-tones"}) {
      if (train_command.given.contains(name) && !data.empty() && data != "emoji")
        return refuse(str_cat("--", name, " is for --data emoji only"));
    }
    for (const char* name : {"words", "word-rows", "word-parts", "text-depth"}) {
      if (train_command.given.contains(name) && !train_command.settings.text && !train_command.resume)
        return refuse(str_cat("--", name, " is for --text only"));
    }
    for (const char* name : {"repa-weight", "repa-block"}) {
      if (train_command.given.contains(name) && train_command.settings.repa.empty() && !train_command.resume)
        return refuse(str_cat("--", name, " requires --repa"));
    }
    return train_command;
  }
  if (sample->parsed()) return sample_command;
  if (verify->parsed()) return verify_command;
  if (convert->parsed()) return convert_command;
  return info_command;
}

}  // namespace pixnerd::program
