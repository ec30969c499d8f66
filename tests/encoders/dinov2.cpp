// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <pixnerd/encoders/dinov2.hpp>
#include <pixnerd/io/parameters.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(dinov2)

namespace {

SafetensorsFile reference(const std::string& name) {
  return SafetensorsFile(std::string(PIXNERD_TEST_DATA) + "/" + name + ".safetensors");
}

Dinov2Config tiny() {
  return {.patch = 2, .grid = 3, .width = 8, .heads = 2, .depth = 2, .hidden = 12};
}

/// The reference file's model.
template <class Precision>
Dinov2Encoder<On<Cpu, Precision>> reference_encoder(const SafetensorsFile& file) {
  const auto json = nlohmann::json::parse(file.metadata("config"));
  Initializer init(0);
  Dinov2<On<Cpu, Precision>> model(
      {.patch = json["patch_size"],
       .grid = json["img_size"].get<std::int64_t>() / json["patch_size"].get<std::int64_t>(),
       .width = json["embed_dim"],
       .heads = json["num_heads"],
       .depth = json["depth"],
       .hidden = 128,
       .position_offset = json["interpolate_offset"],
       .mask_token = false},
      init);
  load_parameters(file, model, "param");
  return Dinov2Encoder<On<Cpu, Precision>>(model, json["base_patch_size"]);
}

}  // namespace

BOOST_AUTO_TEST_CASE(resizing_equals_pytorch) {
  const auto file = reference("interpolate");
  const auto x = file.tensor<float>("x");
  int compared = 0;
  for (const auto& [name, mode] : {std::pair{"nearest", Interpolation::nearest},
                                   {"bilinear", Interpolation::bilinear},
                                   {"bicubic", Interpolation::bicubic}}) {
    for (const auto& entry : file.entries()) {
      if (!entry.name.starts_with(name)) continue;
      const auto y = interpolate(x, entry.shape[2], entry.shape[3], mode);
      BOOST_TEST(relative_error(y.to_host(), file.read<float>(entry.name)) < 1e-6, entry.name);
      ++compared;
    }
  }
  BOOST_TEST(compared == 9);
}

BOOST_AUTO_TEST_CASE(equals_the_reference) {
  const auto file = reference("dinov2");
  const auto encoder = reference_encoder<Full<float>>(file);
  const auto resized = encoder.prepared(file.tensor<float>("in.raw_image"));
  BOOST_TEST(relative_error(resized.to_host(), file.read<float>("mid.resized")) < 1e-6);
  const auto positions = encoder.model().position_grid({3, 3});
  BOOST_TEST((positions.shape() == file.entry("mid.pos_grid").shape));
  BOOST_TEST(relative_error(positions.to_host(), file.read<float>("mid.pos_grid")) < 1e-6);
  const auto tokens = encoder.model().forward(resized);
  BOOST_TEST((tokens.shape() == file.entry("out.patch_tokens").shape));
  BOOST_TEST(relative_error(tokens.to_host(), file.read<float>("out.patch_tokens")) < 1e-5);
}

BOOST_AUTO_TEST_CASE(mixed_is_near_the_reference) {
  const auto file = reference("dinov2");
  const auto encoder = reference_encoder<Mixed>(file);
  const auto tokens = encoder.model().forward(encoder.prepared(file.tensor<float>("in.raw_image")));
  const double error = relative_error(tokens.to_host(), file.read<float>("out.patch_tokens"));
  BOOST_TEST(error < 1e-2);
  BOOST_TEST(error > 1e-5);  // it does compute in bfloat16
}

BOOST_AUTO_TEST_CASE(features_are_the_tokens_of_images_from_minus_one_to_one) {
  const auto file = reference("dinov2");
  const auto encoder = reference_encoder<Full<float>>(file);
  static_assert(FeatureEncoder<std::remove_const_t<decltype(encoder)>, float, Cpu>);
  BOOST_TEST(encoder.feature_width() == 32);
  auto images = scale(file.tensor<float>("in.raw_image"), 2) - 1.0;
  require_grad(images);
  Tape tape;
  const auto features = encoder.features(images);
  BOOST_TEST(relative_error(features.to_host(), file.read<float>("out.patch_tokens")) < 1e-5);
  BOOST_TEST(!features.slot());
  BOOST_TEST(tape.size() == 0u);
}

