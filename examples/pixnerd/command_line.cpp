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
  group.add("--device", choice.device, "NAME",
            "auto, cpu, cuda or cuda:N; auto takes a GPU where there is one");
  group.add("--threads", choice.threads, "N", "default: every processor that it may use")
      ->check(CLI::Range(1, 1024));
}

CLI::App* add_train(CLI::App& app, TrainCommand& command) {
  CLI::App* train = app.add_subcommand("train", "Train a model on images");
  TrainSettings::visit(command.settings, SettingOptions{{train, ""}});
  for (const char* name : {"--start-from", "--repa"}) train->get_option(name)->type_name("FILE");
  OptionGroup training{train, "Training"};
  training
      .add("--minutes", command.minutes, "M",
           "instead of steps: measures 20 of them and does as many as fit into the time; default: 5")
      ->check(CLI::Range(1e-3, 1e6))
      ->excludes(train->get_option("--steps"));

  OptionGroup run{train, "Run"};
  const auto count = CLI::Range(0, most);
  run.add("--run", command.run, "DIR", "for all that the run writes; default: runs/ and the data's name");
  run.add_flag("--resume", command.resume, "go on with the run in that folder");
  run.add("--checkpoint-every", command.saving.checkpoint_every, "N", "steps; 0: only at the end")
      ->check(count);
  run.add("--keep", command.saving.keep, "N", "checkpoints, the newest ones; the best one stays besides")
      ->check(CLI::Range(1, most));
  run.add("--sample-every", command.saving.sample_every, "N",
          "steps between pictures of samples; 0: only at the end")
      ->check(count);
  run.add(
         "--replay", command.replay, "N",
         "look at step N: trains up to it from the checkpoint before it, or from the start without --resume, "
         "prints its samples, activations and gradients, and writes nothing")
      ->check(CLI::Range(1, most));
  add_machine(train, command.where);
  train->footer(
      "The run's folder then holds metrics.csv, loss.png, samples.png and checkpoints step-N. Ctrl-C "
      "finishes\n"
      "the step, saves a checkpoint and stops; --resume goes on from there and gives what an uninterrupted\n"
      "run would have given, with the options of the run where others are not given. --resume with more\n"
      "--steps makes a finished run longer.\n\n"
      "Checkpoints are compared by the loss of the averaged weights on up to 64 fixed images; the best one "
      "is\n"
      "never removed (pixnerd info --run DIR names it). They are written while training goes on.\n\n"
      "Small data sets such as emoji give clearer pictures with --batch 16 --no-flip: more steps, and no\n"
      "mirrored shapes to learn.\n\n"
      "Examples:\n"
      "  pixnerd train --data emoji --batch 16 --no-flip          five minutes on emoji, into runs/emoji\n"
      "  pixnerd train --data emoji --groups 'Animals & Nature' --steps 2000 --run runs/animals\n"
      "  pixnerd train --data photos --size 64 --width 384 --depth 12 --minutes 600\n"
      "                                                           photos/cat/1.jpg, photos/dog/2.png ...\n"
      "  pixnerd train --data photos --start-from epoch.ckpt --lr 1e-4 --steps 10000\n"
      "                                                           a published model learns other images\n"
      "  pixnerd train --data emoji --text --no-flip --minutes 60 --run runs/text\n"
      "                                                           from their names: sample --prompt 'red "
      "heart'\n"
      "  pixnerd train --resume --run runs/emoji                  go on with runs/emoji");
  return train;
}

