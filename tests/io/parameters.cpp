// SPDX-License-Identifier: MIT
/// \file
/// A model's parameters to a file and back: all of them or none.
#include <boost/test/unit_test.hpp>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(parameters)

namespace {

/// Nested, with a list, a missing bias and two element types.
struct Model {
  Linear<On<Cpu>> first;
  std::vector<Linear<On<Cpu>>> blocks;
  Tensor<double, Cpu> table;
  Tensor<bfloat16, Cpu> small;

  explicit Model(std::uint64_t seed) : Model(Initializer(seed)) {}
  explicit Model(Initializer init)
      : first(3, 2, init),
        table(init.normal<double, Cpu>({2, 2}, 1)),
        small(init.normal<bfloat16, Cpu>({3}, 1)) {
    blocks.emplace_back(2, 2, init, false);
    blocks.emplace_back(2, 1, init);
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("small", self.small);
    visitor("first", self.first);
    visitor("blocks", self.blocks);
    visitor("table", self.table);
  }
};

template <class Precision>
struct Pair {
  RmsNorm<On<Cpu, Precision>> norm;
  Linear<On<Cpu, Precision>> linear;

  explicit Pair(Initializer& init) : norm(2, init), linear(2, 1, init) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("norm", self.norm);
    visitor("linear", self.linear);
  }
};

/// Every parameter's elements as double.
std::vector<double> values(const Model& model) {
  std::vector<double> out;
  for_each_parameter(model, [&]<class T>(const std::string&, const Tensor<T, Cpu>& parameter) {
    for (const auto value : parameter.to_host()) {
      if constexpr (std::same_as<T, bfloat16>) {
        out.push_back(static_cast<float>(value));
      } else {
        out.push_back(value);
      }
    }
  });
  return out;
}

const std::vector<std::string> names = {"small",           "first.weight",  "first.bias", "blocks.0.weight",
                                        "blocks.1.weight", "blocks.1.bias", "table"};

}  // namespace

BOOST_AUTO_TEST_CASE(come_back) {
  const Folder folder;
  for (const std::string prefix : {"", "ema_denoiser", "a.b"}) {
    const std::string path = folder / "model.safetensors";
    const Model saved(1);
    Model loaded(2);
    BOOST_TEST(values(saved) != values(loaded));
    save_parameters(path, saved, prefix, {{"config", "{}"}});

    const SafetensorsFile file(path);
    BOOST_TEST(file.metadata("config") == "{}");
    BOOST_TEST(file.entries().size() == names.size());
    for (const auto& name : names)
      BOOST_TEST(file.contains(prefix.empty() ? name : prefix + "." + name), name);

    const float* place = loaded.first.weight.data();
    load_parameters(path, loaded, prefix);
    BOOST_TEST(values(saved) == values(loaded));
    BOOST_TEST(loaded.first.weight.data() == place);  // optimizers and averages hold on to the memory
    BOOST_TEST((loaded.first.weight.slot() != nullptr));
  }
}

BOOST_AUTO_TEST_CASE(two_models_in_one_file) {
  const Folder folder;
  const std::string path = folder / "both.safetensors";
  const Model model(1), average(2);
  std::vector<SafetensorsView> views;
  for_each_parameter(
      model, [&](const std::string& name, const auto& p) { views.push_back(safetensors_view(name, p)); },
      "denoiser");
  for_each_parameter(
      average, [&](const std::string& name, const auto& p) { views.push_back(safetensors_view(name, p)); },
      "ema_denoiser");
  write_safetensors(path, views);
  Model loaded(3);
  load_parameters(path, loaded, "ema_denoiser");
  BOOST_TEST(values(loaded) == values(average));
  load_parameters(path, loaded, "denoiser");
  BOOST_TEST(values(loaded) == values(model));
  check_throws<FileError>([&] { load_parameters(path, loaded, ""); },
                          {"7 missing: \"small\" (3), ", "14 unexpected: ", "\"denoiser.table\" (2, 2)"});
  check_throws<FileError>([&] { load_parameters(path, loaded, "denois"); },
                          {"under \"denois\" in '" + path + "'", "7 missing: \"denois.small\" (3), "});
}

BOOST_AUTO_TEST_CASE(other_floating_types_are_converted) {
  const Folder folder;
  const std::string path = folder / "linear.safetensors";
  Initializer init(1);
  Linear<On<Cpu>> single(2, 1, init);
  const std::vector<std::uint8_t> weight = {0x00, 0x3e, 0x00, 0xc0}, bias = {0xc0, 0x3f};
  write_safetensors(path,
                    {{"weight", TensorType::f16, {1, 2}, weight}, {"bias", TensorType::bf16, {1}, bias}});
  load_parameters(path, single);
  BOOST_TEST(single.weight.to_host() == (std::vector<float>{1.5f, -2}));
  BOOST_TEST(single.bias.item() == 1.5f);
}

