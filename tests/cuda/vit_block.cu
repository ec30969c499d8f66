// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_vit_block)

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  const auto block = []<class T, class Device>(const std::vector<Tensor<T, Device>>& in) {
    Initializer init(1);
    const VitBlock<On<Device, Full<T>>> vit(16, 2, 24, init);
    return vit(in[0]);
  };
  compare_devices<float>("VitBlock", {{{2, 7, 16}}}, block);
  compare_devices<double>("VitBlock", {{{2, 7, 16}}}, block);
}

BOOST_AUTO_TEST_SUITE_END()
