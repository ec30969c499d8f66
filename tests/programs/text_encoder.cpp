// SPDX-License-Identifier: MIT
/// \file
/// Drawing with models that take the features of a text encoder, here very small ones of the reference files.
#include <cstdlib>

#include <pixnerd/image/png_text.hpp>
#include <pixnerd/image/read_image.hpp>
#include <pixnerd/optim/parameter_store.hpp>

#include "program.hpp"
#include "support/qwen3_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(text_encoder)

namespace {

const std::string weights = str_cat(PIXNERD_TEST_DATA, "/t2i_square.safetensors");  // 6 tokens of 20 features

Words sample(const Qwen3Folder& encoder, const std::string& out, const Words& more) {
  return Words{"sample", "--weights", weights, "--text-encoder", encoder.path, "--size",    "16", "--steps",
               "6",      "--zoom",    "1",     "--out",          out,          "--columns", "4"} +
         more;
}

std::string text_of(const std::string& path, const std::string& wanted) {
  for (const auto& [key, value] : read_png_texts(path))
    if (key == wanted) return value;
  return "";
}

/// The model in the file, without its last parameter where that is asked for, as a run configured it.
std::string model_file(const Folder& folder, const std::string& configuration, bool whole = true) {
  const SafetensorsFile from(weights);
  NamedTensors<float, Cpu> tensors;
  for (const auto& entry : from.entries()) {
    if (entry.name.starts_with("param.") && (whole || entry.name != "param.y_embedder.norm.weight"))
      tensors.tensors.emplace_back(entry.name.substr(6), from.tensor<float>(entry.name));
  }
  const std::string path = folder / (whole ? "model.safetensors" : "part.safetensors");
  TensorMetadata metadata;
  if (!configuration.empty()) metadata["pixnerd.configuration"] = configuration;
  save_parameters(path, tensors, "", metadata);
  return path;
}

}  // namespace

