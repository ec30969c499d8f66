// SPDX-License-Identifier: MIT
#include <pixnerd/ops/rms_norm.cuh>

#include "devices.cuh"
#include "support/norm_weight.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_rms_norm)

namespace {
const auto normalize = [](const auto& in) { return rms_norm(in[0], norm_weight(in[1])); };
}

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const Shape& shape :
       {Shape{1, 1}, Shape{3, 7}, Shape{0, 8}, Shape{5, 0}, Shape{301, 8}, Shape{67, 64}, Shape{5, 2, 67}}) {
    compare_devices_in_all_types("rms_norm", {{shape}, parameter({shape[-1]})}, normalize);
  }
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_in_every_layout) {
  for (const std::int64_t width : {128, 200, 256, 384, 512, 768, 1024, 1152, 1536, 2048, 2056, 2730}) {
    const std::vector<Input> inputs = {{{9, width}}, parameter({width})};
    compare_devices<bfloat16>("rms_norm", inputs, normalize);
    compare_devices<float>("rms_norm", inputs, normalize);
  }
  compare_devices<double>("rms_norm", {{{9, 256}}, parameter({256})}, normalize);
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_over_many_blocks) {
  compare_devices<bfloat16>("rms_norm", {{{9001, 64}}, parameter({64})}, normalize);
  compare_devices<float>("rms_norm", {{{2501, 32}}, parameter({32})}, normalize);
}

BOOST_AUTO_TEST_CASE(inputs_that_want_no_gradient) {
  for (const std::int64_t width : {37, 64}) {
    compare_devices<bfloat16>("rms_norm of x", {{{33, width}}}, [](const auto& in) {
      return rms_norm(in[0], norm_weight(in[0].detach().rows(0, 1).reshape({in[0].size(1)})));
    });
    compare_devices<bfloat16>("rms_norm of the weight", {parameter({width})}, [](const auto& in) {
      return rms_norm(in[0].detach().reshape({1, in[0].size(0)}), norm_weight(in[0]));
    });
  }
}

BOOST_AUTO_TEST_CASE(one_tensor_in_both_places) {
  for (const std::int64_t width : {5, 64}) {
    const auto twice = [](const auto& in) { return rms_norm(in[0], in[0]); };
    compare_devices<float>("rms_norm of one tensor", {{{width}}}, twice);
    compare_devices<double>("rms_norm of one tensor", {{{width}}}, twice);
  }
}

BOOST_AUTO_TEST_CASE(unaligned_memory) {
  for (const std::int64_t width : {64, 67, 300}) {
    compare_unaligned<bfloat16>("rms_norm", {{{41, width}}, parameter({width})}, normalize);
    compare_unaligned<float>("rms_norm", {{{41, width}}, parameter({width})}, normalize);
  }
}

BOOST_AUTO_TEST_CASE(rounds_where_the_cpu_does) {
  for (const std::int64_t width : {64, 1152, 67}) {
    const Shape shape{16, width};
    const auto x = detail::random_elements<bfloat16>(shape.count(), 1);
    const auto weight = detail::random_elements<float>(width, 2);
    std::vector<std::vector<double>> results;
    for (const auto rounding : {RmsRounding::before_weight, RmsRounding::after_weight}) {
      const auto run = [&]<class Device>(Device) {
        return detail::doubles_of(rms_norm(Tensor<bfloat16, Device>::from_host(shape, x),
                                           Tensor<float, Device>::from_host({width}, weight), 1e-6,
                                           rounding));
      };
      const auto cpu = run(Cpu{}), gpu = run(Cuda{});
      std::int64_t different = 0;
      for (std::size_t i = 0; i < cpu.size(); ++i) different += cpu[i] != gpu[i];
      // Sums in another order move few values over the border between two.
      BOOST_TEST(different <= shape.count() / 1000);
      results.push_back(gpu);
    }
    std::int64_t different = 0;
    for (std::size_t i = 0; i < results[0].size(); ++i) different += results[0][i] != results[1][i];
    BOOST_TEST(different >= shape.count() / 10);
  }
}

BOOST_AUTO_TEST_SUITE_END()
