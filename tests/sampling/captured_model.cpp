// SPDX-License-Identifier: MIT
#include <pixnerd/sampling/captured_model.hpp>

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/objectives/repa.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(captured_model)

namespace {

PixnerdC2i<On<Cpu>> small_model() {
  Initializer init(1);
  PixnerdC2i<On<Cpu>> model(
      {.patch = 4, .width = 24, .heads = 2, .depth = 2, .decoder = {.depth = 1, .features = 8}, .classes = 3},
      init);
  // Its head is zero at first.
  std::uint32_t stream = 0;
  for_each_parameter(model, [&](const std::string&, const Tensor<float>& parameter) {
    copy_into(parameter, scale(random_tensor<float>(parameter.shape(), ++stream), 0.2));
  });
  return model;
}

}  // namespace

BOOST_AUTO_TEST_CASE(samples_as_the_model_does) {
  const auto model = small_model();
  const auto labels = Tensor<std::int64_t>::from_host({2}, std::vector<std::int64_t>{0, 2});
  const auto no_class = Tensor<std::int64_t>::full({2}, 3);
  const auto noise = random_tensor<float>({2, 3, 8, 8}, 1);
  const CapturedModel replayed(model, labels);
  const Guidance guidance{.scale = 2, .lower = 0.1};
  const auto sample = [&](const auto& of) {
    return integrate(Adams(2), GuidedField(of, labels, no_class, guidance), noise, TimeGrid(4)).x.to_host();
  };
  BOOST_TEST(sample(replayed) == sample(model), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(taps_and_gradients_go_through) {
  const auto model = small_model();
  const auto labels = Tensor<std::int64_t>::full({2}, 1);
  const auto x = random_tensor<float>({2, 3, 8, 8}, 1);
  const auto t = Tensor<float>::full({2}, 0.5f);
  const CapturedModel replayed(model, labels);
  BlockTap<float, Cpu> tap(2);
  Tape tape;
  const auto velocity = replayed.forward(x, t, labels, tap);
  BOOST_TEST(tap.tokens().count() == 2 * 4 * 24);
  BOOST_TEST(velocity.slot() != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
