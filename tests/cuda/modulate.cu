// SPDX-License-Identifier: MIT
#include <pixnerd/ops/modulate.cuh>

#include "devices.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_modulate)

namespace {

const auto shift_and_scale = [](const auto& in) { return modulate(in[0], in[1], in[2]); };

std::vector<Input> inputs(std::int64_t batch, std::int64_t length, std::int64_t width) {
  return {{{batch, length, width}}, {{batch, width}}, {{batch, width}}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const auto& shape :
       {Shape{1, 1, 1}, Shape{2, 3, 7}, Shape{0, 2, 8}, Shape{2, 0, 8}, Shape{2, 3, 0}, Shape{5, 13, 8},
        Shape{2, 33, 64}, Shape{3, 5, 67}, Shape{1, 701, 16}, Shape{2, 300, 72}, Shape{1, 300, 131}}) {
    compare_devices_in_all_types("modulate", inputs(shape[0], shape[1], shape[2]), shift_and_scale);
  }
  compare_devices<bfloat16>("modulate", inputs(2, 150, 1152), shift_and_scale);
}

BOOST_AUTO_TEST_CASE(inputs_that_want_no_gradient) {
  for (const std::int64_t width : {37, 64}) {
    compare_devices<bfloat16>("modulate of x", {{{2, 9, width}}}, [](const auto& in) {
      const auto other = in[0].detach().reshape({18, in[0].size(2)});
      return modulate(in[0], other.rows(0, 2), other.rows(2, 4));
    });
    compare_devices<bfloat16>("modulate by the shift", {{{2, width}}}, [](const auto& in) {
      const auto other = in[0].detach();
      return modulate(other.reshape({2, 1, in[0].size(1)}), in[0], other);
    });
    compare_devices<bfloat16>("modulate by the scale", {{{2, width}}}, [](const auto& in) {
      const auto other = in[0].detach();
      return modulate(other.reshape({2, 1, in[0].size(1)}), other, in[0]);
    });
  }
}

BOOST_AUTO_TEST_CASE(one_tensor_in_several_places) {
  for (const std::int64_t width : {5, 64}) {
    compare_devices_in_all_types("modulate by one vector", {{{2, 9, width}}, {{2, width}}},
                                 [](const auto& in) { return modulate(in[0], in[1], in[1]); });
    compare_devices_in_all_types("modulate of one tensor", {{{2, width}}}, [&](const auto& in) {
      return modulate(in[0].reshape({2, 1, width}), in[0], in[0]);
    });
  }
}

BOOST_AUTO_TEST_CASE(unaligned_memory) {
  for (const std::int64_t width : {64, 67}) {
    compare_unaligned<bfloat16>("modulate", inputs(3, 31, width), shift_and_scale);
    compare_unaligned<float>("modulate", inputs(3, 31, width), shift_and_scale);
  }
}

BOOST_AUTO_TEST_SUITE_END()
