// SPDX-License-Identifier: MIT
#include <pixnerd/optim/parameter_store.hpp>

#include <cstring>
#include <memory>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(parameter_store)

namespace {

using Layer = Linear<On<Cpu>>;
using Store = ParameterStore<On<Cpu>>;

struct Pair {
  Layer a, b;
  explicit Pair(Initializer& init) : a(3, 5, init), b(5, 2, init, false) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("a", self.a);
    visitor("b", self.b);
  }
};

struct Twice {
  Layer a;
  static void visit(auto& self, auto&& visitor) {
    visitor("a", self.a);
    visitor("a", self.a);
  }
};

/// Under Mixed, a parameter of the optimizer's type before others of the layers'.
struct NormedLinear {
  RmsNorm<On<Cpu, Mixed>> norm;
  Linear<On<Cpu, Mixed>> linear;
  explicit NormedLinear(Initializer& init) : norm(5, init), linear(5, 3, init) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("norm", self.norm);
    visitor("linear", self.linear);
  }
};

struct Nothing {
  Tensor<float> none, empty;
  static void visit(auto& self, auto&& visitor) {
    visitor("none", self.none);
    visitor("empty", self.empty);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(moves_parameters_and_keeps_their_values) {
  Initializer init(1), again(1);
  Pair model(init);
  const Pair reference(again);
  const Store store(model);
  BOOST_TEST_REQUIRE(store.entries().size() == 3);
  const std::vector<std::string> names = {"a.weight", "a.bias", "b.weight"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& entry = store.entries()[i];
    BOOST_TEST(entry.name == names[i]);
    BOOST_TEST(entry.offset % 16 == 0);
    BOOST_TEST(entry.averaged);
  }
  BOOST_TEST(store.count() == 16 + 16 + 16);
  BOOST_TEST(reinterpret_cast<std::uintptr_t>(store.weights().data()) % 64 == 0);
  BOOST_TEST(model.a.bias.data() == store.weights().data() + 16);
  BOOST_TEST((model.b.weight.shape() == Shape{2, 5}));
  BOOST_TEST(model.a.weight.to_host() == reference.a.weight.to_host(), boost::test_tools::per_element());
  BOOST_TEST(model.a.bias.to_host() == reference.a.bias.to_host(), boost::test_tools::per_element());
  BOOST_TEST(model.b.weight.to_host() == reference.b.weight.to_host(), boost::test_tools::per_element());
  // Between the parameters: zeros.
  BOOST_TEST(store.weights().data()[15] == 0.0f);
  BOOST_TEST(store.gradients().data()[15] == 0.0f);
  BOOST_TEST(store.entry_at(0).name == "a.weight");
  BOOST_TEST(store.entry_at(15).name == "a.weight");
  BOOST_TEST(store.entry_at(16).name == "a.bias");
  BOOST_TEST(store.entry_at(47).name == "b.weight");
}

BOOST_AUTO_TEST_CASE(collects_gradients_and_forgets_them_without_a_pass) {
  Initializer init(2);
  Pair model(init);
  Store store(model);
  const auto x = random_tensor<float>({4, 3}, 1);
  const auto backward = [&] {
    Tape tape;
    const auto y = model.a(x);
    tape.backward(y, Tensor<float>::full(y.shape(), 1.0f));
  };
  backward();
  const auto once = grad(model.a.bias).to_host();
  BOOST_TEST(once == std::vector<float>(5, 4.0f), boost::test_tools::per_element());
  BOOST_TEST(store.gradients().data()[16] == 4.0f);
  backward();  // adds
  BOOST_TEST(store.gradients().data()[16] == 8.0f);
  // Forgetting is no pass over memory; what backward does not reach is zeroed when gradients are asked for.
  const float* const slab = store.gradients().data();
  store.gradients().data()[32] = 7.0f;
  store.zero_grad();
  BOOST_TEST(slab[16] == 8.0f);
  BOOST_TEST(slab[32] == 7.0f);
  backward();  // overwrites
  BOOST_TEST(slab[16] == 4.0f);
  BOOST_TEST(slab[32] == 7.0f);
  BOOST_TEST(store.gradients().data()[32] == 0.0f);
  BOOST_TEST(store.gradients().data()[16] == 4.0f);
  store.zero_grad();
  for (const float g : store.gradients().to_host()) BOOST_TEST(g == 0.0f);
}

BOOST_AUTO_TEST_CASE(survives_moves_and_shares_with_copies) {
  Initializer init(3);
  auto model = std::make_unique<Pair>(init);
  Store first(*model);
  Store store = std::move(first);
  const Pair copy = *model;
  Pair moved = std::move(*model);
  model.reset();
  store.weights().data()[16] = 42.0f;
  BOOST_TEST(moved.a.bias.data()[0] == 42.0f);
  BOOST_TEST(copy.a.bias.data()[0] == 42.0f);
}

BOOST_AUTO_TEST_CASE(earlier_copies_keep_their_own_gradients) {
  Initializer init(3);
  Pair model(init);
  const Pair before = model;
  const Store store(model);
  BOOST_TEST(before.a.bias.data() != model.a.bias.data());
  BOOST_TEST(before.a.bias.slot() != model.a.bias.slot());
}

BOOST_AUTO_TEST_CASE(helpers_are_not_averaged) {
  Initializer init(4);
  Pair model(init);
  Layer projector(2, 2, init);
  Store store(model, projector, "projector");
  BOOST_TEST(store.entries().size() == 5);
  BOOST_TEST(store.entries()[3].name == "projector.weight");
  BOOST_TEST(!store.entries()[3].averaged);
  BOOST_TEST(store.averaged_count() == 48);
  BOOST_TEST(store.count() == 48 + 16 + 16);
  BOOST_TEST(!store.average().defined());
  test::check_throws<ValueError>([&] { (void)store.averaged(model); }, {"started average"});
  store.start_average();
  BOOST_TEST(store.average().count() == 48);
  BOOST_TEST(std::memcmp(store.average().data(), store.weights().data(), 48 * sizeof(float)) == 0);

  const Pair averaged = store.averaged(model);
  BOOST_TEST(averaged.b.weight.data() == store.average().data() + 32);
  BOOST_TEST(averaged.b.weight.slot() == nullptr);
  BOOST_TEST(model.b.weight.data() == store.weights().data() + 32);
  Pair other(init);
  test::check_throws<ValueError>([&] { (void)store.averaged(other); }, {"a.weight", "elsewhere"});
}

BOOST_AUTO_TEST_CASE(doubled_names_and_shared_memory_are_errors_and_change_nothing) {
  Initializer init(5);
  Twice twice{Layer(2, 2, init)};
  const float* before = twice.a.weight.data();
  test::check_throws<ValueError>([&] { Store store(twice); }, {"parameter store", "two a.weight"});
  BOOST_TEST(twice.a.weight.data() == before);

  Pair tied(init);
  tied.b.weight = tied.a.weight;
  before = tied.a.weight.data();
  test::check_throws<ValueError>([&] { Store store(tied); }, {"b.weight", "shares", "a.weight"});
  BOOST_TEST(tied.a.weight.data() == before);
}

BOOST_AUTO_TEST_CASE(layers_of_another_type_read_rounded_copies) {
  Initializer init(7);
  Linear<On<Cpu, Mixed>> layer(3, 5, init);
  const auto before = layer.weight.to_host();
  ParameterStore<On<Cpu, Mixed>> store(layer);
  const auto& [weight, bias] = std::pair(store.entries()[0], store.entries()[1]);
  BOOST_TEST(layer.bias.data() == store.copies().data() + 16);
  BOOST_TEST(store.copies().count() == store.count());
  BOOST_TEST((layer.weight.to_host() == before));
  // Masters begin at the layer's numbers, widened.
  for (std::size_t i = 0; i < before.size(); ++i) BOOST_TEST(store.weights().data()[i] == float(before[i]));
  BOOST_TEST((store.copies().data()[15] == bfloat16(0.0f)));

  // Gradients are float32, in the slab.
  store.zero_grad();
  {
    Tape tape;
    const auto y = layer(Tensor<bfloat16>::full({300, 3}, bfloat16(1.0f)));
    tape.backward(y, Tensor<bfloat16>::full(y.shape(), bfloat16(1.0f)));
  }
  BOOST_TEST(store.gradients().data()[bias.offset] == 300.0f);
  BOOST_TEST(grad(layer.bias).data()[0] == 300.0f);

  store.start_average();
  const auto averaged = store.averaged(layer);
  BOOST_TEST(averaged.weight.slot() == nullptr);
  BOOST_TEST((averaged.weight.to_host() == before));
  store.part(store.weights(), weight).data()[2] = 1.0009765625f;  // rounds to 1
  store.part(store.average(), weight).data()[2] = 3.0f;
  BOOST_TEST((layer.weight.to_host() == before));
  store.refresh_copies();
  BOOST_TEST((layer.weight.data()[2] == bfloat16(1.0f)));
  BOOST_TEST(store.weights().data()[2] == 1.0009765625f);
  // The average is rounded once more by the next call.
  BOOST_TEST((averaged.weight.data()[2] == before[2]));
  (void)store.averaged(layer);
  BOOST_TEST((averaged.weight.data()[2] == bfloat16(3.0f)));
}

BOOST_AUTO_TEST_CASE(parameters_of_both_types_share_a_store) {
  Initializer init(11);
  NormedLinear model(init);
  model.norm.weight.data()[1] = 1.0009765625f;  // which bfloat16 does not hold
  const auto weight = model.norm.weight.to_host();
  ParameterStore<On<Cpu, Mixed>> store(model);
  BOOST_TEST(store.entries()[0].name == "norm.weight");
  BOOST_TEST(store.entries()[1].name == "linear.weight");
  BOOST_TEST(model.norm.weight.data() == store.weights().data());
  BOOST_TEST(model.linear.weight.data() == store.copies().data() + store.entries()[1].offset);
  BOOST_TEST((model.norm.weight.to_host() == weight));
  BOOST_TEST(parameter_count(model) == 5 + 15 + 3);

  Tape tape;
  const auto y = model.linear(model.norm(Tensor<bfloat16>::full({2, 5}, bfloat16(1.0f))));
  tape.backward(y, Tensor<bfloat16>::full(y.shape(), bfloat16(1.0f)));
  for (const auto& entry : store.entries())
    BOOST_TEST(store.part(store.gradients(), entry).data()[0] != 0.0f, entry.name);
  BOOST_TEST(grad(model.norm.weight).data() == store.gradients().data());

  // What the optimizer writes, norms see at once and the others in a rounded copy.
  store.start_average();
  store.weights().data()[1] = 3.0f;
  BOOST_TEST(model.norm.weight.data()[1] == 3.0f);
  store.refresh_copies();
  const auto averaged = store.averaged(model);
  BOOST_TEST((averaged.norm.weight.to_host() == weight));
  BOOST_TEST(averaged.norm.weight.data() == store.average().data());
  BOOST_TEST((averaged.linear.weight.to_host() == model.linear.weight.to_host()));
  BOOST_TEST(averaged.linear.weight.data() != model.linear.weight.data());
}

BOOST_AUTO_TEST_CASE(parts_of_a_slab_are_a_module) {
  Initializer init(10);
  Linear<On<Cpu, Mixed>> layer(3, 5, init), helper(2, 2, init);
  ParameterStore<On<Cpu, Mixed>> store(layer, helper, "helper");
  store.start_average();
  std::vector<std::string> names;
  const auto masters = store.named(store.weights());
  for_each_parameter(masters, [&](const std::string& name, const Tensor<float>& weight) {
    names.push_back(name);
    weight.zero();
  });
  BOOST_TEST(names == (std::vector<std::string>{"weight", "bias", "helper.weight", "helper.bias"}),
             boost::test_tools::per_element());
  store.refresh_copies();
  BOOST_TEST((layer.bias.data()[4] == bfloat16(0.0f)));
  BOOST_TEST(store.named(store.average()).tensors.size() == 2);
  BOOST_TEST(parameter_count(store.named(store.average())) == 20);
}

BOOST_AUTO_TEST_CASE(layers_of_the_same_type_read_the_weights) {
  Initializer init(8);
  Pair model(init);
  const Store store(model);
  static_assert(!Store::has_copies);
  BOOST_TEST(store.copies().data() == store.weights().data());
}

BOOST_AUTO_TEST_CASE(zeroed_gradients_are_added_to) {
  Initializer init(9);
  Pair model(init);
  Store store(model);
  store.zero_grad();
  BOOST_TEST(store.gradients().data()[0] == 0.0f);
  BOOST_TEST(model.a.weight.slot()->target<float>().add);
}

BOOST_AUTO_TEST_CASE(empty_parameters_and_modules_are_fine) {
  Initializer init(6);
  Nothing nothing{{}, Tensor<float>::zeros({0, 3})};
  Store store(nothing);
  BOOST_TEST(store.entries().size() == 1);
  BOOST_TEST(store.count() == 0);
  store.start_average();
  store.zero_grad();
  (void)store.gradients();
}

BOOST_AUTO_TEST_SUITE_END()
