#include "compare.cuh"

#include <algorithm>
#include <cstring>

#include <pixnerd/core/cuda_warp.cuh>
#include <pixnerd/train/loop.hpp>

using namespace pixnerd;

namespace {

constexpr std::int64_t pixels = 3 * 4 * 5;

/// The loss of a model that has one factor a pixel: mean over all of (factor x + label - velocity)^2.
__global__ void toy_loss(std::int64_t batch, const float* factor, const float* x, const std::int64_t* labels,
                         const float* velocity, float* loss) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < batch * pixels; i += blockDim.x) {
    const double d = factor[i % pixels] * x[i] + static_cast<float>(labels[i / pixels]) - velocity[i];
    sum += d * d;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = static_cast<float>(sum / static_cast<double>(batch * pixels));
}

__global__ void toy_gradient(std::int64_t batch, const float* factor, const float* x,
                             const std::int64_t* labels, const float* velocity, const float* grad_loss,
                             GradTarget<float> grad_factor) {
  const std::int64_t j = threadIdx.x;
  if (j >= pixels) return;
  float sum = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t i = b * pixels + j;
    sum += 2 * x[i] * (factor[j] * x[i] + static_cast<float>(labels[b]) - velocity[i]);
  }
  grad_factor.put(j, *grad_loss * sum / static_cast<float>(batch * pixels));
}

struct ToyModel {
  Tensor<float, Cuda> factor, unused;

  ToyModel()
      : factor(Tensor<float, Cuda>::full({pixels}, 0.5f)), unused(Tensor<float, Cuda>::full({5}, 1.0f)) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("factor", self.factor);
    visitor("unused", self.unused);
  }
};

/// The objective, which counts how often it was called.
struct ToyObjective {
  const ToyModel& model;
  int calls = 0;

  Tensor<float, Cuda> operator()(const TrainingBatch<float, Cuda>& batch) {
    ++calls;
    const auto sample = flow_sample(LinearPath{}, batch.images, batch.noise, batch.times);
    Tensor<float, Cuda> loss{Shape{}};
    const std::int64_t count = batch.images.size(0);
    const auto factor = model.factor;
    launch("toy", toy_loss, 1, 128, 0, count, factor.data(), sample.x.data(), batch.labels.data(),
           sample.velocity.data(), loss.data());
    record(loss, [=, labels = batch.labels](const Tensor<float, Cuda>& grad_loss) {
      launch("toy", toy_gradient, 1, 128, 0, count, factor.data(), sample.x.data(), labels.data(),
             sample.velocity.data(), grad_loss.data(), grad_target<float>(factor.slot()));
    });
    return loss;
  }
};

/// A data set without end.
struct Noise {
  std::int64_t next = 0, batch = 4;
  std::int64_t poisoned = -1;  ///< number of a sample that is not finite

  struct Batch {
    Tensor<float> images;
    std::vector<std::int64_t> labels, sample_ids;
  };
  Batch operator()() {
    Batch out{Tensor<float>({batch, 3, 4, 5}), {}, {}};
    for (std::int64_t i = 0; i < batch; ++i, ++next) {
      const auto row = out.images.rows(i, i + 1);
      fill_uniform(row, {5, RandomPurpose::test, static_cast<std::uint32_t>(next), 0});
      if (next == poisoned) row.data()[7] = std::numeric_limits<float>::infinity();
      out.labels.push_back(next % 3);
      out.sample_ids.push_back(next);
    }
    return out;
  }
};

TrainOptions toy_options() {
  TrainOptions options;
  options.steps = 12;
  options.rate = 0.01;
  options.schedule = RateSchedule::cosine;
  options.clip_norm = 0.5;
  options.average_decay = 0.9;
  options.noising.null_label = {3};
  return options;
}

/// AdamW for those who know the factor only on the host.
struct OnHost {
  void update(ParameterStore<Full<float>, Cuda>& store, const UpdateSettings& settings) const {
    AdamW{}.update(store, settings);
  }
};

/// What a training leaves: weights, moments, averages, and each step's loss and norm.
struct Outcome {
  std::vector<float> slabs;
  std::vector<double> reports;
  int calls = 0;

  bool operator==(const Outcome& other) const {
    return slabs.size() == other.slabs.size() && reports == other.reports &&
           std::memcmp(slabs.data(), other.slabs.data(), slabs.size() * sizeof(float)) == 0;
  }
};

