// SPDX-License-Identifier: MIT
#include <pixnerd/ops/cast.cuh>
#include <pixnerd/ops/gated_residual.cuh>
#include <pixnerd/ops/silu.cuh>

#include "devices.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_gated_residual)

namespace {

const auto add_gated = [](const auto& in) { return gated_residual(in[0], in[1], in[2]); };

std::vector<Input> inputs(std::int64_t batch, std::int64_t length, std::int64_t width) {
  return {{{batch, length, width}}, {{batch, width}}, {{batch, length, width}}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const auto& shape :
       {Shape{1, 1, 1}, Shape{2, 3, 7}, Shape{0, 2, 8}, Shape{2, 0, 8}, Shape{2, 3, 0}, Shape{5, 13, 8},
        Shape{2, 33, 64}, Shape{3, 5, 67}, Shape{1, 701, 16}, Shape{2, 300, 72}, Shape{1, 300, 131}}) {
    compare_devices_in_all_types("gated_residual", inputs(shape[0], shape[1], shape[2]), add_gated);
  }
  compare_devices<bfloat16>("gated_residual", inputs(2, 150, 1152), add_gated);
}

BOOST_AUTO_TEST_CASE(tokens_in_float32) {
  const auto to_float = [](const auto& in) { return gated_residual(cast<float>(in[0]), in[1], in[2]); };
  const auto chain = [](const auto& in) {
    auto s = cast<float>(in[0]);
    for (int block = 0; block < 3; ++block) s = gated_residual(s, in[1], silu(cast<bfloat16>(s)));
    return s;
  };
  for (const std::int64_t width : {1, 7, 64, 67, 200}) {
    compare_devices<bfloat16>("gated_residual to float32", inputs(3, 37, width), to_float);
    compare_unaligned<bfloat16>("gated_residual to float32", inputs(3, 37, width), to_float);
    compare_devices<bfloat16>("chain of gated residuals in float32", {{{2, 9, width}}, {{2, width}}}, chain,
                              1e-2);
  }
  compare_devices<bfloat16>("gated_residual to float32", inputs(2, 150, 1152), to_float);
}

BOOST_AUTO_TEST_CASE(inputs_that_want_no_gradient) {
  for (const std::int64_t width : {37, 64}) {
    compare_devices<bfloat16>("gated_residual to s", {{{2, 9, width}}}, [](const auto& in) {
      const auto other = in[0].detach();
      return gated_residual(in[0], other.reshape({18, in[0].size(2)}).rows(3, 5), other);
    });
    compare_devices<bfloat16>("gated_residual of h", {{{2, 9, width}}}, [](const auto& in) {
      const auto other = in[0].detach();
      return gated_residual(other, other.reshape({18, in[0].size(2)}).rows(3, 5), in[0]);
    });
    compare_devices<bfloat16>("gated_residual by the gate", {{{2, width}}}, [](const auto& in) {
      const auto other = in[0].detach().reshape({2, 1, in[0].size(1)});
      return gated_residual(other, in[0], other);
    });
  }
}

BOOST_AUTO_TEST_CASE(one_tensor_in_several_places) {
  for (const std::int64_t width : {5, 64}) {
    compare_devices_in_all_types("gated_residual of one tensor", {{{2, width}}}, [&](const auto& in) {
      const auto s = in[0].reshape({2, 1, width});
      return gated_residual(s, in[0], s);
    });
    // A chain of residuals: the gradient's memory is handed down from one to the next, and added to.
    const auto chain = [](const auto& in) {
      auto x = silu(in[0]);
      for (int block = 0; block < 3; ++block) x = gated_residual(x, in[1], silu(x));
      return x;
    };
    compare_devices<float>("chain of gated residuals", {{{2, 9, width}}, {{2, width}}}, chain);
    compare_devices<double>("chain of gated residuals", {{{2, 9, width}}, {{2, width}}}, chain);
    compare_devices<bfloat16>("chain of gated residuals", {{{2, 9, width}}, {{2, width}}}, chain, 1e-2);
  }
}

BOOST_AUTO_TEST_CASE(unaligned_memory) {
  for (const std::int64_t width : {64, 67}) {
    compare_unaligned<bfloat16>("gated_residual", inputs(3, 31, width), add_gated);
    compare_unaligned<float>("gated_residual", inputs(3, 31, width), add_gated);
  }
}

BOOST_AUTO_TEST_SUITE_END()
