// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <concepts>

#include <pixnerd/nn/precision_by_name.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(precision_by_name)

BOOST_AUTO_TEST_CASE(auto_is_mixed_on_a_gpu_alone) {
  BOOST_TEST(precision_of<Cpu>("auto") == "full");
  BOOST_TEST(precision_of<Cuda>("auto") == "mixed");
  BOOST_TEST(precision_of<Cuda>("full") == "full");
  BOOST_TEST(precision_of<Cpu>("mixed") == "mixed");
}

BOOST_AUTO_TEST_CASE(names_become_policies) {
  const auto is_mixed = [](auto policy) { return std::same_as<decltype(policy), On<Cpu, Mixed>>; };
  BOOST_TEST(with_policy<Cpu>("mixed", is_mixed));
  BOOST_TEST(!with_policy<Cpu>("full", is_mixed));
}

BOOST_AUTO_TEST_SUITE_END()