template <class AnOptimizer = AdamW>
Outcome run_training(const TrainOptions& options, const AnOptimizer& optimizer = {}) {
  ToyModel model;
  ParameterStore<Full<float>, Cuda> store(model);
  store.start_average();
  ToyObjective objective{model};
  TrainState state;
  Outcome out;
  train(store, optimizer, objective, Noise{}, options, state, [&](const StepReport& report) {
    out.reports.insert(out.reports.end(), {report.loss, report.grad_norm, report.rate});
    return true;
  });
  for (const auto& slab : {store.weights(), store.first_moments(), store.second_moments(), store.average()}) {
    const auto values = slab.to_host();
    out.slabs.insert(out.slabs.end(), values.begin(), values.end());
  }
  out.calls = objective.calls;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_train_step)

BOOST_AUTO_TEST_CASE(a_recorded_step_is_the_step) {
  for (const std::int64_t accumulation : {1, 2, 4}) {
    auto options = toy_options();
    options.accumulation = accumulation;
    const auto recorded = run_training(options), again = run_training(options);
    const auto on_host = run_training(options, OnHost{});
    options.capture = false;
    const auto eager = run_training(options);
    BOOST_TEST((recorded == eager));
    BOOST_TEST((recorded == again));
    BOOST_TEST((recorded == on_host));
    BOOST_TEST(eager.calls == 12 * accumulation);
    BOOST_TEST(recorded.calls == (accumulation == 1 ? 3 : 6));
    BOOST_TEST(recorded.reports.back() > 0);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_named_and_changes_nothing) {
  ToyModel model;
  ParameterStore<Full<float>, Cuda> store(model);
  store.start_average();
  ToyObjective objective{model};
  auto options = toy_options();
  options.accumulation = 2;
  const AdamW optimizer;
  TrainStepper stepper(store, optimizer, objective, options);
  TrainState state;
  Noise data;
  // In an eager step, in the one that is recorded, and in a repeated one.
  for (const std::int64_t good_steps : {1, 1, 4}) {
    for (std::int64_t i = 0; i < good_steps; ++i) stepper(data, state);
    const auto weights = store.weights().to_host(), average = store.average().to_host();
    Noise poisoned{state.samples, 4, state.samples + 6};
    BOOST_CHECK_EXCEPTION(stepper(poisoned, state), NonFiniteError, [&](const auto& error) {
      return std::string(error.what()) == text("[step ", state.step + 1,
                                               "] expected finite pixels, got inf in sample ",
                                               state.samples + 6);
    });
    BOOST_TEST((store.weights().to_host() == weights));
    BOOST_TEST((store.average().to_host() == average));
    data.next = state.samples;
  }
  // A weight.
  copy_into(store.weights().rows(3, 4), Tensor<float, Cuda>::full({1}, std::nanf("")));
  BOOST_CHECK_EXCEPTION(stepper(data, state), NonFiniteError, [&](const auto& error) {
    return std::string(error.what()).find("weight of factor, got nan in its element 3") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(batches_of_other_shapes_begin_anew) {
  const auto run = [](bool capture) {
    ToyModel model;
    ParameterStore<Full<float>, Cuda> store(model);
    ToyObjective objective{model};
    auto options = toy_options();
    options.capture = capture;
    const AdamW optimizer;
    TrainStepper stepper(store, optimizer, objective, options);
    TrainState state;
    Noise data;
    for (const std::int64_t batch : {4, 4, 4, 4, 2, 2, 2, 2, 5, 4}) {
      data.batch = batch;
      stepper(data, state);
    }
    return store.weights().to_host();
  };
  BOOST_TEST((run(true) == run(false)));
}

BOOST_AUTO_TEST_CASE(a_steady_state_allocates_nothing) {
  ToyModel model;
  ParameterStore<Full<float>, Cuda> store(model);
  ToyObjective objective{model};
  const auto options = toy_options();
  const AdamW optimizer;
  TrainStepper stepper(store, optimizer, objective, options);
  TrainState state;
  Noise data;
  for (int i = 0; i < 4; ++i) stepper(data, state);
  const auto before = memory_pool<Cuda>::instance().statistics();
  for (int i = 0; i < 4; ++i) stepper(data, state);
  const auto after = memory_pool<Cuda>::instance().statistics();
  if (std::getenv("PIXNERD_TEST_EXACT_MEMORY") == nullptr)
    BOOST_TEST(after.system_allocations == before.system_allocations);
  BOOST_TEST(after.in_use == before.in_use);
}

BOOST_AUTO_TEST_SUITE_END()
