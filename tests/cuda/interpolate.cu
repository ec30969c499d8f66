// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_interpolate)

namespace {

auto to_size(std::int64_t height, std::int64_t width, Interpolation mode, InterpolationSteps steps = {}) {
  return [=](const auto& in) { return interpolate(in[0], height, width, mode, steps); };
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const auto mode : {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic}) {
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 7, 5}, Shape{1, 2, 33, 8}, Shape{0, 3, 4, 4}}) {
      for (const auto& [height, width] : {std::pair{1, 1}, {7, 5}, {3, 12}, {20, 4}})
        compare_devices_in_all_types("interpolate", {{shape}}, to_size(height, width, mode));
    }
    compare_devices_in_all_types("interpolate in steps", {{{1, 3, 5, 5}}},
                                 to_size(3, 4, mode, {5 / 3.1, 5 / 4.1}));
    compare_devices<float>("interpolate in wide steps", {{{1, 1, 9, 5}}}, to_size(6, 5, mode, {3.0, 0.1}));
    compare_devices<bfloat16>("interpolate, unaligned", {{{1, 2, 9, 5}}},
                              [mode](const auto& in) { return interpolate(shifted(in[0]), 6, 11, mode); });
  }
}

BOOST_AUTO_TEST_SUITE_END()
