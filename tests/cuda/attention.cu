// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_attention)

namespace {

/// Inputs q, k, v of an attention.
std::vector<Input> inputs(std::int64_t batch, std::int64_t queries, std::int64_t keys, std::int64_t heads,
                          std::int64_t width) {
  return {{{batch, queries, heads, width}}, {{batch, keys, heads, width}}, {{batch, keys, heads, width}}};
}

const auto of_three = [](const auto& in) { return attention(in[0], in[1], in[2]); };

template <class T, class Device>
Tensor<T, Device> scaled(const Tensor<T, Device>& x, float factor) {
  auto values = x.to_host();
  for (T& value : values) value = static_cast<T>(static_cast<wide_t<T>>(value) * wide_t<T>(factor));
  return with_slot_of(x, Tensor<T, Device>::from_host(x.shape(), values));
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu_for_every_width) {
  for (const std::int64_t width : {8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128})
    compare_devices<bfloat16>("attention", inputs(1, 70, 37, 2, width), of_three);
  // These are too odd or too wide for tensor cores.
  for (const std::int64_t width : {1, 3, 63, 136, 256}) {
    compare_devices<bfloat16>("attention", inputs(1, 21, 37, 2, width), of_three);
  }
  for (const std::int64_t width : {1, 8, 31, 33, 64, 72, 128, 129, 256})
    compare_devices<float>("attention", inputs(1, 37, 41, 2, width), of_three);
  for (const std::int64_t width : {1, 2, 72, 130})
    compare_devices<double>("attention", inputs(1, 37, 41, 2, width), of_three);
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_for_every_length) {
  const std::int64_t lengths[] = {1, 5, 16, 63, 64, 65, 100};
  for (const std::int64_t queries : lengths) {
    for (const std::int64_t keys : lengths)
      compare_devices<bfloat16>("attention", inputs(1, queries, keys, 1, 24), of_three);
    compare_devices<bfloat16>("attention", inputs(2, queries, queries, 3, 72), of_three);
    compare_devices<float>("attention", inputs(2, queries, 33, 1, 8), of_three);
    compare_devices<float>("attention", inputs(1, 33, queries, 2, 8), of_three);
  }
  compare_devices<bfloat16>("attention", inputs(3, 256, 256, 2, 72), of_three);
  compare_devices<bfloat16>("attention", inputs(1, 200, 300, 3, 64), of_three);
}

BOOST_AUTO_TEST_CASE(nothing_to_do) {
  compare_devices_in_all_types("attention", inputs(0, 5, 3, 2, 8), of_three);
  compare_devices_in_all_types("attention", inputs(2, 0, 3, 2, 8), of_three);
  compare_devices_in_all_types("attention", inputs(2, 3, 4, 0, 8), of_three);
}

BOOST_AUTO_TEST_CASE(one_tensor_in_several_places) {
  const std::vector<Input> two = {{{2, 70, 2, 24}}, {{2, 70, 2, 24}}};
  compare_devices_in_all_types("attention(x, x, x)", {two[0]},
                               [](const auto& in) { return attention(in[0], in[0], in[0]); });
  compare_devices_in_all_types("attention(x, y, y)", two,
                               [](const auto& in) { return attention(in[0], in[1], in[1]); });
  compare_devices_in_all_types("attention(x, x, y)", two,
                               [](const auto& in) { return attention(in[0], in[0], in[1]); });
  compare_devices_in_all_types("attention(x, y, x)", two,
                               [](const auto& in) { return attention(in[0], in[1], in[0]); });
}

BOOST_AUTO_TEST_CASE(inputs_without_gradients) {
  for (const int wanted : {0, 1, 2}) {
    compare_devices_in_all_types("attention", inputs(1, 66, 35, 2, 16), [wanted](const auto& in) {
      auto copies = in;
      for (int i = 0; i < 3; ++i) {
        if (i != wanted) copies[static_cast<std::size_t>(i)] = in[static_cast<std::size_t>(i)].detach();
      }
      return attention(copies[0], copies[1], copies[2]);
    });
  }
}

BOOST_AUTO_TEST_CASE(addresses_off_16_bytes) {
  for (const std::size_t odd : {0, 1, 2}) {
    compare_devices_in_all_types("attention", inputs(1, 66, 35, 2, 16), [odd](const auto& in) {
      auto changed = in;
      changed[odd] = shifted(in[odd]);
      return attention(changed[0], changed[1], changed[2]);
    });
  }
}

BOOST_AUTO_TEST_CASE(large_scores) {
  for (const std::int64_t width : {24, 72}) {
    // Scores are normal, times the factor: up to about +-80. In float32, half of it: there the rounding of
    // scores alone would make most of the tolerance.
    const auto of_large = [](float factor) {
      return [factor](const auto& in) { return attention(scaled(in[0], factor), in[1], in[2]); };
    };
    compare_devices<bfloat16>("attention of large scores", inputs(2, 100, 130, 2, width), of_large(20));
    compare_devices<float>("attention of large scores", inputs(1, 33, 65, 2, width), of_large(10));
    compare_devices<double>("attention of large scores", inputs(1, 33, 65, 2, width), of_large(20));
  }
}

BOOST_AUTO_TEST_CASE(scores_beyond_the_range_of_the_exponential) {
  const auto q = Tensor<bfloat16, Cuda>::full({1, 3, 1, 8}, bfloat16(1e4f));
  // All keys weigh the same, those of the second tile, whose values are 0, too.
  constexpr std::int64_t keys = 70, first = 64;
  const auto v = Tensor<bfloat16, Cuda>::zeros({1, keys, 1, 8});
  copy_into(v.reshape({keys, 8}).rows(0, first), Tensor<bfloat16, Cuda>::full({first, 8}, bfloat16(3.0f)));
  constexpr float mean = 3.0f * static_cast<float>(first) / static_cast<float>(keys), rounding = 1.0f / 64;
  for (const float sign : {1.0f, -1.0f}) {
    const auto k = Tensor<bfloat16, Cuda>::full({1, keys, 1, 8}, bfloat16(sign * 1e4f));
    for (const auto value : attention(q, k, v).to_host())
      BOOST_TEST_REQUIRE(std::abs(float(value) - mean) < rounding);
  }
}

BOOST_AUTO_TEST_CASE(two_runs_give_the_same_bits) {
  auto run = [](const auto& in) { return attention(in[0], in[1], in[2]); };
  const auto first = detail::run_on<bfloat16, Cuda>(inputs(2, 130, 100, 2, 72), run, true);
  const auto second = detail::run_on<bfloat16, Cuda>(inputs(2, 130, 100, 2, 72), run, true);
  BOOST_TEST(first.output == second.output);
  BOOST_TEST(first.gradients == second.gradients);
}

BOOST_AUTO_TEST_CASE(widths_without_a_kernel) {
  const auto x = Tensor<float, Cuda>::zeros({1, 2, 1, 257});
  BOOST_CHECK_EXCEPTION(attention(x, x, x), ShapeError, [](const ShapeError& error) {
    return std::string(error.what()).find("[attention]") == 0 &&
           std::string(error.what()).find("257") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
