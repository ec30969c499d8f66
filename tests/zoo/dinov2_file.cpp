// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

#include <pixnerd/zoo/dinov2_file.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(dinov2_file)

namespace {

Dinov2Config tiny() {
  return {.patch = 2, .grid = 3, .width = 8, .heads = 2, .depth = 2, .hidden = 12};
}

/// Writes a tiny model's parameters, those that `change` returns false for left out.
template <class Change>
std::string write_model(const test::Folder& folder, const std::string& name, Change change) {
  Initializer init(3);
  const Dinov2<On<Cpu>> model(tiny(), init);
  std::vector<SafetensorsView> views;
  std::vector<Tensor<float>> kept;
  for_each_parameter(model, [&](std::string parameter, Tensor<float> values) {
    if (!change(parameter, values)) return;
    kept.push_back(values);
    views.push_back(safetensors_view(parameter, values));
  });
  write_safetensors(folder / name, views);
  return folder / name;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sizes_are_those_of_the_tensors) {
  const test::Folder folder;
  Initializer init(3);
  const Dinov2<On<Cpu>> model(tiny(), init);
  for (const std::string prefix : {"", "encoder"}) {
    save_parameters(folder / "model.safetensors", model, prefix);
    const SafetensorsFile file(folder / "model.safetensors");
    BOOST_TEST((dinov2_config_of(file, prefix, 2) == tiny()));
    const auto loaded = load_dinov2<On<Cpu>>(file, prefix, 2);
    const auto x = random_tensor<float>({2, 3, 4, 10}, 1);
    BOOST_TEST((loaded.forward(x).to_host() == model.forward(x).to_host()));
  }
  const SafetensorsFile published(std::string(PIXNERD_TEST_DATA) + "/dinov2.safetensors");
  const auto config = dinov2_config_of(published, "param", 4);
  BOOST_TEST(
      (config ==
       Dinov2Config{.grid = 5, .width = 32, .heads = 4, .depth = 2, .hidden = 128, .mask_token = false}));
}

BOOST_AUTO_TEST_CASE(heads_have_64_features_unless_told) {
  const test::Folder folder;
  const auto path = write_model(folder, "narrow.safetensors", [](auto&, auto&) { return true; });
  check_throws<FileError>(
      [&] { load_dinov2<On<Cpu>>(SafetensorsFile(path)); },
      {"[load model]", "narrow.safetensors", "a width of 8, which is not that of heads of 64"});
  check_throws<FileError>([&] { load_dinov2<On<Cpu>>(SafetensorsFile(path), "", 3); }, {"8 for 3 heads"});
  Initializer init(3);
  const Dinov2<On<Cpu>> wide({.patch = 2, .grid = 1, .width = 96, .heads = 1, .depth = 0}, init);
  save_parameters(folder / "wide.safetensors", wide);
  check_throws<FileError>([&] { dinov2_config_of(SafetensorsFile(folder / "wide.safetensors")); },
                          {"wide.safetensors", "a width of 96"});
}

BOOST_AUTO_TEST_CASE(other_files) {
  const test::Folder folder;
  const auto refused = [&](const std::string& name, auto change, const std::vector<std::string>& words) {
    const auto path = write_model(folder, name, change);
    check_throws<FileError>([&] { load_dinov2<On<Cpu>>(SafetensorsFile(path), "", 2); }, words);
  };
  const auto renamed = [](const std::string& from, const std::string& to) {
    return [=](std::string& name, auto&) {
      if (name == from) name = to;
      return true;
    };
  };
  refused("a", renamed("mask_token", "register_tokens"), {"without registers", "register_tokens"});
  refused("b", renamed("mask_token", "blocks.0.mlp.w12.weight"), {"SwiGLU"});
  refused("c", renamed("mask_token", "embeddings.patch_embeddings.projection.weight"), {"another library"});
  refused("d", renamed("pos_embed", "positions"), {"no tensor \"pos_embed\""});
  refused("e", renamed("norm.bias", "norm.shift"), {"missing: \"norm.bias\"", "unexpected: \"norm.shift\""});
  refused("f", [](auto& name, auto&) { return !name.starts_with("blocks.1.mlp"); },
          {"4 missing: \"blocks.1.mlp.fc1.weight\" (12, 8)"});
  refused("g",
          [](auto& name, auto& values) {
            if (name == "pos_embed") values = random_tensor<float>({1, 9, 8}, 1);
            return true;
          },
          {"positions (1, 9, 8)"});
  check_throws<FileError>(
      [&] {
        load_dinov2<On<Cpu>>(SafetensorsFile(std::string(PIXNERD_TEST_DATA) + "/c2i_square.safetensors"));
      },
      {"[load model]", "no tensor \"patch_embed.proj.weight\""});
  const auto path = write_model(folder, "nan", [](auto& name, auto& values) {
    if (name == "norm.weight") values = Tensor<float>::full({8}, std::numeric_limits<float>::quiet_NaN());
    return true;
  });
  check_throws<NonFiniteError>([&] { load_dinov2<On<Cpu>>(SafetensorsFile(path), "", 2); },
                               {"nan in norm.weight"});
}

BOOST_AUTO_TEST_SUITE_END()
