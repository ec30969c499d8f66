// SPDX-License-Identifier: MIT
#include "compare.cuh"

#include <pixnerd/ops/random_fill.cuh>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_random_fill)

namespace {

constexpr RandomKey key{0x123456789abcdefull, RandomPurpose::test, 3, 4};

/// Bits of what `fill` makes of a tensor on either device.
template <class T, class Fill>
void check_equal_bits(const Shape& shape, Fill fill) {
  const Tensor<T, Cpu> cpu(shape);
  const Tensor<T, Cuda> gpu(shape);
  fill(cpu);
  fill(gpu);
  const auto expected = cpu.to_host(), got = gpu.to_host();
  for (std::size_t i = 0; i < expected.size(); ++i)
    BOOST_TEST_REQUIRE((got[i] == expected[i]), str_cat(shape, " ", i));
}

template <class T>
void check_type() {
  for (const std::int64_t count : {0, 1, 3, 4, 1021, 1024, 70001}) {
    check_equal_bits<T>({count}, [](const auto& x) { fill_normal(x, key); });
    check_equal_bits<T>({count}, [](const auto& x) { fill_uniform(x, key); });
  }
  const std::vector<std::uint32_t> samples{4, 0xffffffffu, 0};
  for (const std::int64_t each : {0, 1, 4, 7, 1020, 5001}) {
    check_equal_bits<T>(
        {3, each}, [&](const auto& x) { fill_normal_per_sample(x, 11, RandomPurpose::noise, samples, 6); });
    // Memory that begins anywhere.
    check_equal_bits<T>({4, each}, [&](const auto& x) {
      x.zero();
      fill_normal_per_sample(x.rows(1, 4), 11, RandomPurpose::noise, samples, 6);
    });
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(float32_has_the_bits_of_the_cpu) {
  check_type<float>();
}

BOOST_AUTO_TEST_CASE(float64_has_the_bits_of_the_cpu) {
  check_type<double>();
}

BOOST_AUTO_TEST_CASE(bfloat16_has_the_bits_of_the_cpu) {
  check_type<bfloat16>();
}

BOOST_AUTO_TEST_SUITE_END()
