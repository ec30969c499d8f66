// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include <pixnerd/zoo/qwen3_files.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(qwen3)

namespace {

Qwen3Config tiny() {
  return {.vocabulary = 7,
          .width = 4,
          .hidden = 6,
          .depth = 2,
          .heads = 4,
          .key_heads = 2,
          .head_width = 2,
          .rotary_theta = 100,
          .epsilon = 1e-5};
}

Tensor<std::int64_t> ids_of(const Shape& shape, const std::vector<std::int64_t>& values) {
  return Tensor<std::int64_t>::from_host(shape, values);
}

/// The reference's hidden states and those of the model that it holds.
template <class Precision>
double reference_error() {
  const SafetensorsFile file(str_cat(PIXNERD_TEST_DATA, "/qwen3.safetensors"));
  Initializer init(0);
  Qwen3<On<Cpu, Precision>> model(
      qwen3_config_of(nlohmann::json::parse(file.metadata("config")), file.path()), init);
  load_parameters(file, model, "param");
  const auto mask = file.read<std::int64_t>("in.mask");
  std::vector<std::int64_t> counts(3);
  for (std::size_t i = 0; i < mask.size(); ++i) counts[i / 12] += mask[i];
  const auto hidden = model.forward(file.tensor<std::int64_t>("in.ids"), ids_of({3}, counts));
  return relative_error(hidden.to_host(), file.read<float>("out.hidden"));
}

}  // namespace

BOOST_AUTO_TEST_CASE(published_implementation) {
  const double error = reference_error<Full<float>>();
  BOOST_TEST(error < 1e-5);
  const double mixed = reference_error<Mixed>();
  BOOST_TEST_MESSAGE("relative errors: float32 " << error << ", Mixed " << mixed);
  BOOST_TEST(mixed < 2e-2);
}

BOOST_AUTO_TEST_CASE(gradient_of_the_whole_model) {
  Initializer init(1);
  const auto ids = ids_of({2, 3}, {1, 2, 3, 6, 0, 0});
  check_module_gradient(Qwen3<On<Cpu, Full<double>>>(tiny(), init),
                        [&](const auto& model, const auto&) {
                          return model.forward(ids, ids_of({2}, {3, 1}));
                        },
                        {});
}

// What pads does not change the text before it, and the empty text has states: those of padding that sees
// itself.
BOOST_AUTO_TEST_CASE(padding) {
  Initializer init(1);
  const Qwen3<On<Cpu>> model(tiny(), init);
  const auto alone = model.forward(ids_of({1, 2}, {3, 4})).to_host();
  const auto padded = model.forward(ids_of({1, 5}, {3, 4, 0, 0, 0}), ids_of({1}, {2})).to_host();
  for (std::size_t i = 0; i < alone.size(); ++i)
    BOOST_TEST(padded[i] == alone[i], boost::test_tools::tolerance(1e-5f));
  const auto empty = model.forward(ids_of({1, 3}, {0, 0, 0}), ids_of({1}, {0})).to_host();
  for (std::size_t i = 0; i < empty.size(); ++i) {
    BOOST_TEST(std::isfinite(empty[i]));
    BOOST_TEST(empty[i] == empty[i % 4], boost::test_tools::tolerance(1e-5f));
  }
}

BOOST_AUTO_TEST_CASE(size_of_the_published_model) {
  auto init = Initializer::shapes_only();
  BOOST_TEST(parameter_count(Qwen3<On<Cpu, Mixed>>(Qwen3Config{}, init)) == 1'720'574'976);
}

BOOST_AUTO_TEST_CASE(bad_input) {
  Initializer init(1);
  const Qwen3<On<Cpu>> model(tiny(), init);
  BOOST_CHECK_THROW(model.forward(ids_of({2}, {1, 2})), ShapeError);
  BOOST_CHECK_THROW(model.forward(ids_of({1, 2}, {1, 7})), ValueError);
  BOOST_CHECK_THROW(model.forward(ids_of({1, 2}, {1, 2}), ids_of({2}, {1, 2})), ShapeError);
  auto config = tiny();
  config.key_heads = 3;
  BOOST_CHECK_THROW(Qwen3<On<Cpu>>(config, init), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
