// SPDX-License-Identifier: MIT
// The class-conditional model is trained and sampled on both devices, and on the GPU with and without
// recording.
#include "compare.cuh"

#include <cstring>

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/sampling/captured_model.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/train/train_step.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_train_model)

namespace {

constexpr PixnerdC2iConfig config{
    .patch = 4, .width = 32, .heads = 2, .depth = 2, .decoder = {.depth = 1, .features = 16}, .classes = 4};

/// A data set without end.
struct Noise {
  std::int64_t next = 0;
  std::int64_t poisoned = -1;  ///< number of a sample that is not finite

  struct Batch {
    Tensor<float> images;
    std::vector<std::int64_t> labels, sample_ids;
  };
  Batch operator()() {
    Batch out{Tensor<float>({3, 3, 8, 8}), {}, {}};
    for (std::int64_t i = 0; i < 3; ++i, ++next) {
      const auto row = out.images.rows(i, i + 1);
      fill_uniform(row, {5, RandomPurpose::test, static_cast<std::uint32_t>(next), 0});
      if (next == poisoned) row.data()[7] = std::numeric_limits<float>::quiet_NaN();
      out.labels.push_back(next % 4);
      out.sample_ids.push_back(next);
    }
    return out;
  }
};

/// What a training leaves.
struct Outcome {
  std::vector<double> losses, norms, first_gradients, weights, average;
  bool operator==(const Outcome&) const = default;
};

template <class Precision, class Device>
Outcome run_training(std::int64_t steps, bool capture, std::int64_t accumulation = 1) {
  Initializer init(3);
  PixnerdC2i<On<Device, Precision>> model(config, init);
  ParameterStore<On<Device, Precision>> store(model);
  store.start_average();
  TrainOptions options;
  options.rate = 1e-3;
  options.clip_norm = 0.5;
  options.average_decay = 0.9;
  options.noising.null_label = {4};
  options.capture = capture;
  options.accumulation = accumulation;
  const AdamW optimizer;
  auto objective = flow_matching_objective(model);
  TrainStepper stepper(store, optimizer, objective, options);
  TrainProgress state;
  Noise data;
  Outcome out;
  for (std::int64_t step = 0; step < steps; ++step) {
    const auto report = stepper(data, state);
    out.losses.push_back(report.loss);
    out.norms.push_back(report.grad_norm);
    if (step == 0) out.first_gradients = detail::doubles_of(store.gradients());
    if (step == 3) {
      // What is not finite changes nothing, whether the step is repeated or not.
      Noise poisoned{state.samples, state.samples + 1};
      BOOST_CHECK_THROW(stepper(poisoned, state), NonFiniteError);
    }
  }
  out.weights = detail::doubles_of(store.weights());
  out.average = detail::doubles_of(store.average());
  return out;
}

template <class Precision>
void check_recording() {
  for (const std::int64_t accumulation : {1, 3}) {
    const auto recorded = run_training<Precision, Cuda>(6, true, accumulation);
    BOOST_TEST((recorded == run_training<Precision, Cuda>(6, true, accumulation)));
    BOOST_TEST((recorded == run_training<Precision, Cuda>(6, false, accumulation)));
    for (const double weight : recorded.weights) BOOST_TEST_REQUIRE(std::isfinite(weight));
  }
}

/// The first steps on both devices; Adam's division magnifies the rounding of vanishing gradients later on.
template <class Precision>
void check_devices(double loss_tolerance, double gradient_tolerance) {
  const auto cpu = run_training<Precision, Cpu>(2, true), gpu = run_training<Precision, Cuda>(2, true);
  detail::check_close("losses", gpu.losses, cpu.losses, loss_tolerance);
  detail::check_close("norms", gpu.norms, cpu.norms, gradient_tolerance);
  detail::check_close("gradients", gpu.first_gradients, cpu.first_gradients, gradient_tolerance);
  detail::check_close("weights", gpu.weights, cpu.weights, 1e-3);
  detail::check_close("average", gpu.average, cpu.average, 1e-3);
}

/// Images of a model with random weights, guided in some of the steps.
template <class Precision, class Device>
std::vector<double> sample(bool capture) {
  Initializer init(3);
  PixnerdC2i<On<Device, Precision>> model(config, init);
  std::uint32_t stream = 0;
  for_each_parameter(model, [&]<class T>(const std::string&, const Tensor<T, Device>& parameter) {
    auto values = detail::random_elements<float>(parameter.count(), ++stream);
    std::vector<T> smaller;
    for (const float value : values) smaller.push_back(static_cast<T>(value * 0.2f));
    copy_into(parameter, Tensor<T, Device>::from_host(parameter.shape(), smaller));
  });
  const auto labels = Tensor<std::int64_t, Device>::from_host({2}, std::vector<std::int64_t>{1, 3});
  const auto no_class = Tensor<std::int64_t, Device>::full({2}, 4);
  const Tensor<float, Device> noise({2, 3, 8, 8});
  fill_normal(noise, {1, RandomPurpose::test, 0, 0});
  const CapturedModel replayed(model, labels, capture);
  const GuidedField field(replayed, labels, no_class, {.scale = 2, .lower = 0.4});
  return detail::doubles_of(integrate(Adams(2), field, noise, TimeGrid(10)).x);
}

}  // namespace

BOOST_AUTO_TEST_CASE(samples_equal_the_cpu) {
  const auto recorded = sample<Full<float>, Cuda>(true);
  BOOST_TEST((recorded == sample<Full<float>, Cuda>(false)));
  detail::check_close("samples", recorded, sample<Full<float>, Cpu>(true), 1e-5);
  const auto mixed = sample<Mixed, Cuda>(true);
  BOOST_TEST((mixed == sample<Mixed, Cuda>(false)));
  detail::check_close("samples", mixed, sample<Mixed, Cpu>(true), 2e-2);
}

BOOST_AUTO_TEST_CASE(float32_equals_the_cpu) {
  check_devices<Full<float>>(1e-5, 1e-5);
}

BOOST_AUTO_TEST_CASE(mixed_equals_the_cpu) {
  check_devices<Mixed>(5e-3, 2e-2);
}

BOOST_AUTO_TEST_CASE(a_recorded_step_in_float32_is_the_step) {
  check_recording<Full<float>>();
}

BOOST_AUTO_TEST_CASE(a_recorded_step_in_mixed_precision_is_the_step) {
  check_recording<Mixed>();
}

BOOST_AUTO_TEST_SUITE_END()
