// SPDX-License-Identifier: MIT
#include <pixnerd/zoo/t2i_file.hpp>

#include <boost/test/unit_test.hpp>
#include <limits>

#include "support/changed_model.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(t2i_file)

namespace {

const std::string square = str_cat(PIXNERD_TEST_DATA, "/t2i_square.safetensors");

void check_refused(const std::string& name, const Tensor<float>& other, const std::string& words) {
  const test::Folder folder;
  const SafetensorsFile file(test::changed_model(folder, square, name, other));
  test::check_throws<Error>([&] { load_pixnerd_t2i<On<Cpu>>(file); }, {words, "model.safetensors"});
}

}  // namespace

BOOST_AUTO_TEST_CASE(sizes_from_shapes) {
  const SafetensorsFile file(square);
  BOOST_TEST(holds_pixnerd_t2i(file, "param"));
  BOOST_TEST(!holds_pixnerd_t2i(file));
  const auto config = pixnerd_t2i_config_of(file, "param");
  BOOST_TEST((config == PixnerdT2iConfig{.channels = 3,
                                         .patch = 4,
                                         .width = 32,
                                         .heads = 2,
                                         .depth = 2,
                                         .text_depth = 1,
                                         .decoder = {.depth = 2, .features = 8, .ratio = 2},
                                         .text_width = 20,
                                         .text_tokens = 6}));
  const auto model = load_pixnerd_t2i<On<Cpu>>(file, "param");
  for_each_parameter(model, [&](const std::string& name, const Tensor<float>& parameter) {
    BOOST_TEST((parameter.to_host() == file.read<float>("param." + name)), name);
  });
}

BOOST_AUTO_TEST_CASE(what_is_no_such_model_is_refused) {
  const SafetensorsFile classes(str_cat(PIXNERD_TEST_DATA, "/c2i_square.safetensors"));
  BOOST_TEST(!holds_pixnerd_t2i(classes, "param"));
  BOOST_CHECK_THROW(pixnerd_t2i_config_of(classes, "param"), FileError);
  check_refused("y_pos_embedding", {}, "no tensor \"y_pos_embedding\"");
  check_refused("y_pos_embedding", random_tensor<float>({6, 32}, 1), "y_pos_embedding");
  check_refused("s_embedder.proj.weight", random_tensor<float>({32, 47}, 1), "patches");
  check_refused("s_embedder.proj.weight", random_tensor<float>({32, 60}, 1), "channels");
  check_refused("x_embedder.embedder.0.weight", random_tensor<float>({8, 64}, 1), "0 channels");
  check_refused("blocks.0.attn.q_norm.weight", random_tensor<float>({15}, 1), "heads of 15");
  check_refused("blocks.2.param_generator1.0.weight", random_tensor<float>({200, 32}, 1), "generator");
  check_refused("y_embedder.norm.weight", random_tensor<float>({33}, 1), "misshapen");
  auto bias = random_tensor<float>({3}, 1);
  bias.data()[1] = std::numeric_limits<float>::infinity();
  check_refused("final_layer.linear.bias", bias, "inf in final_layer.linear.bias");
}

BOOST_AUTO_TEST_SUITE_END()
