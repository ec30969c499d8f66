// SPDX-License-Identifier: MIT
#include <pixnerd/ops/cast.cuh>
#include <pixnerd/ops/norm_modulate.cuh>

#include "devices.cuh"
#include "support/norm_weight.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_norm_modulate)

namespace {

const auto normalize = [](const auto& in) { return norm_modulate(in[0], norm_weight(in[1]), in[2], in[3]); };

std::vector<Input> inputs(std::int64_t batch, std::int64_t length, std::int64_t width) {
  return {{{batch, length, width}}, parameter({width}), {{batch, width}}, {{batch, width}}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const auto& shape :
       {Shape{1, 1, 1}, Shape{2, 3, 7}, Shape{0, 2, 8}, Shape{2, 0, 8}, Shape{2, 3, 0}, Shape{1, 0, 8},
        Shape{5, 13, 8}, Shape{2, 33, 64}, Shape{3, 5, 67}, Shape{1, 30, 16}}) {
    compare_devices_in_all_types("norm_modulate", inputs(shape[0], shape[1], shape[2]), normalize);
  }
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_in_every_layout) {
  for (const std::int64_t width : {128, 192, 200, 512, 768, 1024, 1152, 1536, 2048, 2056}) {
    compare_devices<bfloat16>("norm_modulate", inputs(2, 5, width), normalize);
    compare_devices<float>("norm_modulate", inputs(2, 5, width), normalize);
  }
  compare_devices<double>("norm_modulate", inputs(2, 5, 256), normalize);
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_over_many_blocks) {
  compare_devices<bfloat16>("norm_modulate", inputs(3, 700, 64), normalize);
  compare_devices<bfloat16>("norm_modulate", inputs(2, 150, 1152), normalize);
  compare_devices<float>("norm_modulate", inputs(70, 17, 192), normalize);
}

BOOST_AUTO_TEST_CASE(tokens_in_float32) {
  const auto of_float = [](const auto& in) {
    return norm_modulate(cast<float>(in[0]), norm_weight(in[1]), in[2], in[3]);
  };
  // Used twice, so that one of its gradients is added to the other.
  const auto twice = [](const auto& in) {
    const auto x = cast<float>(in[0]);
    return norm_modulate(x, norm_weight(in[1]), in[2],
                         norm_modulate(x, norm_weight(in[1]), in[3], in[2]).reshape(in[3].shape()));
  };
  for (const std::int64_t width : {1, 7, 8, 64, 67, 200, 1152, 2056}) {
    compare_devices<bfloat16>("norm_modulate of float32", inputs(3, 19, width), of_float);
    compare_devices<bfloat16>("norm_modulate of float32, twice", inputs(3, 1, width), twice, 1e-2);
    compare_unaligned<bfloat16>("norm_modulate of float32", inputs(3, 19, width), of_float);
  }
  // Rows that bfloat16 could read in packets and float32 cannot.
  const auto shifted = [](const auto& in) {
    const auto x = cast<float>(in[0]);
    const std::int64_t width = in[1].size(0);
    return norm_modulate(x.rows(4, 4 + 2 * width).reshape({1, 2, width}), norm_weight(in[1]), in[2], in[3]);
  };
  compare_devices<bfloat16>("norm_modulate of float32 from its fifth on",
                            {{{4 + 2 * 64}}, parameter({64}), {{1, 64}}, {{1, 64}}}, shifted);
}

BOOST_AUTO_TEST_CASE(inputs_that_want_no_gradient) {
  for (const std::int64_t width : {37, 64}) {
    const auto all = inputs(2, 30, width);
    for (std::size_t wanted = 0; wanted < all.size(); ++wanted) {
      compare_devices<bfloat16>(str_cat("norm_modulate, gradient of input ", wanted, " alone"), {all[wanted]},
                                [&]<class In>(const In& in) {
                                  using Device = typename In::value_type::device_type;
                                  In x;
                                  for (std::size_t k = 0; k < all.size(); ++k) {
                                    const auto values = detail::random_elements<bfloat16>(
                                        all[k].shape.count(), static_cast<std::uint32_t>(k));
                                    x.push_back(Tensor<bfloat16, Device>::from_host(all[k].shape, values));
                                  }
                                  x[wanted] = in[0];
                                  return normalize(x);
                                });
    }
  }
}

BOOST_AUTO_TEST_CASE(one_tensor_in_several_places) {
  for (const std::int64_t width : {5, 64}) {
    compare_devices<float>("norm_modulate of one tensor", {{{1, width}}}, [&](const auto& in) {
      return norm_modulate(in[0].reshape({1, 1, width}), norm_weight(in[0].reshape({width})), in[0], in[0]);
    });
    compare_devices<bfloat16>(
        "norm_modulate of one vector", {{{2, 9, width}}, parameter({width}), {{2, width}}},
        [](const auto& in) { return norm_modulate(in[0], norm_weight(in[1]), in[2], in[2]); });
    compare_devices<bfloat16>(
        "norm_modulate of one image's tensor", {{{1, width}}, parameter({width})}, [&](const auto& in) {
          return norm_modulate(in[0].reshape({1, 1, width}), norm_weight(in[1]), in[0], in[0]);
        });
  }
}

BOOST_AUTO_TEST_CASE(unaligned_memory) {
  for (const std::int64_t width : {64, 67, 300}) {
    compare_unaligned<bfloat16>("norm_modulate", inputs(3, 31, width), normalize);
    compare_unaligned<float>("norm_modulate", inputs(3, 31, width), normalize);
  }
}

BOOST_AUTO_TEST_CASE(rounds_where_the_cpu_does) {
  for (const std::int64_t width : {64, 1152, 67}) {
    const Shape shape{2, 8, width}, vectors{2, width};
    std::vector<std::vector<double>> results;
    for (const auto rounding : {RmsRounding::before_weight, RmsRounding::after_weight}) {
      const auto run = [&]<class Device>(Device) {
        const auto random = [](const Shape& s, std::uint32_t stream) {
          return Tensor<bfloat16, Device>::from_host(s, detail::random_elements<bfloat16>(s.count(), stream));
        };
        const auto weight =
            Tensor<float, Device>::from_host({width}, detail::random_elements<float>(width, 2));
        return detail::doubles_of(
            norm_modulate(random(shape, 1), weight, random(vectors, 3), random(vectors, 4), 1e-6, rounding));
      };
      const auto cpu = run(Cpu{}), gpu = run(Cuda{});
      std::int64_t different = 0;
      for (std::size_t i = 0; i < cpu.size(); ++i) different += cpu[i] != gpu[i];
      // Sums in another order move few values over the border between two.
      BOOST_TEST(different <= shape.count() / 500);
      results.push_back(gpu);
    }
    std::int64_t different = 0;
    for (std::size_t i = 0; i < results[0].size(); ++i) different += results[0][i] != results[1][i];
    BOOST_TEST(different >= shape.count() / 20);
  }
}

BOOST_AUTO_TEST_SUITE_END()