BOOST_AUTO_TEST_CASE(prompts) {
  const Qwen3Folder encoder;
  const Folder folder;
  const std::string one = folder / "one.png", two = folder / "two.png";
  const Words how{"--guidance", "3", "--seed", "7"};
  const auto said = run_well(sample(
      encoder, one, how + Words{"--prompt", "a cat", "--prompt", "\xf0\x9f\x98\x80!", "--count", "4"}));
  BOOST_TEST(said.out.find("encoder  " + encoder.path.string()) != said.out.npos, said.out);
  if (std::getenv("PIXNERD_TEST_PROGRAM") != nullptr)  // the one with an emulated GPU
    BOOST_TEST(said.out.find("cuda:0") != said.out.npos, said.out);
  BOOST_TEST(said.out.find("row 1    a cat, \xf0\x9f\x98\x80!, a cat") != said.out.npos, said.out);
  BOOST_TEST(said.err.find("48 a token, the model takes 20: the last ones are dropped") != said.err.npos,
             said.err);
  BOOST_TEST(text_of(one, "text-encoder") == encoder.path.string());
  BOOST_TEST(text_of(one, "prompt") == "a cat\n\xf0\x9f\x98\x80!");

  // A file gives the same, more prompts than images change nothing, and another prompt is another image.
  write_file_atomic(folder / "p.txt", "a cat\n\n\xf0\x9f\x98\x80!\n");
  run_well(sample(encoder, two, how + Words{"--prompts", folder / "p.txt", "--count", "4"}));
  BOOST_TEST((read_image(one) == read_image(two)));
  run_well(sample(encoder, one, how + Words{"--prompt", "a cat", "--count", "1"}));
  run_well(sample(encoder, two, how + Words{"--prompt", "a cat", "--prompt", "dog", "--count", "1"}));
  BOOST_TEST((read_image(one) == read_image(two)));
  run_well(sample(encoder, two, how + Words{"--prompt", "dog", "--count", "1"}));
  BOOST_TEST((read_image(one) != read_image(two)));

  // What has no room is told of, and changes nothing.
  std::string many = "photo photo photo photo photo photo";
  run_well(sample(encoder, one, {"--prompt", many, "--count", "1"}));
  for (int i = 0; i < 10'000; ++i) many += " photo";
  const auto cut = run_well(sample(encoder, two, {"--prompt", many, "--count", "1"})).out;
  BOOST_TEST(cut.find("tokens of \"photo photo") != cut.npos, cut);
  BOOST_TEST(cut.find("the first 6 are read") != cut.npos, cut);
  BOOST_TEST((read_image(one) == read_image(two)));

  // Many texts, more than are encoded at once.
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += str_cat("a photo, ", i, "\n");
  write_file_atomic(folder / "p.txt", lines);
  run_well(sample(encoder, two, {"--prompts", folder / "p.txt", "--count", "40", "--precision", "mixed"}));
}

BOOST_AUTO_TEST_CASE(every_way_to_draw) {
  const Qwen3Folder encoder;
  const Folder folder;
  const auto draw = [&](const std::string& name, const Words& more) {
    run_well(sample(encoder, folder / name, Words{"--prompt", "a cat", "--count", "2"} + more));
    return read_image(folder / name);
  };
  const Image plain = draw("plain.png", {});
  BOOST_TEST((draw("a.png", {"--guidance", "6"}) != plain));
  BOOST_TEST((draw("a.png", {"--shift", "3"}) != plain));
  BOOST_TEST((draw("a.png", {"--torch-seed", "3", "--solver", "adams2"}) != plain));
  BOOST_TEST(draw("a.png", {"--size", "8x24", "--trajectory", folder / "way.png"}).height == 12);
  BOOST_TEST(text_of(folder / "way.png", "text-encoder") == encoder.path.string());

  const Image init(16, 16, 90);
  Image mask(16, 16, 0);
  for (int y = 0; y < 16; ++y) std::fill_n(mask.pixel(y, 8), 3 * 8, std::uint8_t{255});
  write_png(folder / "init.png", init);
  write_png(folder / "mask.png", mask);
  const Image filled = draw("a.png", {"--init", folder / "init.png", "--mask", folder / "mask.png"});
  for (int x = 0; x < 8; ++x) BOOST_TEST(std::abs(filled.pixel(9, 2 + x)[1] - 90) <= 1);
  BOOST_TEST((draw("a.png", {"--init", folder / "init.png", "--strength", "0.5"}) != plain));

  // Its ends are the prompts.
  BOOST_TEST((draw("a.png", {"--blend-with", "dog", "--blend", "0"}) == plain));
  run_well(sample(encoder, folder / "dog.png", {"--prompt", "dog", "--count", "2"}));
  BOOST_TEST((draw("a.png", {"--blend-with", "dog", "--blend", "1"}) == read_image(folder / "dog.png")));
  BOOST_TEST(text_of(folder / "a.png", "blend-with") == "dog");
}

BOOST_AUTO_TEST_CASE(decoding_at_another_resolution) {
  const Qwen3Folder encoder;
  const Folder folder;
  const ImageData images;
  run_well(images.train(folder / "run", {"--text", "--steps", "1", "--words", "6", "--word-rows", "16",
                                         "--word-parts", "2", "--text-depth", "1", "--sample-every", "0"}));
  run_well({"convert", folder / "run/step-1/ema.safetensors", folder / "run.safetensors"});
  const SafetensorsFile trained(folder / "run.safetensors");  // at 16 x 16 pixels
  const std::string file = model_file(folder, trained.metadata("pixnerd.configuration"));
  const auto draw = [&](const Words& more) {
    run_well(
        sample(encoder, folder / "a.png", Words{"--weights", file, "--prompt", "a", "--count", "1"} + more));
    return read_image(folder / "a.png");
  };
  BOOST_TEST((draw({"--size", "16", "--scale-decoder"}) == draw({})));
  for (const auto& [size, scale] : {std::pair{"32x24", "2 1.5"}, std::pair{"8x12", "0.5 0.75"}}) {
    const Image scaled = draw({"--size", size, "--scale-decoder"});
    BOOST_TEST(text_of(folder / "a.png", "pixnerd").find(str_cat("decoder scale ", scale)) !=
               std::string::npos);
    BOOST_TEST((scaled != draw({"--size", size})));
  }
  std::string configuration = trained.metadata("pixnerd.configuration");
  const auto at = configuration.find("\"size\":16");
  BOOST_TEST_REQUIRE(at != configuration.npos, configuration);
  configuration.replace(at, 9, "\"size\":24");
  model_file(folder, configuration);
  check_refused(sample(encoder, folder / "b.png",
                       {"--weights", file, "--prompt", "a", "--size", "28", "--scale-decoder"}),
                {"--scale-decoder", "the trained size, 24", "got 28x28"});
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said) {
  const Folder folder;
  const std::string out = folder / "out.png";
  const Words red{"--prompt", "red"};
  const Qwen3Folder good;
  const auto refuse = [&](const Qwen3Folder& encoder, const Words& more, const Words& words) {
    check_refused(sample(encoder, out, more), words);
    BOOST_TEST(!fs::exists(out));
  };
  check_refused({"sample", "--weights", weights, "--size", "16", "--prompt", "red", "--out", out},
                {"--text-encoder DIR", "t2i_square.safetensors", "a Qwen3, got none"});
  refuse(good, {}, {"--prompt TEXT", "t2i_square.safetensors", "got none"});
  refuse(good, red + Words{"--classes", "3"}, {"--prompt TEXT", "got --classes"});
  refuse(good, {"--prompt", ""}, {"--prompt", "a text with words, got ''"});
  refuse(good, {"--prompt", " \t"}, {"--prompt", "a text with words"});
  refuse(good, {"--prompt", "caf\xe9"}, {"--prompt", "UTF-8", "byte 3 (0xe9)"});
  refuse(good, red + Words{"--blend-with", "\xff"}, {"--blend-with", "UTF-8"});
  refuse(good, red + Words{"--scale-decoder"}, {"--scale-decoder", "the size that it was trained on"});
  refuse(good, red + Words{"--text-encoder", folder / "none"}, {folder / "none/", "No such file"});
  refuse(good, red + Words{"--weights", str_cat(PIXNERD_TEST_DATA, "/c2i_square.safetensors")},
         {"--classes NAME", "trained with classes"});
  check_refused({"sample", "--weights", str_cat(PIXNERD_TEST_DATA, "/c2i_square.safetensors"), "--size", "16",
                 "--text-encoder", good.path, "--out", out},
                {"--text-encoder", "c2i_square.safetensors", "got one that was trained with classes"});
  // Parameters that lack are found before the encoder is read.
  refuse(good, red + Words{"--weights", model_file(folder, "", false), "--text-encoder", folder / "none"},
         {"part.safetensors", "1 missing", "y_embedder.norm.weight"});

  for (const std::string name :
       {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}) {
    const Qwen3Folder encoder;
    fs::remove(encoder / name);
    refuse(encoder, red, {encoder / name, "No such file"});
  }
  const auto defect = [&](const std::string& name, const std::string& find, const std::string& put,
                          const Words& words) {
    const Qwen3Folder encoder;
    std::string all = content(encoder / name);
    const auto at = all.find(find);
    BOOST_TEST_REQUIRE(at != all.npos, find);
    write_file_atomic(encoder / name, all.replace(at, find.size(), put));
    refuse(encoder, red, words);
  };
  defect("tokenizer.json", "\"BPE\"", "\"WordPiece\"", {"tokenizer.json", "BPE", "WordPiece"});
  defect("tokenizer.json", "\"added_tokens\": [", R"("added_tokens": [{"id": 900, "content": "<x>"},)",
         {"tokenizer.json", "ids below 512", "up to 900"});
  defect("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
         {"model.safetensors", "11 missing", "model.layers.2."});
  defect("config.json", "\"vocab_size\": 512", "\"vocab_size\": 16000000",
         {"model.safetensors", "model.embed_tokens.weight"});
  defect("config.json", "\"hidden_size\": 48, \"intermediate_size\": 96",
         "\"hidden_size\": 1048576, \"intermediate_size\": 1048576",
         {"--text-encoder", "fit into the", "MB for"});
  {
    const Qwen3Folder encoder;
    write_file_atomic(encoder / "model.safetensors.index.json",
                      R"({"weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors"}})");
    refuse(encoder, red, {"model-00002-of-00002.safetensors", "No such file"});
  }
}

BOOST_AUTO_TEST_SUITE_END()
