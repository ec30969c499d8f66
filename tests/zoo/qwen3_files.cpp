// SPDX-License-Identifier: MIT
/// \file
/// Qwen3 folders: whole, in shards, and damaged.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include <pixnerd/zoo/qwen3_files.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using nlohmann::json;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(qwen3_files)

namespace {

json configuration() {
  return {{"model_type", "qwen3"},
          {"hidden_act", "silu"},
          {"attention_bias", false},
          {"rope_scaling", nullptr},
          {"vocab_size", 7},
          {"hidden_size", 4},
          {"intermediate_size", 6},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 2},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 1000},
          {"tie_word_embeddings", true}};
}

void put(const std::string& path, const json& value) {
  write_file_atomic(path, value.dump());
}

Qwen3<On<Cpu>> some_model() {
  Initializer init(3);
  return {qwen3_config_of(configuration(), "F"), init};
}

/// Writes those of the model's parameters that `which` takes, as "model.NAME", and one of a head that nobody
/// wants.
json save(const test::Folder& folder, const std::string& file,
          const std::function<bool(const std::string&)>& which, bool with_head = false) {
  const auto model = some_model();
  std::vector<TensorEntry> entries;
  json map = json::object();
  for_each_parameter(
      model,
      [&](const std::string& name, const Tensor<float>& x) {
        if (which(name)) entries.push_back({name, TensorType::f32, x.shape()});
      },
      "model");
  if (with_head) entries.push_back({"lm_head.weight", TensorType::f32, Shape{7, 4}});
  for (const auto& entry : entries) map[entry.name] = file;
  SafetensorsWriter writer(folder / file, entries, {});
  for_each_parameter(
      model,
      [&](const std::string& name, const Tensor<float>& x) {
        if (which(name)) writer.write(name, safetensors_view(name, x).bytes);
      },
      "model");
  if (with_head) {
    const Tensor<float> head({7, 4});
    writer.write("lm_head.weight", safetensors_view("lm_head.weight", head).bytes);
  }
  writer.commit();
  return map;
}

void save_shards(const test::Folder& folder) {
  const auto is_mlp = [](const std::string& name) { return name.find("mlp") != std::string::npos; };
  json map = save(
      folder, "model-00001-of-00002.safetensors", [&](const auto& name) { return !is_mlp(name); }, true);
  map.update(save(folder, "model-00002-of-00002.safetensors", is_mlp));
  put(folder / "model.safetensors.index.json", {{"metadata", {{"total_size", 1}}}, {"weight_map", map}});
  put(folder / "config.json", configuration());
}

std::vector<float> hidden(const Qwen3<On<Cpu>>& model) {
  return model.forward(Tensor<std::int64_t>::from_host({1, 3}, std::vector<std::int64_t>{1, 6, 2})).to_host();
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_file_and_shards) {
  const auto expected = hidden(some_model());
  {
    const test::Folder folder;
    save(
        folder, "model.safetensors", [](const auto&) { return true; }, true);
    put(folder / "config.json", configuration());
    BOOST_TEST(hidden(load_qwen3<On<Cpu>>(folder.path)) == expected);
    auto newer = configuration();
    newer.erase("rope_theta");
    newer["rope_parameters"] = {{"rope_theta", 1000.0}, {"rope_type", "default"}};
    put(folder / "config.json", newer);
    BOOST_TEST(hidden(load_qwen3<On<Cpu>>(folder.path)) == expected);
  }
  {
    const test::Folder folder;  // without a head there is no prefix
    save_parameters(folder / "model.safetensors", some_model());
    put(folder / "config.json", configuration());
    BOOST_TEST(hidden(load_qwen3<On<Cpu>>(folder.path)) == expected);
  }
  const test::Folder folder;
  save_shards(folder);
  BOOST_TEST(hidden(load_qwen3<On<Cpu>>(folder.path)) == expected);
  const auto narrow = load_qwen3<On<Cpu, Mixed>>(folder.path);
  BOOST_TEST(parameter_count(narrow) == parameter_count(some_model()));
  const ShardedSafetensors file(folder / "model.safetensors.index.json");
  BOOST_TEST(file.shards() == 2u);
  BOOST_TEST(file.contains("lm_head.weight"));
}

