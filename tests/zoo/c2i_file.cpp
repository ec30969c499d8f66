// SPDX-License-Identifier: MIT
#include <pixnerd/zoo/c2i_file.hpp>

#include <boost/test/unit_test.hpp>
#include <limits>

#include "support/changed_model.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(c2i_file)

namespace {

const std::string square = str_cat(PIXNERD_TEST_DATA, "/c2i_square.safetensors");

void check_refused(const std::string& name, const Tensor<float>& other, const std::string& words) {
  const test::Folder folder;
  const SafetensorsFile file(test::changed_model(folder, square, name, other));
  test::check_throws<Error>([&] { load_pixnerd_c2i<On<Cpu>>(file); }, {words, "model.safetensors"});
}

}  // namespace

BOOST_AUTO_TEST_CASE(sizes_from_shapes) {
  const SafetensorsFile file(square);
  const auto config = pixnerd_c2i_config_of(file, "param");
  BOOST_TEST((config == PixnerdC2iConfig{.patch = 4,
                                         .width = 32,
                                         .heads = 2,
                                         .depth = 2,
                                         .decoder = {.depth = 2, .features = 8, .ratio = 2},
                                         .classes = 10}));
  const auto model = load_pixnerd_c2i<On<Cpu>>(file, "param");
  for_each_parameter(model, [&](const std::string& name, const Tensor<float>& parameter) {
    BOOST_TEST((parameter.to_host() == file.read<float>("param." + name)), name);
  });
}

BOOST_AUTO_TEST_CASE(what_is_no_such_model_is_refused) {
  const SafetensorsFile texts(str_cat(PIXNERD_TEST_DATA, "/t2i_square.safetensors"));
  test::check_throws<FileError>([&] { pixnerd_c2i_config_of(texts, "param"); },
                                {"a class-conditional PixNerd in", "no tensor", "y_embedder"});
  check_refused("s_embedder.proj.weight", {}, "no tensor");
  check_refused("s_embedder.proj.weight", random_tensor<float>({32, 47}, 1), "patches");
  check_refused("x_embedder.embedder.0.weight", random_tensor<float>({8, 64}, 1), "0 channels");
  check_refused("y_embedder.embedding_table.weight", random_tensor<float>({1, 32}, 1), "of no class");
  check_refused("blocks.0.attn.q_norm.weight", random_tensor<float>({15}, 1), "heads of 15");
  check_refused("blocks.2.param_generator1.0.weight", random_tensor<float>({200, 32}, 1), "generator");
  auto bias = random_tensor<float>({3}, 1);
  bias.data()[1] = std::numeric_limits<float>::infinity();
  check_refused("final_layer.linear.bias", bias, "inf in final_layer.linear.bias");
}

BOOST_AUTO_TEST_SUITE_END()
