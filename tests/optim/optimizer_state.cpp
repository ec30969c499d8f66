// SPDX-License-Identifier: MIT
#include <pixnerd/optim/optimizer_state.hpp>

#include <array>
#include <limits>

#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(optimizer_state)

namespace {

struct Weight {
  Tensor<float> values = Tensor<float>::full({3}, 1.0f);
  static void visit(auto& self, auto&& visitor) { visitor("values", self.values); }
};

/// Heavy-ball momentum: one slab.
struct Momentum {
  static constexpr std::array<std::string_view, 1> state_names{"velocities"};

  template <class Store>
  void update(Store& store, const UpdateSettings& settings) const {
    const auto velocity = store.start_state(*this)["velocities"];
    const auto& gradients = store.gradients();
    for (std::int64_t i = 0; i < store.count(); ++i) {
      velocity.data()[i] = 0.9f * velocity.data()[i] + gradients.data()[i];
      store.weights().data()[i] -= static_cast<float>(settings.rate) * velocity.data()[i];
    }
  }
};

/// Plain gradient descent: none.
struct Descent {
  static constexpr std::array<std::string_view, 0> state_names{};
  template <class Store>
  void update(Store& store, const UpdateSettings&) const {
    (void)store.start_state(*this);
  }
};

static_assert(Optimizer<Momentum, ParameterStore<On<Cpu>>>);
static_assert(Optimizer<Descent, ParameterStore<On<Cpu>>>);
static_assert(!OptimizerOnDevice<Momentum, ParameterStore<On<Cpu>>>);

}  // namespace

BOOST_AUTO_TEST_CASE(holds_what_its_optimizer_asks_for) {
  Weight weight;
  ParameterStore<On<Cpu>> store(weight);
  BOOST_TEST(store.state().slabs().empty());
  BOOST_TEST(!store.state()["velocities"].defined());
  const Momentum momentum;
  for (std::int64_t step = 1; step <= 2; ++step) {
    store.gradients().data()[1] = 1.0f;
    momentum.update(store, {.step = step, .rate = 0.5});
  }
  BOOST_TEST_REQUIRE(store.state().slabs().size() == 1);
  BOOST_TEST(store.state()["velocities"].data()[1] == 1.9f);
  BOOST_TEST(weight.values.data()[1] == 1.0f - 0.5f - 0.95f);
  BOOST_TEST(weight.values.data()[0] == 1.0f);
  test::check_throws<ValueError>([&] { (void)store.state()["moments"]; },
                                 {"one of velocities", "got moments"});
}

BOOST_AUTO_TEST_CASE(one_optimizer_serves_several_stores) {
  Weight first, second;
  ParameterStore<On<Cpu>> a(first), b(second);
  const AdamW optimizer;
  a.gradients().data()[0] = 1.0f;
  optimizer.update(a, {});
  optimizer.update(b, {});
  BOOST_TEST(a.state()["first_moments"].data()[0] != 0.0f);
  BOOST_TEST(b.state()["first_moments"].data()[0] == 0.0f);
}

BOOST_AUTO_TEST_CASE(a_store_keeps_to_one_kind_of_optimizer) {
  Weight weight;
  ParameterStore<On<Cpu>> store(weight);
  Descent{}.update(store, {});
  Momentum{}.update(store, {});
  test::check_throws<ValueError>([&] { AdamW{}.update(store, {}); },
                                 {"optimizer state", "with velocities", "with first_moments second_moments"});
  test::check_throws<ValueError>([&] { Descent{}.update(store, {}); }, {"with nothing"});
}

BOOST_AUTO_TEST_CASE(updates_take_gradients_that_backward_did_not_reach_as_zero) {
  Weight weight;
  ParameterStore<On<Cpu>> store(weight);
  store.gradients().data()[0] = std::numeric_limits<float>::quiet_NaN();
  store.zero_grad();
  BOOST_TEST(grad_norm(store, 1) == 0.0);
  store.gradients().data()[0] = std::numeric_limits<float>::quiet_NaN();
  store.zero_grad();
  AdamW{}.update(store, {});
  BOOST_TEST(weight.values.data()[0] == 1.0f);
}

BOOST_AUTO_TEST_SUITE_END()
