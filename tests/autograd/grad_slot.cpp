// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/autograd/grad_slot.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(grad_slot)

BOOST_AUTO_TEST_CASE(the_first_contribution_writes_and_later_ones_add) {
  GradSlot<Cpu> slot(2);
  BOOST_TEST(!slot.written());
  BOOST_TEST(!slot.gradient<float>({2}).defined());
  for (const float value : {1.0f, 2.0f, 4.0f}) {
    const auto target = slot.target<float>();
    BOOST_TEST(target.add == (value > 1));
    for (std::int64_t i = 0; i < 2; ++i) target.put(i, value);
  }
  BOOST_TEST((slot.gradient<float>({2, 1}).to_host() == std::vector<float>{7, 7}));
  slot.clear();
  BOOST_TEST(!slot.written());
  BOOST_TEST(!slot.target<float>().add);
}

BOOST_AUTO_TEST_CASE(bfloat16_gradients_are_added_in_float32) {
  bfloat16 element(1.0f);
  const GradTarget<bfloat16> target{&element, true};
  target.put(0, bfloat16(0.5f));
  BOOST_TEST(float(element) == 1.5f);
}

BOOST_AUTO_TEST_CASE(adopting_takes_memory_once) {
  GradSlot<Cpu> slot(3);
  const auto first = random_tensor({3}, 1), second = random_tensor({3}, 2);
  BOOST_TEST(slot.adopt(first));
  BOOST_TEST(!slot.adopt(second));
  BOOST_TEST(slot.gradient<double>({3}).data() == first.data());
  const auto target = slot.target<double>();
  BOOST_TEST(target.add);
  BOOST_TEST(target.data == first.data());
}

BOOST_AUTO_TEST_CASE(bound_memory_is_used_and_not_replaced) {
  GradSlot<Cpu> slot(3);
  const auto memory = random_tensor({3}, 1);
  slot.bind(memory);
  BOOST_TEST(!slot.written());
  BOOST_TEST(!slot.adopt(random_tensor({3}, 2)));
  BOOST_TEST(slot.target<double>().data == memory.data());
  slot.clear();
  BOOST_TEST(slot.target<double>().data == memory.data());
  BOOST_CHECK_THROW(slot.bind(random_tensor({4}, 1)), ShapeError);
}

BOOST_AUTO_TEST_CASE(element_types_do_not_mix) {
  GradSlot<Cpu> slot(3);
  (void)slot.target<float>();
  BOOST_CHECK_EXCEPTION(slot.target<double>(), ValueError, [](const auto& e) {
    return std::string(e.what()) == "[gradient] expected elements of 4 bytes, got float64";
  });
  BOOST_CHECK_THROW(slot.gradient<double>({3}), ValueError);
  slot.release();
  BOOST_CHECK_NO_THROW(slot.target<double>());
}

BOOST_AUTO_TEST_CASE(an_empty_gradient_counts_as_written) {
  GradSlot<Cpu> slot(0);
  BOOST_TEST(!slot.target<float>());
  BOOST_TEST(slot.written());
  BOOST_TEST(slot.gradient<float>({0, 3}).defined());
}

BOOST_AUTO_TEST_CASE(leaves) {
  auto x = random_tensor({2, 3}, 1);
  BOOST_TEST(!grad(x).defined());
  require_grad(x);
  const auto slot = x.slot();
  require_grad(x);
  BOOST_TEST((x.slot() == slot));
  BOOST_TEST(!grad(x).defined());
  const auto target = grad_target<double>(x.slot());
  for (std::int64_t i = 0; i < 6; ++i) target.put(i, 1);
  BOOST_TEST(grad(x).shape().string() == "(2, 3)");
  clear_grad(x);
  BOOST_TEST(!grad(x).defined());
  BOOST_TEST(!grad_target<double>(std::shared_ptr<GradSlot<Cpu>>()));
  clear_grad(Tensor<float>());
}

BOOST_AUTO_TEST_SUITE_END()
