// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_silu)

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const std::int64_t count : {0, 1, 7, 251, 4099, 100'003}) {
    compare_devices<float>("silu", {{{count}}}, [](const auto& in) { return silu(in[0]); });
    compare_devices<double>(
        "silu", {{{count}}}, [](const auto& in) { return silu(in[0]); }, 1e-12);
  }
}

BOOST_AUTO_TEST_SUITE_END()