BOOST_AUTO_TEST_CASE(gradient_of_the_whole_model) {
  Initializer init(1);
  for (const auto& [height, width] : {std::pair{6, 6}, {4, 10}}) {
    auto config = tiny();
    config.mask_token = false;
    check_module_gradient(Dinov2<On<Cpu, Full<double>>>(config, init),
                          [](const auto& model, const auto& in) { return model.forward(in[0]); },
                          {random_tensor({2, 3, height, width}, 1)});
  }
}

BOOST_AUTO_TEST_CASE(an_equal_grid_keeps_its_positions) {
  Initializer init(1);
  const Dinov2<On<Cpu>> model(tiny(), init);
  const auto learned = grid_tokens(model.position_grid({3, 3})).to_host();
  for_each_parameter(model, [&](const std::string& name, const Tensor<float>& parameter) {
    if (name == "pos_embed") BOOST_TEST((slice(parameter, 1, 1, 10).to_host() == learned));
  });
  // Not so where only one side is equal: the offset is in both steps.
  const auto wide = model.position_grid({3, 4});
  const auto rows = interpolate(grid_image(Tensor<float>::from_host({1, 9, 8}, learned), {3, 3}), 3, 4,
                                Interpolation::bicubic, {3 / 3.1, 3 / 4.1});
  BOOST_TEST((wide.to_host() == rows.to_host()));
}

BOOST_AUTO_TEST_CASE(parameters_have_their_published_names) {
  auto init = Initializer::shapes_only();
  const Dinov2<On<Cpu>> model(Dinov2Config{}, init);
  std::vector<std::string> names;
  for_each_parameter(model, [&](const std::string& name, const Tensor<float>& parameter) {
    if (name.starts_with("blocks.") && !name.starts_with("blocks.11.")) return;
    names.push_back(str_cat(name, " ", parameter.shape()));
  });
  BOOST_TEST(names == (std::vector<std::string>{"cls_token (1, 1, 768)",
                                                "pos_embed (1, 1370, 768)",
                                                "mask_token (1, 768)",
                                                "patch_embed.proj.weight (768, 3, 14, 14)",
                                                "patch_embed.proj.bias (768)",
                                                "blocks.11.norm1.weight (768)",
                                                "blocks.11.norm1.bias (768)",
                                                "blocks.11.attn.qkv.weight (2304, 768)",
                                                "blocks.11.attn.qkv.bias (2304)",
                                                "blocks.11.attn.proj.weight (768, 768)",
                                                "blocks.11.attn.proj.bias (768)",
                                                "blocks.11.ls1.gamma (768)",
                                                "blocks.11.norm2.weight (768)",
                                                "blocks.11.norm2.bias (768)",
                                                "blocks.11.mlp.fc1.weight (3072, 768)",
                                                "blocks.11.mlp.fc1.bias (3072)",
                                                "blocks.11.mlp.fc2.weight (768, 3072)",
                                                "blocks.11.mlp.fc2.bias (768)",
                                                "blocks.11.ls2.gamma (768)",
                                                "norm.weight (768)",
                                                "norm.bias (768)"}),
             boost::test_tools::per_element());
  BOOST_TEST(parameter_count(model) == 86'580'480);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit) {
  Initializer init(1);
  const Dinov2<On<Cpu>> model(tiny(), init);
  test::check_throws<ShapeError>(
      [&] {
        model.forward(random_tensor<float>({1, 4, 4, 4}, 1));
      },
      {"[Dinov2]", "images (B, 3, H, W)", "(1, 4, 4, 4)"});
  test::check_throws<ShapeError>(
      [&] {
        model.forward(random_tensor<float>({1, 3, 4, 5}, 1));
      },
      {"multiples of the patch's 2 x 2"});
  const Dinov2Encoder<On<Cpu>> encoder(model, 4);
  BOOST_TEST((encoder.features(random_tensor<float>({2, 3, 8, 12}, 1)).shape() == Shape{2, 6, 8}));
  test::check_throws<ShapeError>(
      [&] {
        encoder.features(random_tensor<float>({1, 3, 8, 10}, 1));
      },
      {"[Dinov2Encoder]", "multiples of 4", "(1, 3, 8, 10)"});
  test::check_throws<ShapeError>(
      [&] {
        encoder.features(random_tensor<float>({1, 1, 8, 8}, 1));
      },
      {"images (B, 3, H, W)"});
  BOOST_CHECK_THROW((Dinov2Encoder<On<Cpu>>(model, 0)), ValueError);
  auto odd = tiny();
  odd.heads = 3;
  BOOST_CHECK_THROW((Dinov2<On<Cpu>>(odd, init)), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
