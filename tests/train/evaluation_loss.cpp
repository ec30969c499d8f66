// SPDX-License-Identifier: MIT
#include <pixnerd/train/evaluation_loss.hpp>

#include <pixnerd/train/train_step.hpp>
#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(evaluation)

BOOST_AUTO_TEST_CASE(is_the_mean_loss_of_fixed_batches) {
  const auto model = test::small_pixnerd(1);
  const auto objective = flow_matching_objective(model);
  NoisingOptions noising;
  noising.null_label = {4};
  noising.label_dropout = 1;  // which an evaluation does not do
  const std::vector<test::Noise::Batch> batches{test::Noise(3)(), test::Noise(2, 3)()};
  const auto loss = [&] { return evaluation_loss<float, Cpu>(batches, noising, 7, objective); };
  const double once = loss();
  BOOST_TEST(once == loss());

  noising.label_dropout = 0;
  double sum = 0;
  for (const auto& data : batches) {
    const auto batch = draw_training_batch<float, Cpu>(data, noising, 7, 0);
    sum += static_cast<double>(objective(batch).item()) * static_cast<double>(data.labels.size());
  }
  BOOST_TEST(once == sum / 5);
  BOOST_TEST(once != (evaluation_loss<float, Cpu>(batches, noising, 8, objective)));

  // Cut into other batches, it is the same up to rounding.
  const std::vector<test::Noise::Batch> whole{test::Noise(5)()};
  BOOST_TEST(std::abs(once - evaluation_loss<float, Cpu>(whole, noising, 7, objective)) < 1e-6 * once);
  BOOST_TEST((evaluation_loss<float, Cpu>(std::vector<test::Noise::Batch>{}, noising, 7, objective)) == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
