// SPDX-License-Identifier: MIT
// Products at the sizes of a large model, for which cuBLASLt may split the inner dimension and choose other
// kernels than for small ones.
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_large_products)

#ifdef __CUDACC__
constexpr std::int64_t factor = 1;
#else
constexpr std::int64_t factor = 64;  // for the emulation, smaller
#endif

BOOST_AUTO_TEST_CASE(two_runs_give_the_same_bits) {
  const auto layer = [](const auto& in) { return linear(in[0], in[1], in[2]); };
  for (const std::int64_t out : {1152 / factor, 3072 / factor}) {
    const std::int64_t rows = 8192 / factor, width = 1152 / factor;
    const std::vector<Input> inputs{{{rows, width}}, parameter({out, width}), parameter({out})};
    for (const bool add : {false, true}) {
      const auto first = detail::run_on<bfloat16, Cuda>(inputs, layer, add);
      for (int i = 0; i < 3; ++i) {
        const auto again = detail::run_on<bfloat16, Cuda>(inputs, layer, add);
        BOOST_TEST((again.output == first.output));
        BOOST_TEST((again.gradients == first.gradients));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
