// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include <pixnerd/autograd/recompute.hpp>
#include <pixnerd/decoders/linear_decoder.hpp>
#include <pixnerd/io/parameters.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/objectives/repa.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(mixed)

namespace {

/// What a reference file holds beside the parameters of the model that it was made with.
struct Reference {
  SafetensorsFile file;
  PixnerdC2iConfig config;

  explicit Reference(const std::string& name) : file(str_cat(PIXNERD_TEST_DATA, "/", name, ".safetensors")) {
    const auto json = nlohmann::json::parse(file.metadata("config"));
    const auto total = json["num_blocks"].get<std::int64_t>(),
               depth = json["num_cond_blocks"].get<std::int64_t>();
    config = {.channels = json["in_channels"],
              .patch = json["patch_size"],
              .width = json["hidden_size"],
              .heads = json["num_groups"],
              .depth = depth,
              .decoder = {.depth = total - depth,
                          .features = json["hidden_size_x"],
                          .ratio = json["nerf_mlpratio"]},
              .classes = json["num_classes"]};
  }
};

PixnerdC2iConfig tiny() {
  return {.channels = 2,
          .patch = 4,
          .width = 32,
          .heads = 2,
          .depth = 2,
          .decoder = {.depth = 1, .features = 8, .ratio = 2},
          .classes = 3};
}

/// Gives the parameters of modules of either precision the same random values, which bfloat16 holds exactly.
void fill(auto& module) {
  std::uint32_t stream = 1;
  for_each_parameter(module, [&]<class T>(const std::string& name, const Tensor<T>& parameter) {
    const bool norm = name.find("norm") != std::string::npos;
    const double deviation = 0.5 / std::sqrt(static_cast<double>(parameter.size(-1)));
    const auto values = random_tensor<float>(parameter.shape(), stream++).to_host();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<float>((norm ? 1 : 0) + deviation * values[i]);
      parameter.data()[i] = static_cast<T>(float(bfloat16(value)));
    }
  });
}

/// Loss, velocity and every gradient of flow matching and alignment together, in float32.
template <class Policy, template <class> class DecoderTemplate>
std::vector<std::vector<float>> train_once(const auto& decoder) {
  Initializer init(1);
  PixnerdC2i<Policy, DitBlock<Policy>, DecoderTemplate<Policy>> model(tiny().with_decoder(decoder), init);
  Repa<Policy> repa{{32, 12, init}, 2, 0.5};
  fill(model);
  fill(repa);
  auto x = random_tensor<float>({2, 2, 8, 12}, 50);
  require_grad(x);
  auto tap = repa.tap();
  Tape tape;
  const auto labels = Tensor<std::int64_t>::from_host({2}, std::vector<std::int64_t>{3, 1});
  const auto times = Tensor<float>::from_host({2}, std::vector<float>{0.2f, 0.7f});
  const Tensor<float> v = model.forward(x, times, labels, tap);
  const Tensor<float> alignment = repa.alignment(tap, random_tensor<float>({2, 6, 12}, 51)),
                      total =
                          repa.total(mean_squared_error(v, random_tensor<float>(x.shape(), 52)), alignment);
  std::vector<std::vector<float>> out{v.to_host(), alignment.to_host(), total.to_host()};
  tape.backward(total);
  out.push_back(grad(x).to_host());
  const auto append = [&](const std::string&, const auto& parameter) {
    const Tensor<float> gradient = grad(parameter);
    out.push_back(gradient.to_host());
  };
  for_each_parameter(model, append);
  for_each_parameter(repa, append);
  return out;
}

template <template <class> class DecoderTemplate>
void check_training(const auto& decoder) {
  const auto narrow = train_once<On<Cpu, Mixed>, DecoderTemplate>(decoder),
             wide = train_once<On<Cpu>, DecoderTemplate>(decoder);
  BOOST_TEST_REQUIRE(narrow.size() == wide.size());
  for (std::size_t i = 0; i < wide.size(); ++i) {
    const double error = relative_error(narrow[i], wide[i]);
    BOOST_TEST(error < (i < 3 ? 2e-2 : 4e-2), "result " << i << " is off by " << error);
  }
}

template <class Policy>
using PlainFieldDecoder = NeuralFieldDecoder<Policy>;

}  // namespace

// No further from the published float32 results than half as far again as the published code is under
// bfloat16 autocast.
BOOST_AUTO_TEST_CASE(published_implementation) {
  std::ifstream errors_file(str_cat(PIXNERD_TEST_DATA, "/bf16_error.json"));
  const auto errors = nlohmann::json::parse(errors_file);
  for (const std::string name : {"c2i_square", "c2i_rect"}) {
    const Reference reference(name);
    const auto& file = reference.file;
    Initializer init(0);
    PixnerdC2i<On<Cpu, Mixed>> model(reference.config, init);
    load_parameters(file, model, "param");
    auto x = file.tensor<float>("in.x");
    require_grad(x);
    Tape tape;
    const Tensor<float> v = model.forward(x, file.tensor<float>("in.t"), file.tensor<std::int64_t>("in.y"));
    tape.backward(mean_squared_error(v, file.tensor<float>("in.target")));

    double worst = 0;
    const auto compare = [&](const std::string& entry, const Tensor<float>& ours) {
      const double error = relative_error(ours.to_host(), file.read<float>(entry)),
                   theirs = errors[name][entry].get<double>();
      BOOST_TEST(error <= 1.5 * theirs, name << " " << entry << ": " << error << ", theirs " << theirs);
      worst = std::max(worst, error / theirs);
    };
    BOOST_TEST(relative_error(v.to_host(), file.read<float>("out.v")) <= 3e-2);
    compare("grad_in.x", grad(x));
    int compared = 0;
    for_each_parameter(model, [&](const std::string& p, const auto& parameter) {
      compare("grad." + p, grad(parameter));
      ++compared;
    });
    int expected = 0;
    for (const auto& entry : file.entries()) expected += entry.name.starts_with("grad.");
    BOOST_TEST(compared == expected);
    BOOST_TEST_MESSAGE(name << ": at worst " << worst << " times the published code's error");
  }
}

BOOST_AUTO_TEST_CASE(close_to_float32_with_alignment) {
  check_training<PlainFieldDecoder>(tiny().decoder);
  check_training<LinearDecoder>(LinearDecoderConfig{});
}

BOOST_AUTO_TEST_CASE(recomputing_blocks_changes_nothing) {
  Initializer init(1);
  const DitBlock<On<Cpu, Mixed>> block(8, 2, init);
  const auto run = [&](bool again) {
    auto s = random_tensor<float>({2, 6, 8}, 1), condition = random_tensor<float>({2, 8}, 2);
    require_grad(s);
    require_grad(condition);
    for_each_parameter(block, [](const std::string&, const auto& p) { clear_grad(p); });
    const auto segment = [&](const auto& x, const auto& c) {
      return block(x, BlockContext<bfloat16, Cpu>{c, rotary_table<float, Cpu>(2, 3, 4), {}});
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

BOOST_AUTO_TEST_SUITE_END()