BOOST_AUTO_TEST_CASE(a_mixed_model_rounds_what_it_computes_with_and_keeps_its_norms) {
  const Folder folder;
  const std::string path = folder / "full.safetensors", again = folder / "mixed.safetensors";
  constexpr float value = 1.0009765625f;  // rounds to 1
  Initializer init(1);
  Pair<Full<float>> full(init);
  full.norm.weight = Tensor<float>::full({2}, value);
  full.linear.bias = Tensor<float>::full({1}, value);
  save_parameters(path, full);
  Pair<Mixed> mixed(init), other(init);
  load_parameters(path, mixed);
  BOOST_TEST(mixed.norm.weight.to_host() == (std::vector<float>{value, value}));
  BOOST_TEST(float(mixed.linear.bias.item()) == 1.0f);

  save_parameters(again, mixed);
  BOOST_TEST((SafetensorsFile(again).entry("norm.weight").type == TensorType::f32));
  BOOST_TEST((SafetensorsFile(again).entry("linear.bias").type == TensorType::bf16));
  load_parameters(again, other);
  BOOST_TEST(other.norm.weight.to_host() == mixed.norm.weight.to_host());
  BOOST_TEST((other.linear.weight.to_host() == mixed.linear.weight.to_host()));
}

BOOST_AUTO_TEST_CASE(every_disagreement_is_listed_and_nothing_changed) {
  const Folder folder;
  const std::string path = folder / "other.safetensors";
  const std::vector<float> zeros(16);
  const auto view = [&](const std::string& name, const Shape& shape) {
    return safetensors_view(name, shape,
                            std::span<const float>(zeros).first(static_cast<std::size_t>(shape.count())));
  };
  const std::vector<std::int64_t> integers(4);
  write_safetensors(path, {view("m.first.weight", {2, 3}), view("m.first.bias", {1, 2}),
                           view("m.blocks.0.weight", {3, 2}), view("m.blocks.0.bias", {2}),
                           view("m.blocks.2.weight", {1}), view("other.thing", {1}), view("mm", {1}),
                           safetensors_view("m.table", Shape{2, 2}, std::span<const std::int64_t>(integers)),
                           view("m.blocks.1.weight", {1, 2})});
  Model model(1);
  const auto before = values(model);
  check_throws<FileError>(
      [&] { load_parameters(path, model, "m"); },
      {"[load parameters] expected the model's parameters under \"m\" in '" + path + "', got ",
       "2 missing: \"m.small\" (3), \"m.blocks.1.bias\" (1); ",
       "2 unexpected: \"m.blocks.0.bias\" (2), \"m.blocks.2.weight\" (1); ",
       "2 misshapen: \"m.first.bias\" (1, 2) instead of (2), \"m.blocks.0.weight\" (3, 2) instead of (2, "
       "2); ",
       "1 of another type: \"m.table\" I64 instead of F64"});
  BOOST_TEST(values(model) == before);
}

BOOST_AUTO_TEST_CASE(a_file_that_fails_half_way_changes_nothing) {
  const Folder folder;
  const std::string path = folder / "model.safetensors";
  save_parameters(path, Model(1));
  Model model(2);
  const auto before = values(model);
  const SafetensorsFile file(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  check_throws<FileError>([&] { load_parameters(file, model); }, {path, "its end"});
  BOOST_TEST(values(model) == before);
  check_throws<FileError>([&] { load_parameters(path, model); }, {path, "bytes of tensor data"});
  check_throws<FileError>([&] { load_parameters(folder / "none", model); }, {folder / "none"});
  BOOST_TEST(values(model) == before);
}

BOOST_AUTO_TEST_CASE(wider_numbers_are_rounded_to_a_narrow_model) {
  const Folder folder;
  const std::string path = folder / "wide.safetensors";
  Initializer init(1);
  const Linear<On<Cpu>> wide(3, 5, init);
  const Linear<On<Cpu, Full<double>>> wider(3, 5, init);
  Linear<On<Cpu, Mixed>> narrow(3, 5, init);
  const auto check = [&](const auto& saved) {
    save_parameters(path, saved);
    load_parameters(path, narrow);
    const auto expected = saved.weight.to_host();
    const auto loaded = narrow.weight.to_host();
    for (std::size_t i = 0; i < expected.size(); ++i)
      BOOST_TEST(loaded[i].bits == bfloat16(static_cast<float>(expected[i])).bits);
  };
  check(wide);
  check(wider);
  save_parameters(path, narrow);
  Linear<On<Cpu>> back(3, 5, init);
  load_parameters(path, back);
  for (int i = 0; i < 15; ++i) BOOST_TEST(back.weight.data()[i] == float(narrow.weight.data()[i]));
}

BOOST_AUTO_TEST_SUITE_END()
