// SPDX-License-Identifier: MIT
#include "compare.cuh"
#include "support/norm_weight.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_field_mlp)

namespace {

auto field(bool normalize_second = true) {
  return [=](const auto& in) { return field_mlp(in[0], in[1], norm_weight(in[2]), normalize_second); };
}

std::vector<Input> inputs(std::int64_t patches, std::int64_t pixels, std::int64_t width,
                          std::int64_t hidden) {
  return {{{patches, pixels, width}}, {{patches, 2 * width * hidden}}, parameter({width})};
}

template <class T>
void compare(std::int64_t patches, std::int64_t pixels, std::int64_t width, std::int64_t hidden) {
  for (const bool normalize_second : {true, false}) {
    compare_devices<T>(str_cat("field_mlp", normalize_second ? "" : " W1 normalized"),
                       inputs(patches, pixels, width, hidden), field(normalize_second));
  }
}

/// Inputs on both devices and what they give, with the wanted gradients of x, theta and the norm's weights.
template <class T, class Device>
std::vector<std::vector<double>> run(const std::vector<std::vector<T>>& values, std::int64_t pixels,
                                     std::int64_t width, const std::vector<bool>& wanted) {
  const auto count = static_cast<std::int64_t>(values[1].size()),
             patches = static_cast<std::int64_t>(values[0].size()) / pixels / width;
  auto x = Tensor<T, Device>::from_host({patches, pixels, width}, values[0]);
  auto theta = Tensor<T, Device>::from_host({patches, count / patches}, values[1]);
  auto weight = Tensor<T, Device>::from_host({width}, values[2]);
  Tensor<wide_t<T>, Device> grad_weight({width});
  if (wanted[0]) require_grad(x);
  if (wanted[1]) require_grad(theta);
  if (wanted[2]) {
    require_grad(weight);
    weight.slot()->bind(grad_weight);
  }
  Tape tape;
  const auto y = field_mlp(x, theta, norm_weight(weight));
  std::vector<std::vector<double>> out{detail::doubles_of(y)};
  tape.backward(y, Tensor<T, Device>::from_host(y.shape(), detail::random_elements<T>(y.count(), 9)));
  if (wanted[0]) out.push_back(detail::doubles_of(x.slot()->template gradient<T>(x.shape())));
  if (wanted[1]) out.push_back(detail::doubles_of(theta.slot()->template gradient<T>(theta.shape())));
  if (wanted[2]) out.push_back(detail::doubles_of(grad_weight));
  return out;
}

template <class T>
std::vector<std::vector<T>> random_values(std::int64_t patches, std::int64_t pixels, std::int64_t width,
                                          std::int64_t hidden) {
  return {detail::random_elements<T>(patches * pixels * width, 1),
          detail::random_elements<T>(patches * 2 * width * hidden, 2), detail::random_elements<T>(width, 3)};
}

template <class T>
void compare_values(const std::string& what, const std::vector<std::vector<T>>& values, std::int64_t pixels,
                    std::int64_t width, const std::vector<bool>& wanted = {true, true, true}) {
  const auto cpu = run<T, Cpu>(values, pixels, width, wanted),
             gpu = run<T, Cuda>(values, pixels, width, wanted);
  for (std::size_t k = 0; k < cpu.size(); ++k)
    detail::check_close(str_cat(what, " ", element_name<T>, ", result ", k), gpu[k], cpu[k],
                        device_tolerance<T>);
}

}  // namespace

BOOST_AUTO_TEST_CASE(any_size) {
  const std::int64_t sizes[][4] = {{1, 1, 1, 1},   {2, 3, 1, 4},    {3, 5, 3, 7},
                                   {17, 16, 8, 8}, {3, 33, 20, 40}, {1, 100, 20, 80},
                                   {2, 0, 3, 6},   {0, 4, 8, 8},    {1, 7, 70, 33}};
  for (const auto& [patches, pixels, width, hidden] : sizes) {
    compare<float>(patches, pixels, width, hidden);
    compare<double>(patches, pixels, width, hidden);
    compare<bfloat16>(patches, pixels, width, hidden);
  }
}

BOOST_AUTO_TEST_CASE(widths_and_ratios) {
  for (const std::int64_t width : {1, 8, 16, 20, 32, 64, 128}) {
    for (const std::int64_t ratio : {1, 2, 4}) {
      compare<float>(1, 18, width, width * ratio);
      compare<bfloat16>(1, 18, width, width * ratio);
    }
  }
}

BOOST_AUTO_TEST_CASE(float32_of_the_fast_widths) {
  compare<float>(3, 64, 32, 64);
  compare<float>(1, 256, 64, 128);
}

BOOST_AUTO_TEST_CASE(scratch_in_global_memory) {
  compare<double>(2, 5, 64, 256);
  compare<float>(1, 3, 128, 512);
  compare<bfloat16>(1, 3, 128, 512);
}

BOOST_AUTO_TEST_CASE(tensor_cores_every_width) {
  for (const std::int64_t width : {16, 32, 48, 64, 128}) {
    compare<bfloat16>(1, 16, width, width);
    compare<bfloat16>(2, 35, width, 2 * width);
  }
  compare<bfloat16>(1, 20, 16, 16 * 4);
  compare<bfloat16>(1, 20, 32, 32 * 4);
  compare<bfloat16>(1, 150, 64, 64 * 4);
  compare<bfloat16>(1, 20, 64, 48);
  compare<bfloat16>(1, 20, 16, 320);
}

