// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/optim/early_average.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(early_average)

static_assert(Optimizer<WithEarlyAverage<AdamW>, ParameterStore<On<Cpu>>>);
static_assert(OptimizerOnDevice<WithEarlyAverage<AdamW>, ParameterStore<On<Cpu>>>);

namespace {

/// The average's decay in a step, from how far it moved toward the weights.
double decay_in(std::int64_t step, double decay) {
  Initializer init(1);
  Linear<On<Cpu, Full<double>>> layer(1, 1, init, false);
  ParameterStore store(layer);
  store.start_average();
  const double before = store.average().rows(0, 1).item();
  copy_into(store.gradients(), Tensor<double>::full(store.gradients().shape(), 1.0));
  WithEarlyAverage<AdamW>{}.update(store, {.step = step, .rate = 0.5, .average_decay = decay});
  const double after = store.weights().rows(0, 1).item();
  return (store.average().rows(0, 1).item() - after) / (before - after);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_decay_rises_to_the_one_that_was_asked_for) {
  BOOST_TEST(std::abs(decay_in(1, 0.9999) - 2.0 / 11) < 1e-9);
  BOOST_TEST(std::abs(decay_in(90, 0.9999) - 91.0 / 100) < 1e-9);
  BOOST_TEST(std::abs(decay_in(90, 0.5) - 0.5) < 1e-9);
  BOOST_TEST(std::abs(decay_in(1000000, 0.999) - 0.999) < 1e-6);
}

BOOST_AUTO_TEST_SUITE_END()
