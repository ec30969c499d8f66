// SPDX-License-Identifier: MIT
/// \file
/// PyTorch checkpoints through the program: converting them, drawing from them, PyTorch's noise, and what
/// must be refused.
#include <limits>

#include <pixnerd/image/pixels.hpp>
#include <pixnerd/image/read_image.hpp>
#include <pixnerd/io/open_tensor_file.hpp>

#include "program.hpp"
#include "support/torch_files.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(convert)

namespace {

std::string data(const std::string& name) {
  return str_cat(PIXNERD_TEST_DATA, "/", name);
}

Words sample(const std::string& weights, const std::string& out, const Words& more = {}) {
  return Words{"sample", "--weights", weights,    "--count", "2",     "--steps", "2",
               "--size", "8",         "--device", "cpu",     "--out", out} +
         more;
}

bool contains(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

/// All tensors of a file, as a checkpoint of PyTorch.
void write_as_checkpoint(const TensorFile& file, const std::string& path) {
  std::vector<std::vector<std::uint8_t>> bytes;
  std::vector<SafetensorsView> views;
  for (const auto& entry : file.entries()) {
    file.read_bytes(entry, bytes.emplace_back(entry.bytes));
    views.push_back({entry.name, entry.type, entry.shape, bytes.back()});
  }
  write_torch_file(path, views);
}

}  // namespace

BOOST_AUTO_TEST_CASE(checkpoints_become_safetensors) {
  const Folder folder;
  const std::string out = folder / "model.safetensors";
  for (const std::string name : {"lightning.ckpt", "lightning_legacy.ckpt"}) {
    const auto outcome = run_well({"convert", data(name), out, "--force"});
    for (const std::string word : {"ema_denoiser. (the averaged", "42: 42 F32", "96460", "model.safetensors"})
      BOOST_TEST(contains(outcome.out, word), outcome.out);
    const SafetensorsFile expected(data("lightning_expected.safetensors")), written(out);
    for (const auto& entry : written.entries())
      BOOST_TEST(written.read<float>(entry.name) == expected.read<float>("ema_denoiser." + entry.name));
  }
  run_well({"convert", data("lightning.ckpt"), folder / "b.safetensors", "--prefix", "denoiser",
            "--precision", "bfloat16"});
  const SafetensorsFile narrow(folder / "b.safetensors");
  BOOST_TEST(narrow.entries().size() == 42u);
  for (const auto& entry : narrow.entries()) BOOST_TEST((entry.type == TensorType::bf16));
  // From safetensors, without a published prefix.
  const auto again = run_well({"convert", out, folder / "c.safetensors", "--precision", "float32"});
  BOOST_TEST(contains(again.out, "none (all tensors"), again.out);
  BOOST_TEST(content(folder / "c.safetensors").size() > 96460u);
  BOOST_TEST(run_well({"convert", data("lightning.ckpt"), folder / "d.safetensors", "--prefix", ""})
                 .out.find("220") != std::string::npos);
  BOOST_TEST(folder.entries() == 4);
}

BOOST_AUTO_TEST_CASE(every_format_draws_the_same) {
  const Folder folder;
  run_well({"convert", data("lightning.ckpt"), folder / "m.safetensors"});
  const auto first = run_well(sample(data("lightning.ckpt"), folder / "a.png"));
  BOOST_TEST(contains(first.out, "lightning.ckpt, ema_denoiser"), first.out);
  run_well(sample(data("lightning_legacy.ckpt"), folder / "b.png"));
  run_well(sample(folder / "m.safetensors", folder / "c.png"));
  run_well(sample(data("lightning.ckpt"), folder / "d.png", {"--no-ema"}));
  BOOST_TEST((read_image(folder / "a.png") == read_image(folder / "b.png")));
  BOOST_TEST((read_image(folder / "a.png") == read_image(folder / "c.png")));
  BOOST_TEST((read_image(folder / "a.png") != read_image(folder / "d.png")));
}

BOOST_AUTO_TEST_CASE(the_noise_of_pytorch) {
  const Folder folder;
  const auto draw = [&](const std::string& name, const Words& more) {
    return run_well(sample(data("lightning.ckpt"), folder / name, more));
  };
  const auto outcome = draw("a.png", {"--torch-seed", "42", "--trajectory", folder / "way.png"});
  BOOST_TEST(contains(outcome.out, "torch-seed 42"), outcome.out);
  const Image way = read_image(folder / "way.png");
  const auto noise = SafetensorsFile(data("torch_rng.safetensors")).tensor<float>("randn.42.2x3x8x8");
  const auto expected = to_images(noise);
  // The ways begin on the left, with noise; every pixel is 12 x 12 large, every image has a margin of 2.
  for (int i = 0; i < 2; ++i) {
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 8; ++x) {
        for (int c = 0; c < 3; ++c) {
          const int shown = way.pixel(2 + 98 * i + 12 * y, 2 + 12 * x)[c];
          const int wanted = expected[static_cast<std::size_t>(i)].pixel(y, x)[c];
          BOOST_TEST(std::abs(shown - wanted) <= 1);  // logarithms and cosines differ in the last bit
        }
      }
    }
  }
  draw("b.png", {"--torch-seed", "42"});
  draw("c.png", {"--torch-seed", "43"});
  BOOST_TEST((read_image(folder / "a.png") == read_image(folder / "b.png")));
  BOOST_TEST((read_image(folder / "a.png") != read_image(folder / "c.png")));
  check_refused(sample(data("lightning.ckpt"), folder / "n.png", {"--torch-seed", "1", "--seed", "2"}),
                {"--torch-seed", "--seed"}, 2);
  check_refused(sample(data("lightning.ckpt"), folder / "n.png", {"--torch-seed", "-1"}),
                {"--torch-seed", "-1"}, 2);
}

