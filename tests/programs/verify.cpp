// SPDX-License-Identifier: MIT
/// \file
/// The library against the reference files, through the program, and files that must fail.
#include <limits>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/safetensors/writer.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(verify)

namespace {

std::string reference(const std::string& name) {
  return str_cat(PIXNERD_TEST_DATA, "/", name, ".safetensors");
}

std::string tokens() {
  return str_cat(PIXNERD_TEST_DATA, "/tokenizer/tokens.json");
}

/// Copies a reference file with one tensor of float32 multiplied by `factor`.
void copy_scaled(const std::string& from, const std::string& to, const std::string& tensor, float factor) {
  const SafetensorsFile file(from);
  BOOST_TEST_REQUIRE(file.contains(tensor));
  SafetensorsWriter writer(to, file.entries(), file.metadata());
  for (const auto& entry : writer.entries()) {
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(file.entry(entry.name), bytes);
    if (entry.name == tensor) {
      auto* values = reinterpret_cast<float*>(bytes.data());
      for (std::size_t i = 0; i < bytes.size() / sizeof(float); ++i) values[i] *= factor;
    }
    writer.write(entry.name, bytes);
  }
  writer.commit();
}

/// `verify` must give a file a row that says FAIL and why, and exit with status 1.
void check_failed(const std::string& file, const Words& words) {
  const auto outcome = run({"verify", file});
  BOOST_TEST(outcome.status == 1);
  BOOST_TEST(outcome.err == "");
  for (const auto& word : Words{file, "FAIL  ["} + words) {
    BOOST_TEST(outcome.out.find(word) != std::string::npos, "'" << outcome.out << "' lacks '" << word << "'");
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_reference_file_passes) {
  const auto outcome =
      run_well({"verify", reference("c2i_square"), reference("c2i_rect"), reference("t2i_square"),
                reference("t2i_scaled"), reference("samplers"), reference("training_repa"),
                reference("dinov2"), reference("interpolate"), reference("qwen3"), tokens()});
  std::size_t passed = 0;
  for (auto at = outcome.out.find("pass  "); at != std::string::npos; at = outcome.out.find("pass  ", at + 1))
    ++passed;
  BOOST_TEST(passed == 10u, outcome.out);
  BOOST_TEST(outcome.out.find("FAIL") == std::string::npos, outcome.out);
}

BOOST_AUTO_TEST_CASE(wrong_results_fail) {
  // Each expected result that is off by four times what it may be, and inputs that lead elsewhere.
  const struct {
    const char *file, *tensor;
    float factor;
    const char* worst;
  } cases[] = {
      {"c2i_square", "out.v", 1 + 4e-5f, "out.v"},
      {"c2i_rect", "out.loss", 1 + 4e-5f, "out.loss"},
      {"c2i_square", "grad.blocks.1.mlp.w3.weight", 1 + 4e-4f, "grad.blocks.1.mlp.w3.weight"},
      {"c2i_rect", "grad_in.x", 1 + 4e-4f, "grad_in.x"},
      {"c2i_rect", "param.blocks.0.attn.q_norm.weight", 2, ""},
      {"t2i_square", "out.v", 1 + 4e-5f, "out.v"},
      {"t2i_scaled", "grad_in.y", 1 + 4e-4f, "grad_in.y"},
      {"t2i_scaled", "grad.y_pos_embedding", 1 + 4e-4f, "grad.y_pos_embedding"},
      {"qwen3", "out.hidden", 1 + 4e-5f, "out.hidden"},
      {"qwen3", "param.layers.1.self_attn.k_norm.weight", 1.01f, "out.hidden"},
      {"samplers", "heun_exact1.x", 1 + 4e-5f, "heun_exact1.x"},
      {"samplers", "euler_sde_mean.v", 1 + 4e-5f, "euler_sde_mean.v"},
      {"samplers", "adams3.coeffs", 1 + 4e-4f, "adams3.coeffs"},
      {"samplers", "adams4.timesteps", 1 + 4e-5f, "adams4.timesteps"},
      {"training_repa", "losses", 1 + 4e-5f, "losses"},
      {"training_repa", "grad_norms", 1 + 4e-4f, "grad_norms"},
      {"training_repa", "ema.blocks.0.norm1.weight", 1 + 4e-4f, "ema.blocks.0.norm1.weight"},
      {"training_repa", "proj.0.2.bias", 1 + 4e-4f, "proj.0.2.bias"},
      {"training_repa", "gradproj0.0.4.weight", 1 + 4e-4f, "gradproj0.0.4.weight"},
      {"training_repa", "step2.z", 1.1f, "step2.t"},
      {"dinov2", "out.patch_tokens", 1 + 4e-5f, "out.patch_tokens"},
      {"dinov2", "mid.pos_grid", 1 + 4e-5f, "mid.pos_grid"},
      {"interpolate", "bicubic.9x14", 1 + 4e-5f, "bicubic.9x14"},
  };
  for (const auto& one : cases) {
    const Folder folder;
    const std::string wrong = folder / "wrong.safetensors";
    copy_scaled(reference(one.file), wrong, one.tensor, one.factor);
    const auto outcome = run({"verify", reference("c2i_square"), wrong});
    BOOST_TEST(outcome.status == 1);
    BOOST_TEST(outcome.out.find("pass  ") != std::string::npos, outcome.out);
    BOOST_TEST(outcome.out.find(str_cat("FAIL  ", one.worst)) != std::string::npos,
               one.tensor << ": " << outcome.out);
  }
}

// A failure names the text, where its ids begin to differ, and both.
BOOST_AUTO_TEST_CASE(wrong_tokens_fail) {
  const Folder folder;
  const std::string file = folder / "wrong.json";
  write_file_atomic(file, content(tokens()));
  check_failed(file, {folder / "tokenizer.json", "No such file"});
  std::filesystem::copy(str_cat(PIXNERD_TEST_DATA, "/tokenizer/tokenizer.json"), folder / "tokenizer.json");
  const auto verify_entry = [&](const std::string& entry) {
    write_file_atomic(file, R"([{"text": "", "ids": []}, )" + entry + "]");
    return run({"verify", file});
  };
  BOOST_TEST(verify_entry(R"({"text": "a photo of a cat", "ids": [67, 295, 291, 267, 294]})").status == 0);
  const struct {
    const char *entry, *reason;
  } cases[] = {
      {R"({"text": "a photo of a cat", "ids": [67, 295, 292, 267, 294]})",
       R"(1.00e+00      0e+00  FAIL  "a photo of a cat" from token 2 on: expected ids 292 267 294, got 291 267 294)"},
      {R"({"text": "a photo of a cat", "ids": [67, 295, 291]})",
       R"(2.00e+00      0e+00  FAIL  "a photo of a cat" from token 3 on: expected ids none, got 267 294)"},
      {R"({"text": "", "ids": [7]})", R"(FAIL  "" from token 0 on: expected ids 7, got none)"},
  };
  for (const auto& one : cases) {
    const auto outcome = verify_entry(one.entry);
    BOOST_TEST(outcome.status == 1);
    BOOST_TEST(outcome.out.find(one.reason) != std::string::npos, outcome.out);
  }
  for (const std::string bad : {"1", "{}", R"({"text": 1, "ids": []})", R"({"text": "a"})",
                                R"({"text": "a", "ids": [0.5]})", R"({"text": "a", "ids": 67})"}) {
    BOOST_TEST(verify_entry(bad).status == 1);
    check_failed(file, {"a list of {\"text\"", "wrong.json"});
  }
  write_file_atomic(file, "[]");
  check_failed(file, {"a list of {\"text\"", "wrong.json"});
}

BOOST_AUTO_TEST_CASE(files_of_other_kinds) {
  check_failed(reference("schedules"), {"c2i", "samplers", "training_repa", "schedules.safetensors"});
  check_failed(str_cat(PIXNERD_TEST_DATA, "/crops/00.png"), {"safetensors", "00.png"});
  check_failed("/nonexistent", {"/nonexistent", "No such file"});
  const Folder folder;
  copy_scaled(reference("c2i_square"), folder / "nan.safetensors", "in.x",
              std::numeric_limits<float>::quiet_NaN());
  check_failed(folder / "nan.safetensors", {"finite", "nan in in.x"});
}

BOOST_AUTO_TEST_CASE(goes_on_after_a_bad_file) {
  const auto outcome = run({"verify", "/nonexistent", reference("samplers")});
  BOOST_TEST(outcome.status == 1);
  BOOST_TEST(outcome.out.find("FAIL  [") < outcome.out.find("pass  "), outcome.out);
  BOOST_TEST(outcome.out.find("pass  ") != std::string::npos, outcome.out);
}

BOOST_AUTO_TEST_CASE(damaged_configurations) {
  const Folder folder;
  const SafetensorsFile samplers(reference("samplers")), training(reference("training_repa"));
  const auto refuse = [&](const SafetensorsFile& from, const std::string& find,
                          const std::string& replacement, const Words& words) {
    std::string config = from.metadata("config");
    const auto at = config.find(find);
    BOOST_TEST_REQUIRE(at != std::string::npos, find);
    config.replace(at, find.size(), replacement);
    SafetensorsWriter writer(folder / "bad.safetensors", from.entries(), {{"config", config}});
    for (const auto& entry : writer.entries()) {
      std::vector<std::uint8_t> bytes(entry.bytes);
      from.read_bytes(from.entry(entry.name), bytes);
      writer.write(entry.name, bytes);
    }
    writer.commit();
    check_failed(folder / "bad.safetensors", words);
  };
  refuse(samplers, "\"num_steps\": 6", "\"num_steps\": -6", {"num_steps", "-6"});
  refuse(samplers, "\"sampler\": \"heun\"", "\"sampler\": \"dance\"", {"sampler", "dance"});
  refuse(samplers, "\"exact\": true", "\"exact\": 7", {"exact", "7"});
  refuse(samplers, "\"order\": 3", "\"order\": 5", {"order", "5"});
  refuse(samplers, "\"guidance_fn\": \"c3\"", "\"guidance_fn\": \"c4\"", {"guidance_fn", "c4"});
  refuse(samplers, "\"euler_c3\": {", "\"other\": {", {"other"});
  refuse(training, "\"steps\": 4", "\"steps\": 5", {"step4"});
  refuse(training, "\"lr\": 0.001", "\"lr\": \"high\"", {"lr", "high"});
  refuse(training, "\"betas\": [0.9, 0.95]", "\"betas\": [0.9]", {"betas"});
  refuse(training, "\"align_layer\": 1", "\"align_layer\": 9", {"block 9"});
  refuse(training, "{\"steps\"", "[\"steps\"", {"kinds"});
}

BOOST_AUTO_TEST_SUITE_END()
