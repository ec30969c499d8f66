// SPDX-License-Identifier: MIT
#include <pixnerd/ops/layer_norm.cuh>

#include "devices.cuh"
#include "support/norm_weight.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_layer_norm)

namespace {

const auto normalize = [](const auto& in) {
  return layer_norm(in[0], norm_weight(in[1]), norm_weight(in[2]));
};

std::vector<Input> inputs(const Shape& shape) {
  return {{shape}, parameter({shape[-1]}), parameter({shape[-1]})};
}

}  // namespace

// Weights are read 32 bytes at a time, from addresses that are checked to be multiples of 16. Newer GPUs have
// an access of 32 bytes, which an emulation does not, and a type that promises more alignment makes nvcc use
// it.
static_assert(alignof(detail::Vector<float, packet_width<bfloat16>>) == 16);
static_assert(alignof(detail::Vector<bfloat16, packet_width<bfloat16>>) == 16);
static_assert(alignof(detail::Vector<bfloat16, 1>) == 2);

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const Shape& shape :
       {Shape{1, 2}, Shape{3, 7}, Shape{0, 8}, Shape{5, 0}, Shape{301, 8}, Shape{67, 64}, Shape{5, 2, 67}})
    compare_devices_in_all_types("layer_norm", inputs(shape), normalize);
  for (const std::int64_t width : {128, 200, 768, 1024, 1536, 2056, 2730}) {
    compare_devices<bfloat16>("layer_norm", inputs({9, width}), normalize);
    compare_devices<float>("layer_norm", inputs({9, width}), normalize);
  }
  compare_devices<float>("layer_norm", inputs({2501, 32}), normalize);
}

BOOST_AUTO_TEST_CASE(inputs_that_want_no_gradient) {
  const auto row = [](const auto& in) { return in[0].detach().rows(0, 1).reshape({in[0].size(1)}); };
  for (const std::int64_t width : {37, 64}) {
    compare_devices<bfloat16>("layer_norm of x", {{{33, width}}}, [&](const auto& in) {
      return layer_norm(in[0], norm_weight(row(in)), norm_weight(row(in)));
    });
    const auto x = [](const auto& in) { return in[0].detach().reshape({1, in[0].size(0)}); };
    compare_devices<bfloat16>("layer_norm of the weight", {parameter({width})}, [&](const auto& in) {
      return layer_norm(x(in), norm_weight(in[0]), norm_weight(in[0].detach()));
    });
    compare_devices<bfloat16>("layer_norm of the bias", {parameter({width})}, [&](const auto& in) {
      return layer_norm(x(in), norm_weight(in[0].detach()), norm_weight(in[0]));
    });
  }
}

BOOST_AUTO_TEST_CASE(one_tensor_in_every_place) {
  const auto thrice = [](const auto& in) { return layer_norm(in[0], in[0], in[0]); };
  for (const std::int64_t width : {5, 64})
    compare_devices<double>("layer_norm of one tensor", {{{width}}}, thrice);
}

BOOST_AUTO_TEST_CASE(unaligned_memory) {
  for (const std::int64_t width : {64, 67}) {
    compare_unaligned<bfloat16>("layer_norm", inputs({41, width}), normalize);
    compare_unaligned<float>("layer_norm", inputs({41, width}), normalize);
  }
}

BOOST_AUTO_TEST_SUITE_END()