BOOST_AUTO_TEST_CASE(tensor_cores_pixels_and_patches) {
  for (const std::int64_t pixels : {0, 1, 15, 16, 17, 64, 100, 144}) compare<bfloat16>(1, pixels, 32, 64);
  for (const std::int64_t patches : {0, 1, 3, 17}) compare<bfloat16>(patches, 20, 16, 32);
  compare<bfloat16>(2, 256, 64, 128);
  compare<bfloat16>(1, 576, 32, 64);
  compare<bfloat16>(300, 1, 16, 16);
}

BOOST_AUTO_TEST_CASE(columns_of_zeros) {
  const auto check = [](auto element, std::int64_t width, std::int64_t hidden) {
    using T = decltype(element);
    auto values = random_values<T>(2, 18, width, hidden);
    // One column of each matrix, and one that is not zero but below the smallest norm.
    for (std::int64_t i = 0; i < width; ++i) {
      values[1][static_cast<std::size_t>(i * hidden + 3)] = T(0.0f);
      values[1][static_cast<std::size_t>(i * hidden + 5)] = T(1e-14f);
    }
    for (std::int64_t i = 0; i < hidden; ++i) {
      values[1][static_cast<std::size_t>(width * hidden + i * width + 2)] = T(0.0f);
      values[1][static_cast<std::size_t>(width * hidden + i * width + 6)] = T(-1e-14f);
    }
    compare_values<T>("columns of zeros", values, 18, width);
    std::fill(values[1].begin(), values[1].end(), T(0.0f));
    const auto zeros = run<T, Cuda>(values, 18, width, {true, true, true});
    BOOST_TEST((zeros[0] == run<T, Cpu>(values, 18, width, {true, true, true})[0]));
    for (const double g : zeros[2]) BOOST_TEST_REQUIRE(std::isfinite(g));
  };
  check(float{}, 12, 20);
  check(bfloat16{}, 12, 20);
  check(bfloat16{}, 32, 64);
}

BOOST_AUTO_TEST_CASE(only_some_gradients) {
  for (unsigned wanted = 1; wanted < 8; ++wanted) {
    const std::vector<bool> list{(wanted & 1) != 0, (wanted & 2) != 0, (wanted & 4) != 0};
    compare_values<float>("some gradients", random_values<float>(2, 5, 6, 9), 5, 6, list);
    compare_values<bfloat16>("some gradients", random_values<bfloat16>(2, 20, 32, 32), 20, 32, list);
  }
}

BOOST_AUTO_TEST_CASE(gradient_shared_with_a_residual) {
  const auto twice = [](const auto& in) {
    const auto once = field_mlp(in[0], in[1], norm_weight(in[2]));
    return field_mlp(once, in[1], norm_weight(in[2]));
  };
  compare_devices<float>("field_mlp twice", inputs(2, 9, 6, 10), twice);
  compare_devices<bfloat16>("field_mlp twice", inputs(2, 40, 32, 64), twice, 1e-2);
}

BOOST_AUTO_TEST_CASE(rows_off_16_bytes) {
  // Tensors that begin in the middle of 16 bytes, of sizes that the fast kernels would take.
  const auto off = []<class Device>(Device) {
    const auto cut = [](const Shape& shape, std::uint32_t stream) {
      const auto all = Tensor<bfloat16, Device>::from_host(
          {shape.count() + 1}, detail::random_elements<bfloat16>(shape.count() + 1, stream));
      return all.rows(1, shape.count() + 1).reshape(shape);
    };
    auto x = cut({2, 20, 16}, 1), theta = cut({2, 2 * 16 * 32}, 2), weight = cut({16}, 3);
    require_grad(x);
    require_grad(theta);
    Tape tape;
    const auto y = field_mlp(x, theta, norm_weight(weight));
    tape.backward(y, cut({2, 20, 16}, 4));
    return std::vector{detail::doubles_of(y),
                       detail::doubles_of(x.slot()->template gradient<bfloat16>(x.shape())),
                       detail::doubles_of(theta.slot()->template gradient<bfloat16>(theta.shape()))};
  };
  const auto cpu = off(Cpu{}), gpu = off(Cuda{});
  for (std::size_t k = 0; k < cpu.size(); ++k)
    detail::check_close(str_cat("off 16 bytes, result ", k), gpu[k], cpu[k], device_tolerance<bfloat16>);
}

BOOST_AUTO_TEST_CASE(same_bits_again) {
  const auto check = [](auto element, std::int64_t pixels, std::int64_t width, std::int64_t hidden) {
    using T = decltype(element);
    const auto values = random_values<T>(5, pixels, width, hidden);
    const auto once = run<T, Cuda>(values, pixels, width, {true, true, true});
    BOOST_TEST((once == run<T, Cuda>(values, pixels, width, {true, true, true})));
  };
  check(float{}, 9, 5, 10);
  check(bfloat16{}, 40, 32, 64);
}

BOOST_AUTO_TEST_SUITE_END()