CLI::App* add_sample(CLI::App& app, SampleCommand& command) {
  CLI::App* sample = app.add_subcommand("sample", "Draw images with a trained model");
  OptionGroup model{sample, "Model"};
  auto* run = model.add("--run", command.run, "DIR", "folder of a run, whose newest checkpoint is used");
  model
      .add("--weights", command.weights, "FILE",
           "or a model's safetensors file or PyTorch checkpoint; without either, prompts are drawn by the "
           "small model of "
           "emoji that comes with the program")
      ->excludes(run);
  model.add(
      "--text-encoder", command.text_encoder, "DIR",
      "for published text-to-image models: a folder with Qwen3-1.7B as Hugging Face has it, config.json, "
      "model*.safetensors, tokenizer.json, tokenizer_config.json");
  model.add_flag("--ema,!--no-ema", command.ema, "use the averaged weights (the default), or the last ones");

  OptionGroup what{sample, "What to draw"};
  what.add("--classes", command.classes, "NAME,...", "names or numbers; default: all classes in turn")
      ->delimiter(',')
      ->take_all();
  what.add("--prompt", command.prompts, "TEXT", "for text-to-image models; may be given several times")
      ->take_all()
      ->allow_extra_args(false)
      ->default_str("");
  what.add("--prompts", command.prompt_file, "FILE", "more of them, one a line");
  what.add("--count", command.count, "N", "images; classes and prompts take turns")
      ->check(CLI::Range(1, 100'000));
  what.add("--size", command.size, "HxW",
           "N or HxW, pixels, multiples of the patch but with --scale-decoder; default: as trained");
  what.add_flag(
      "--scale-decoder", command.scale_decoder,
      "for text-to-image models: reach another --size than the trained one with as many tokens, each decoded "
      "as a larger or smaller patch, not with more or fewer of them");
  auto* seed =
      what.add("--seed", command.seed, "N", "of the noise; image i depends on it and i, not on the count")
          ->check(CLI::Range(std::int64_t{0}, most_seed));
  what.add("--torch-seed", command.torch_seed, "N",
           "instead: starts from the noise that PyTorch's CPU generator draws for all images after "
           "manual_seed(N), as the published programs do")
      ->check(CLI::Range(std::int64_t{0}, most_seed))
      ->excludes(seed);

  OptionGroup edit{sample, "Editing"};
  auto* init = edit.add("--init", command.init, "FILE", "an image to start from, cropped to the size")
                   ->excludes(what.app->get_option("--torch-seed"));
  edit.add("--strength", command.strength, "X",
           "how much of it is given up, from 0 to 1 (all of it); default: 0.6, or 1 with --mask")
      ->needs(init);
  edit.add("--mask", command.mask, "FILE",
           "white where that image is drawn anew, black where it stays; of its size, or of the size drawn")
      ->needs(init);
  auto* with =
      edit.add("--blend-with", command.blend_with, "NAME", "another class, or another prompt, to mix in");
  edit.add("--blend", command.blend, "X", "its share, from 0 to 1; default: 0.5")->needs(with);

  OptionGroup how{sample, "How"};
  how.add("--steps", command.steps, "N", "of the solver: more are slower and more exact")
      ->check(CLI::Range(1, 100'000));
  how.add("--solver", command.solver, "NAME",
          "euler, heun (two evaluations a step), heun-reuse, adams2, adams3, adams4, or sde (with noise in "
          "every step)")
      ->check(CLI::IsMember(std::vector<std::string>(solver_names.begin(), solver_names.end())));
  how.add("--guidance", command.guidance, "X",
          "how strongly the class or prompt is enforced; 1 is not at all");
  how.add("--interval", command.interval, "LOW HIGH",
          "times, from 0 (noise) to 1 (image), between which it is; default: 0.1 1; not for heun and "
          "heun-reuse, where it is at all times")
      ->expected(2)
      ->take_all();
  how.add(
      "--shift", command.shift, "X",
      "takes more of the steps near the noise where above 1; default: the run's, or 1 where it is not known");
  how.add("--last-step", command.last_step, "X", "width of the last step; default: 1 / steps");
  how.add("--precision", command.precision, "auto|full|mixed", precision_help)
      ->check(CLI::IsMember({"auto", "full", "mixed"}));

  OptionGroup output{sample, "Output"};
  output.add("--out", command.out, "FILE.png", "the picture, all images in a grid");
  output.add("--columns", command.columns, "N", "of the grid; default: one a class, or about a square")
      ->check(CLI::Range(1, 10'000));
  output.add("--zoom", command.zoom, "N", "shows a pixel as N x N; default: small images are enlarged")
      ->check(CLI::Range(1, 64));
  output.add("--trajectory", command.trajectory, "FILE.png",
             "another picture: the way of some images out of the noise");
  add_machine(sample, command.where);
  sample->footer(
      "Examples:\n"
      "  pixnerd sample --prompt 'smiling face with sunglasses'       with the model that comes with the "
      "program\n"
      "  pixnerd sample --run runs/emoji                              16 images of classes spread over all\n"
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
      "Prints a row for each file: its worst tensor, the error |ours - theirs| / |theirs| (L2 norms), what "
      "it\n"
      "may be at most, pass or FAIL. Exits with status 1 if any fails. Kinds of files, which tell what they "
      "are:\n"
      "  c2i, t2i        the class-conditional and the text-to-image model: forward pass and gradients\n"
      "  samplers        trajectories of the solvers, with guidance\n"
      "  training_repa   a training with REPA: losses, gradients, weights, averages\n"
      "  dinov2          features of DINOv2, the encoder of REPA\n"
      "  interpolate     images of other sizes, as that encoder needs them\n"
      "  qwen3           hidden states of Qwen3, the text encoder\n"
      "  tokens          a .json of texts and their ids, with its tokenizer.json beside it; the error is "
      "the\n"
      "                  number of wrong ids\n\n"
      "Examples:\n"
      "  pixnerd verify tests/fixtures/c2i_*.safetensors tests/fixtures/samplers.safetensors\n"
      "  pixnerd verify tests/fixtures/tokenizer/tokens.json");
  return verify;
}

CLI::App* add_convert(CLI::App& app, ConvertCommand& command) {
  CLI::App* convert = app.add_subcommand("convert", "Make a safetensors file of a PyTorch checkpoint");
  convert->add_option("in", command.in, "what torch.save wrote, or a safetensors file")
      ->type_name("IN")
      ->required();
  convert->add_option("out", command.out, "the new file")->type_name("OUT.safetensors")->required();
  OptionGroup what{convert, "What to convert"};
  what.add("--prefix", command.prefix, "NAME",
           "only tensors whose names begin so, under the rest of their names; default: ema_denoiser. or "
           "denoiser. where there are such, otherwise all");
  what.add("--precision", command.precision, "float32|bfloat16|keep", "of floating-point tensors")
      ->check(CLI::IsMember({"float32", "bfloat16", "keep"}));
  what.add_flag("--force", command.force, "replace a file of that name");
  convert->footer(
      "Needs no Python, and never runs anything that a checkpoint holds: tensors, numbers, strings, lists "
      "and\n"
      "dictionaries are all that it accepts. It takes memory for one tensor at a time.\n\n"
      "Examples:\n"
      "  pixnerd convert epoch.ckpt model.safetensors\n"
      "  pixnerd convert epoch.ckpt last.safetensors --prefix denoiser. --precision bfloat16");
  return convert;
}

void add_info(CLI::App& app, InfoCommand& command) {
  CLI::App* info = app.add_subcommand("info", "Tell about this program, a run or a file");
  auto* run = info->add_option("--run", command.run, "folder of a run")->type_name("DIR");
  auto* file = info->add_option("file", command.file,
                                "a safetensors file, a PyTorch checkpoint or a PNG that was drawn")
                   ->type_name("FILE");
  file->excludes(run);
  info->add_flag("--check", command.check, "reads the whole file; fails where it finds NaN or infinity")
      ->type_name("")
      ->needs(file);
  info->footer(
      "Examples:\n"
      "  pixnerd info                      version, devices, instruction set, processors, memory\n"
      "  pixnerd info --run runs/emoji     settings, steps done, classes, tensors\n"
      "  pixnerd info --check epoch.ckpt   sizes of the models in it, tensors, whether all numbers are "
      "finite\n"
      "  pixnerd info samples.png          prompts, seed, model and settings of a picture");
}

}  // namespace

std::optional<Command> parse_command_line(int count, const char* const* arguments, int& exit_code) {
  CLI::App app(
      "Pixel neural field diffusion: trains image generators that work on pixels, and samples from them.",
      "pixnerd");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", str_cat("pixnerd ", version), "the version");
  app.set_help_flag("-h,--help", "this text; each command has its own");
  app.require_subcommand(1);
  app.option_defaults()->take_last();  // of an option given twice; commands inherit it
  app.footer(
      "Start here:\n"
      "  pixnerd sample --prompt 'smiling cat face'         draws with the model that comes with the "
      "program\n"
      "  pixnerd train --data emoji --batch 16 --no-flip    trains for five minutes\n"
      "  pixnerd sample --run runs/emoji                    draws with what was trained\n"
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
