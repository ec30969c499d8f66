// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <pixnerd/autograd/recompute.hpp>
#include <pixnerd/decoders/linear_decoder.hpp>
#include <pixnerd/io/parameters.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(pixnerd_c2i)

namespace {

PixnerdC2iConfig tiny() {
  return {.channels = 2,
          .patch = 2,
          .width = 8,
          .heads = 2,
          .depth = 2,
          .decoder = {.depth = 1, .features = 3, .ratio = 2},
          .classes = 3};
}

Tensor<std::int64_t> labels_of(const std::vector<std::int64_t>& values) {
  return Tensor<std::int64_t>::from_host({static_cast<std::int64_t>(values.size())}, values);
}

}  // namespace

BOOST_AUTO_TEST_CASE(published_implementation) {
  for (const std::string name : {"c2i_square", "c2i_rect"}) {
    const SafetensorsFile file(str_cat(PIXNERD_TEST_DATA, "/", name, ".safetensors"));
    const auto json = nlohmann::json::parse(file.metadata("config"));
    const auto total = json["num_blocks"].get<std::int64_t>(),
               depth = json["num_cond_blocks"].get<std::int64_t>();
    Initializer init(0);
    PixnerdC2i<On<Cpu>> model({.channels = json["in_channels"],
                               .patch = json["patch_size"],
                               .width = json["hidden_size"],
                               .heads = json["num_groups"],
                               .depth = depth,
                               .decoder = {.depth = total - depth,
                                           .features = json["hidden_size_x"],
                                           .ratio = json["nerf_mlpratio"]},
                               .classes = json["num_classes"]},
                              init);
    for_each_parameter(model, [&](const std::string& p, Tensor<float>& parameter) {
      copy_into(parameter, file.tensor<float>("param." + p));
    });
    auto x = file.tensor<float>("in.x");
    require_grad(x);
    Tape tape;
    const auto v = model.forward(x, file.tensor<float>("in.t"), file.tensor<std::int64_t>("in.y"));
    const auto loss = mean_squared_error(v, file.tensor<float>("in.target"));
    tape.backward(loss);
    BOOST_TEST(relative_error(v.to_host(), file.read<float>("out.v")) < 1e-5);
    BOOST_TEST(relative_error(loss.to_host(), file.read<float>("out.loss")) < 1e-5);
    BOOST_TEST(relative_error(grad(x).to_host(), file.read<float>("grad_in.x")) < 1e-4);
    int compared = 0;
    for_each_parameter(model, [&](const std::string& p, const Tensor<float>& parameter) {
      const double error = relative_error(grad(parameter).to_host(), file.read<float>("grad." + p));
      BOOST_TEST(error < 1e-4, name << " " << p << ": " << error);
      ++compared;
    });
    int expected = 0;
    for (const auto& entry : file.entries()) expected += entry.name.starts_with("grad.");
    BOOST_TEST(compared == expected);
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_the_whole_model) {
  Initializer init(1);
  const auto times = Tensor<double>::from_host({2}, std::vector<double>{0.2, 0.7});
  const auto call = [&](const auto& model, const auto& t) {
    return model.forward(t[0], times, labels_of({3, 1}));
  };
  check_module_gradient(PixnerdC2i<On<Cpu, Full<double>>>(tiny(), init), call,
                        {random_tensor({2, 2, 2, 4}, 1)});
}

BOOST_AUTO_TEST_CASE(the_decoder_can_be_exchanged) {
  using Policy = On<Cpu, Full<double>>;
  using Dit = PixnerdC2i<Policy, DitBlock<Policy>, LinearDecoder<Policy>>;
  Initializer init(1);
  const auto times = Tensor<double>::from_host({2}, std::vector<double>{0.2, 0.7});
  const auto call = [&](const auto& model, const auto& t) {
    return model.forward(t[0], times, labels_of({3, 1}));
  };
  check_module_gradient(Dit(tiny().with_decoder(LinearDecoderConfig{}), init), call,
                        {random_tensor({2, 2, 2, 4}, 1)});
}

BOOST_AUTO_TEST_CASE(published_parameter_counts) {
  auto init = Initializer::shapes_only();
  BOOST_TEST(parameter_count(PixnerdC2i<On<Cpu>>(PixnerdC2iConfig::large(), init)) == 452113795);
  BOOST_TEST(parameter_count(PixnerdC2i<On<Cpu>>(PixnerdC2iConfig::extra_large(), init)) == 700589219);
}

BOOST_AUTO_TEST_CASE(tap_sees_every_block) {
  Initializer init(1);
  const PixnerdC2i<On<Cpu>> model(tiny(), init);
  std::vector<std::int64_t> seen;
  const auto x = random_tensor<float>({1, 2, 4, 6}, 1);
  model.forward(x, Tensor<float>::full({1}, 0.5f), labels_of({0}),
                [&](std::int64_t block, const auto& tokens) {
                  seen.push_back(block);
                  BOOST_TEST((tokens.shape() == Shape{1, 6, 8}));
                });
  BOOST_TEST((seen == std::vector<std::int64_t>{0, 1}));
}

BOOST_AUTO_TEST_CASE(recomputing_blocks_changes_nothing) {
  Initializer init(1);
  const DitBlock<On<Cpu>> block(8, 2, init);
  const auto run = [&](bool again) {
    auto s = random_tensor<float>({2, 6, 8}, 1), condition = random_tensor<float>({2, 8}, 2);
    require_grad(s);
    require_grad(condition);
    for_each_parameter(block, [](const std::string&, const auto& p) { clear_grad(p); });
    const auto segment = [&](const auto& x, const auto& c) {
      return block(x, BlockContext<float, Cpu>{c, rotary_table<float, Cpu>(2, 3, 4), {}});
    };
    Tape tape;
    const auto y = again ? recompute(segment, s, condition) : segment(s, condition);
    tape.backward(y, random_tensor<float>({2, 6, 8}, 3));
    std::vector<std::vector<float>> out{y.to_host(), grad(s).to_host(), grad(condition).to_host()};
    for_each_parameter(block, [&](const std::string&, const auto& p) { out.push_back(grad(p).to_host()); });
    return out;
  };
  BOOST_TEST((run(false) == run(true)));
}

BOOST_AUTO_TEST_CASE(errors) {
  Initializer init(1);
  const PixnerdC2i<On<Cpu>> model(tiny(), init);
  const auto t = Tensor<float>::full({1}, 0.5f);
  BOOST_CHECK_THROW(model.forward(random_tensor<float>({1, 2, 4, 5}, 1), t, labels_of({0})), ShapeError);
  BOOST_CHECK_THROW(model.forward(random_tensor<float>({1, 3, 4, 4}, 1), t, labels_of({0})), ShapeError);
  BOOST_CHECK_THROW(model.forward(random_tensor<float>({1, 2, 4, 4}, 1), t, labels_of({0, 1})), ShapeError);
  BOOST_CHECK_THROW(model.forward(random_tensor<float>({1, 2, 4, 4}, 1), t, labels_of({4})), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