BOOST_AUTO_TEST_CASE(damaged_shards) {
  const test::Folder folder;
  const std::string index = folder / "model.safetensors.index.json";
  const auto refused = [&](const std::vector<std::string>& words) {
    check_throws<FileError>([&] { load_qwen3<On<Cpu>>(folder.path); }, words);
  };
  save_shards(folder);
  const json good = read_json_file(index, "test");

  std::filesystem::remove(folder / "model-00002-of-00002.safetensors");
  refused({"model-00002-of-00002.safetensors", "No such file"});
  save_shards(folder);
  std::filesystem::resize_file(folder / "model-00001-of-00002.safetensors", 500);
  refused({"[safetensors]", "model-00001-of-00002.safetensors"});
  save_shards(folder);

  const std::string tensor = "model.layers.0.mlp.up_proj.weight";
  const auto with = [&](const json& value) {
    json changed = good;
    changed["weight_map"][tensor] = value;
    put(index, changed);
  };
  with("model-00001-of-00002.safetensors");
  refused({"[sharded safetensors]", "\"" + tensor + "\"", "model-00001-of-00002.safetensors",
           "none of that name there"});
  for (const json& bad : {json("../model.safetensors"), json("/etc/passwd"), json(""), json(".."), json(3),
                          json(), json(std::string("model-00002-of-00002.safetensors\0", 33))}) {
    with(bad);
    refused({"[sharded safetensors] expected the name of a file beside it for \"" + tensor + "\"", index});
  }
  json lacking = good;
  lacking["weight_map"].erase(tensor);
  put(index, lacking);
  refused({"[load parameters]", "1 missing: \"" + tensor + "\" (6, 4)"});
  json extra = good;
  extra["weight_map"]["model.more"] = "model-00002-of-00002.safetensors";
  put(index, extra);
  refused({"\"model.more\"", "none of that name there"});
  for (const json& bad : {json::array(), json::object(), json{{"weight_map", 1}}}) {
    put(index, bad);
    refused({"an object \"weight_map\"", index});
  }
}

BOOST_AUTO_TEST_CASE(weights_that_are_no_numbers) {
  const test::Folder folder;
  auto model = some_model();
  for_each_parameter(model, [](const std::string& name, const Tensor<float>& parameter) {
    if (name == "norm.weight") parameter.data()[2] = std::numeric_limits<float>::quiet_NaN();
  });
  save_parameters(folder / "model.safetensors", model);
  put(folder / "config.json", configuration());
  check_throws<NonFiniteError>([&] { load_qwen3<On<Cpu>>(folder.path); },
                               {"finite numbers in", "nan in norm.weight"});
}

BOOST_AUTO_TEST_CASE(wrong_sizes) {
  const test::Folder folder;
  save_shards(folder);
  auto wrong = configuration();
  wrong["hidden_size"] = 1 << 20;  // nothing of that size is allocated
  wrong["vocab_size"] = 1 << 24;
  put(folder / "config.json", wrong);
  check_throws<FileError>([&] { load_qwen3<On<Cpu>>(folder.path); },
                          {"[load parameters]", "misshapen",
                           "\"model.embed_tokens.weight\" (7, 4) instead of (16777216, 1048576)"});
  wrong = configuration();
  wrong["num_hidden_layers"] = 2;
  put(folder / "config.json", wrong);
  check_throws<FileError>([&] { load_qwen3<On<Cpu>>(folder.path); }, {"11 missing", "model.layers.1."});
  std::filesystem::remove(folder / "config.json");
  check_throws<FileError>([&] { load_qwen3<On<Cpu>>(folder.path); }, {"config.json", "No such file"});
}

BOOST_AUTO_TEST_CASE(other_configurations) {
  const struct {
    const char* key;
    json value;
    const char* words;
  } defects[] = {
      {"model_type", "llama", "\"model_type\": \"qwen3\" in 'F', got \"llama\""},
      {"model_type", "qwen2", "got \"qwen2\""},
      {"hidden_act", "gelu", "\"hidden_act\": \"silu\""},
      {"attention_bias", true, "\"attention_bias\": false in 'F', got true"},
      {"use_sliding_window", true, "\"use_sliding_window\": false"},
      {"rope_scaling", {{"type", "yarn"}}, "\"rope_scaling\": null in 'F', got {\"type\":\"yarn\"}"},
      {"rope_parameters", {{"rope_type", "yarn"}}, "the \"rope_type\" \"default\" in 'F', got \"yarn\""},
      {"rope_parameters", {{"rope_type", "default"}}, "a positive number \"rope_theta\" in 'F', got none"},
      {"vocab_size", 0, "a \"vocab_size\" from 1 to 16777216 in 'F', got 0"},
      {"vocab_size", "many", "got \"many\""},
      {"hidden_size", -4, "a \"hidden_size\" from 1 to 1048576 in 'F', got -4"},
      {"hidden_size", 4.5, "got 4.5"},
      {"intermediate_size", nullptr, "a \"intermediate_size\" from 1 to 1048576 in 'F', got none"},
      {"num_hidden_layers", 2000000000, "from 1 to 1000"},
      {"num_attention_heads", 5,
       "\"num_key_value_heads\" that divide the ones of attention in 'F', got 2 and 5"},
      {"num_key_value_heads", ~std::uint64_t{0}, "got 18446744073709551615"},
      {"head_dim", 3, "an even \"head_dim\" in 'F', got 3"},
      {"rms_norm_eps", 0, "a positive number \"rms_norm_eps\" in 'F', got 0"},
      {"rope_theta", "big", "a positive number \"rope_theta\" in 'F', got \"big\""},
  };
  for (const auto& defect : defects) {
    auto root = configuration();
    root[defect.key] = defect.value;
    check_throws<FileError>([&] { qwen3_config_of(root, "F"); },
                            {"[Qwen3 configuration] expected ", defect.words});
  }
  check_throws<FileError>([] { qwen3_config_of(json::array(), "F"); }, {"an object in 'F', got array"});
}

BOOST_AUTO_TEST_SUITE_END()
