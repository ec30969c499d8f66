// SPDX-License-Identifier: MIT
#include "compare.cuh"

#include <pixnerd/ops/weighted_sum.cuh>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_weighted_sum)

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  const auto sum_of = [](const auto& in) {
    std::vector<std::pair<double, std::remove_cvref_t<decltype(in[0])>>> sum;
    for (const auto& x : in) sum.emplace_back(0.5 - 0.3 * static_cast<double>(sum.size()), x);
    return weighted_sum(sum);
  };
  for (const std::size_t terms : {1, 2, 5, 8, 9, 17}) {
    for (const std::int64_t count : {0, 1, 7, 251, 4096, 70'003}) {
      const std::vector<Input> inputs(terms, Input{{count}});
      compare_devices<float>("weighted_sum", inputs, sum_of);
      compare_devices<double>("weighted_sum", inputs, sum_of);
      // A few bfloat16 may happen to cancel.
      if (count != 1 && count != 7) compare_devices<bfloat16>("weighted_sum", inputs, sum_of);
    }
  }
}

BOOST_AUTO_TEST_CASE(memory_may_begin_anywhere) {
  const auto run = []<class Device>(Device) {
    const auto x = Tensor<float, Device>::from_host({3, 5}, detail::random_elements<float>(15, 1));
    return detail::doubles_of(weighted_sum<float, Device>({{2.0, x.rows(1, 2)}, {-1.5, x.rows(2, 3)}}));
  };
  detail::check_close("weighted_sum", run(Cuda{}), run(Cpu{}), 1e-6);
}

BOOST_AUTO_TEST_SUITE_END()
