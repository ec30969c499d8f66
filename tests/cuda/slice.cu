// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_slice)

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const std::int64_t width : {1, 7, 16}) {
    for (const auto& [begin, end] : {std::pair{0, 9}, {1, 9}, {2, 6}, {4, 4}}) {
      compare_devices_in_all_types("slice", {{{3, 9, width}}},
                                   [b = begin, e = end](const auto& in) { return slice(in[0], 1, b, e); });
    }
    compare_devices<float>("slice of the first axis", {{{5, width}}},
                           [](const auto& in) { return slice(in[0], 0, 1, 4); });
    compare_devices<bfloat16>("slice, unaligned", {{{3, 9, width}}},
                              [](const auto& in) { return slice(shifted(in[0]), 1, 1, 9); });
  }
}

BOOST_AUTO_TEST_CASE(one_tensor_cut_twice) {
  compare_devices_in_all_types("slice", {{{3, 9, 8}}},
                               [](const auto& in) { return slice(in[0], 1, 0, 4) * slice(in[0], 1, 3, 7); });
}

BOOST_AUTO_TEST_SUITE_END()