BOOST_AUTO_TEST_CASE(verify_and_info_take_checkpoints) {
  const Folder folder;
  write_as_checkpoint(SafetensorsFile(data("c2i_square.safetensors")), folder / "c2i.ckpt");
  const auto verified = run_well({"verify", folder / "c2i.ckpt"});
  BOOST_TEST(contains(verified.out, "pass  "), verified.out);

  const auto told = run_well({"info", "--check", data("lightning.ckpt")});
  for (const std::string word : {"24115 parameters", "ema_denoiser", "global_step: 1234", "extra.bf16",
                                 "BF16", "all numbers are finite"})
    BOOST_TEST(contains(told.out, word), word);
  std::vector<float> values(70'000, 1);
  values[66'000] = std::numeric_limits<float>::infinity();
  write_safetensors(folder / "inf",
                    {safetensors_view("a.b", Shape{700, 100}, std::span<const float>(values))});
  run_well({"info", folder / "inf"});
  check_refused({"info", "--check", folder / "inf"},
                {"finite", folder / "inf", "inf as element 66000", "\"a.b\""});
  check_refused({"info", "--check"}, {"--check"}, 2);
}

BOOST_AUTO_TEST_CASE(info_tells_a_terminal_nothing) {
  const Folder folder;
  const std::vector<float> values(3, 1);
  write_safetensors(folder / "red",
                    {safetensors_view("\x1b[31m a\n b\xc2\x9b", Shape{3}, std::span<const float>(values))},
                    {{"\x1b]0;title\a", "\x1b[2J\x7f\xc3\xa4"}});
  const auto out = run_well({"info", folder / "red"}).out;
  BOOST_TEST(contains(out, "?[31m a? b??"), out);
  BOOST_TEST(contains(out, "?]0;title?: ?[2J?\xc3\xa4\n"), out);
}

BOOST_AUTO_TEST_CASE(files_that_are_refused) {
  const Folder folder;
  const std::string out = folder / "out.safetensors";
  const auto refuse = [&](const std::string& in, const Words& words, const Words& more = {}) {
    check_refused(Words{"convert", in, out} + more, Words{in} + words);
    BOOST_TEST(!fs::exists(out));
  };
  refuse(data("lightning_malicious.ckpt"), {"posix.system", "not called"});
  check_refused(sample(data("lightning_malicious.ckpt"), folder / "s.png"), {"posix.system"});
  refuse(data("lightning.ckpt"), {"\"teacher.\"", "\"ema_denoiser.\" (42)"}, {"--prefix", "teacher."});
  refuse(data("crops/00.png"), {"safetensors", "torch.save"});
  refuse(folder / "none.ckpt", {"No such file"});
  refuse(folder.path, {"a folder"});
  const std::string whole = content(data("lightning.ckpt")), legacy = content(data("lightning_legacy.ckpt"));
  for (const std::string& file : {whole, legacy}) {
    for (const std::size_t length : {file.size() - 1, file.size() / 2, std::size_t{1000}, std::size_t{0}}) {
      write_file_atomic(folder / "cut.ckpt", std::string_view(file).substr(0, length));
      refuse(folder / "cut.ckpt", {});
      check_refused(sample(folder / "cut.ckpt", folder / "s.png"), {folder / "cut.ckpt"});
    }
  }
  BOOST_TEST(folder.entries() == 1);
}

BOOST_AUTO_TEST_CASE(places_that_are_refused) {
  const Folder folder;
  const auto refuse = [&](const std::string& out, const Words& words, const Words& more = {}) {
    check_refused(Words{"convert", data("lightning.ckpt"), out} + more, words);
  };
  write_file_atomic(folder / "here.safetensors", "precious");
  refuse(folder / "here.safetensors", {folder / "here.safetensors", "--force", "exists"});
  BOOST_TEST(content(folder / "here.safetensors") == "precious");
  fs::create_symlink("/nowhere", folder.path / "link.safetensors");
  refuse(folder / "link.safetensors", {"--force"});
  refuse(folder / "none/a.safetensors", {folder / "none/a.safetensors", "No such file or directory"});
  refuse(folder / "a.ckpt", {"ends in .safetensors", folder / "a.ckpt"});
  refuse(folder / (std::string(300, 'n') + ".safetensors"), {"File name too long"});
  fs::create_directory(folder.path / "folder.safetensors");
  refuse(folder / "folder.safetensors", {"a folder"}, {"--force"});
  // A disk that is full: the message says how much was needed, and nothing is left.
  check_refusal(run({"convert", data("lightning.ckpt"), folder / "full.safetensors"}, 50'000),
                {folder / "full.safetensors", "room for", "bytes"});
  BOOST_TEST(!fs::exists(folder / "full.safetensors"));
  BOOST_TEST(folder.entries() == 3);
  check_refused({"convert", data("lightning.ckpt")}, {"out"}, 2);
  check_refused({"convert", "a", "b", "--precision", "int8"}, {"--precision", "int8"}, 2);
}

BOOST_AUTO_TEST_SUITE_END()
