// SPDX-License-Identifier: MIT
#include "compare.cuh"
#include "support/norm_weight.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_qk_norm_rotary)

namespace {

/// One of the three outputs, or all of them behind each other where `part` is 3, so that all gradients are
/// there.
template <class T, class Device>
Tensor<T, Device> output_of(const std::vector<Tensor<T, Device>>& in, int part, bool turned) {
  using W = wide_t<T>;
  const Shape shape{in[0].size(1), in[1].size(0)};
  const auto angles = turned
                          ? Tensor<W, Device>::from_host(shape, detail::random_elements<W>(shape.count(), 9))
                          : Tensor<W, Device>{};
  return qk_norm_rotary(in[0], norm_weight(in[1]), norm_weight(in[2]),
                        angles)[static_cast<std::size_t>(part)];
}

template <class T>
void compare_parts(std::int64_t batch, std::int64_t positions, std::int64_t heads, std::int64_t width,
                   bool turned) {
  const std::vector<Input> inputs{
      {{batch, positions, 3 * heads * width}}, parameter({width}), parameter({width})};
  for (const int part : {0, 1, 2}) {
    compare_devices<T>(str_cat("qk_norm_rotary, part ", part, turned ? ", turned" : ""), inputs,
                       [=](const auto& in) { return output_of(in, part, turned); });
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const std::int64_t width : {2, 8, 10, 24, 64, 72, 96, 100, 128, 192, 200, 512}) {
    for (const bool turned : {false, true}) {
      compare_parts<float>(2, 5, 3, width, turned);
      compare_parts<bfloat16>(2, 5, 3, width, turned);
    }
  }
  for (const std::int64_t width : {2, 72, 96, 512}) compare_parts<double>(1, 3, 2, width, true);
  for (const std::int64_t width : {1, 3, 9, 511}) {
    compare_parts<float>(1, 3, 2, width, false);
    compare_parts<bfloat16>(1, 3, 2, width, false);
  }
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_for_many_tokens) {
  compare_parts<bfloat16>(3, 67, 5, 72, true);
  compare_parts<float>(3, 67, 5, 16, true);
  // More heads than 512 blocks take at once.
  compare_parts<float>(3, 701, 9, 6, true);
}

BOOST_AUTO_TEST_CASE(nothing_to_do) {
  compare_parts<float>(0, 3, 2, 8, true);
  compare_parts<bfloat16>(2, 0, 2, 8, true);
  compare_parts<double>(2, 3, 0, 8, true);
}

BOOST_AUTO_TEST_CASE(inputs_without_gradients) {
  const std::vector<Input> inputs{{{2, 5, 3 * 2 * 8}}, parameter({8}), parameter({8})};
  for (const std::size_t unwanted : {0, 1, 2}) {
    for (const int part : {0, 1}) {
      compare_devices_in_all_types("qk_norm_rotary", inputs, [=](const auto& in) {
        auto copies = in;
        copies[unwanted] = in[unwanted].detach();
        return output_of(copies, part, true);
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(one_weight_for_both) {
  compare_devices_in_all_types("qk_norm_rotary", {{{2, 5, 3 * 2 * 8}}, parameter({8})}, [](const auto& in) {
    return output_of(std::vector{in[0], in[1], in[1]}, 1, true);
  });
}

BOOST_AUTO_TEST_CASE(addresses_off_16_bytes) {
  const std::vector<Input> inputs{{{2, 5, 3 * 2 * 8}}, parameter({8}), parameter({8})};
  for (const std::size_t odd : {0, 1, 2}) {
    for (const int part : {0, 1, 2}) {
      compare_devices_in_all_types("qk_norm_rotary", inputs, [=](const auto& in) {
        auto copies = in;
        copies[odd] = shifted(in[odd]);
        return output_of(copies, part, true);
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(two_runs_give_the_same_bits) {
  auto run = [](const auto& in) { return output_of(in, 0, true); };
  const std::vector<Input> inputs{{{3, 67, 3 * 5 * 72}}, parameter({72}), parameter({72})};
  const auto first = detail::run_on<bfloat16, Cuda>(inputs, run, true);
  const auto second = detail::run_on<bfloat16, Cuda>(inputs, run, true);
  BOOST_TEST(first.output == second.output);
  BOOST_TEST(first.gradients == second.gradients);
}

BOOST_AUTO_TEST_SUITE_END()
