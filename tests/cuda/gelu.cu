// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_gelu)

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const std::int64_t count : {0, 1, 7, 251, 4099, 100'003})
    compare_devices_in_all_types("gelu", {{{count}}}, [](const auto& in) { return gelu(in[0]); });
  compare_devices<bfloat16>("gelu, unaligned", {{{251}}},
                            [](const auto& in) { return gelu(shifted(in[0])); });
}

BOOST_AUTO_TEST_SUITE_END()
