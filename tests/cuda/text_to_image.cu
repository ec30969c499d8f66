// SPDX-License-Identifier: MIT
// The text-to-image model on both devices: velocity, every gradient, at two resolutions, and sampling with
// guidance.
#include "compare.cuh"

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>
#include <pixnerd/sampling/captured_model.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/integrate.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_text_to_image)

namespace {

constexpr PixnerdT2iConfig config{.patch = 4,
                                  .width = 32,
                                  .heads = 2,
                                  .depth = 2,
                                  .text_depth = 1,
                                  .decoder = {.depth = 1, .features = 16},
                                  .text_width = 12,
                                  .text_tokens = 5};

template <class W, class Device>
Tensor<W, Device> random_on(const Shape& shape, std::uint32_t stream) {
  return Tensor<W, Device>::from_host(shape, detail::random_elements<W>(shape.count(), stream));
}

/// A model with random weights, the head's too, about as large as those of a trained one.
template <class Device, class Precision>
PixnerdT2i<On<Device, Precision>> random_model() {
  Initializer init(3);
  PixnerdT2i<On<Device, Precision>> model(config, init);
  std::uint32_t stream = 0;
  for_each_parameter(model, [&]<class T>(const std::string& name, const Tensor<T, Device>& parameter) {
    const float mean = name.find("norm") != std::string::npos ? 1.0f : 0.0f;
    std::vector<T> values;
    for (const float value : detail::random_elements<float>(parameter.count(), ++stream))
      values.push_back(static_cast<T>(mean + 0.09f * value));
    copy_into(parameter, Tensor<T, Device>::from_host(parameter.shape(), values));
  });
  return model;
}

/// The velocity and all gradients, names first.
template <class Device, class Precision>
std::vector<std::pair<std::string, std::vector<double>>> gradients_of(const DecoderScale& scale) {
  using W = typename Precision::Master;
  const auto whole = random_model<Device, Precision>();
  const auto model = whole.decoded_at(scale);
  auto x = random_on<W, Device>({2, 3, 24, 16}, 50), words = random_on<W, Device>({2, 5, 12}, 51);
  require_grad(x);
  require_grad(words);
  Tape tape;
  const auto times = Tensor<W, Device>::from_host({2}, std::vector<W>{W(0.2), W(0.7)});
  const auto v = model.forward(x, times, words);
  tape.backward(mean_squared_error(v, random_on<W, Device>(x.shape(), 52)));
  std::vector<std::pair<std::string, std::vector<double>>> out{
      {"velocity", detail::doubles_of(v)},
      {"x", detail::doubles_of(Tensor<W, Device>(grad(x)))},
      {"words", detail::doubles_of(Tensor<W, Device>(grad(words)))}};
  for_each_parameter(whole, [&](const std::string& name, const auto& parameter) {
    const Tensor<W, Device> gradient = grad(parameter);
    out.emplace_back(name, detail::doubles_of(gradient));
  });
  return out;
}

template <class Precision>
void check_gradients(double tolerance) {
  for (const DecoderScale& scale : {DecoderScale{}, DecoderScale{1.5, 2}}) {
    const auto gpu = gradients_of<Cuda, Precision>(scale), cpu = gradients_of<Cpu, Precision>(scale);
    BOOST_TEST_REQUIRE(gpu.size() == cpu.size());
    for (std::size_t i = 0; i < cpu.size(); ++i)
      detail::check_close(cpu[i].first, gpu[i].second, cpu[i].second, tolerance);
  }
}

template <class Precision, class Device>
std::vector<double> sample(bool capture) {
  const auto model = random_model<Device, Precision>().decoded_at({1, 1.5});
  const auto words = random_on<float, Device>({2, 5, 12}, 60),
             no_words = random_on<float, Device>({2, 5, 12}, 61);
  const CapturedModel replayed(model, words, capture);
  const GuidedField field(replayed, words, no_words, {.scale = 2});
  const auto noise = random_on<float, Device>({2, 3, 8, 12}, 62);
  return detail::doubles_of(integrate(Adams(2), field, noise, TimeGrid(6, 3)).x);
}

}  // namespace

BOOST_AUTO_TEST_CASE(gradients) {
  check_gradients<Full<float>>(1e-5);
}

BOOST_AUTO_TEST_CASE(gradients_in_float64) {
  check_gradients<Full<double>>(1e-12);
}

BOOST_AUTO_TEST_CASE(gradients_in_mixed_precision) {
  check_gradients<Mixed>(3e-2);
}

BOOST_AUTO_TEST_CASE(samples) {
  const auto recorded = sample<Full<float>, Cuda>(true);
  BOOST_TEST((recorded == sample<Full<float>, Cuda>(false)));
  detail::check_close("samples", recorded, sample<Full<float>, Cpu>(true), 2e-5);
  const auto mixed = sample<Mixed, Cuda>(true);
  BOOST_TEST((mixed == sample<Mixed, Cuda>(false)));
  detail::check_close("samples", mixed, sample<Mixed, Cpu>(true), 3e-2);
}

BOOST_AUTO_TEST_SUITE_END()
