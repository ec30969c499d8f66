// SPDX-License-Identifier: MIT
#include <pixnerd/optim/adamw.hpp>

#include <cmath>
#include <cstring>
#include <limits>

#include <pixnerd/optim/clip.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(adamw)

namespace {

template <class T>
struct Parameters {
  Tensor<T> values;
  static void visit(auto& self, auto&& visitor) { visitor("values", self.values); }
};

static_assert(Optimizer<AdamW, ParameterStore<On<Cpu>>>);
static_assert(Optimizer<AdamW, ParameterStore<On<Cpu, Full<double>>>>);
static_assert(OptimizerOnDevice<AdamW, ParameterStore<On<Cpu>>>);
static_assert(OptimizerOnDevice<AdamW, ParameterStore<On<Cpu, Mixed>>>);

/// AdamW and the average in float64, element by element, as the formulas are written.
struct Written {
  std::vector<double> w, m, v, average;

  explicit Written(std::vector<double> start)
      : w(start), m(start.size()), v(start.size()), average(std::move(start)) {}

  void update(const AdamW& adamw, const UpdateSettings& s, const std::vector<double>& gradient) {
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = gradient[i] * s.gradient_scale;
      w[i] *= 1 - s.rate * adamw.weight_decay;
      m[i] = adamw.beta1 * m[i] + (1 - adamw.beta1) * g;
      v[i] = adamw.beta2 * v[i] + (1 - adamw.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(adamw.beta1, static_cast<double>(s.step)));
      const double v_hat = v[i] / (1 - std::pow(adamw.beta2, static_cast<double>(s.step)));
      w[i] -= s.rate * m_hat / (std::sqrt(v_hat) + adamw.epsilon);
      average[i] = s.average_decay * average[i] + (1 - s.average_decay) * w[i];
    }
  }
};

template <class T>
void check_against_written(std::int64_t count, double tolerance) {
  const auto start = detail::test_values(count, 3, 1);
  Parameters<T> module{Tensor<T>::from_host({count}, std::vector<T>(start.begin(), start.end()))};
  ParameterStore<On<Cpu, Full<T>>> store(module);
  store.start_average();
  const auto rounded = module.values.to_host();
  Written written(std::vector<double>(rounded.begin(), rounded.end()));
  const AdamW adamw{0.9, 0.95, 1e-8, 0.1};
  for (std::int64_t step = 1; step <= 6; ++step) {
    const auto drawn = detail::test_values(count, 3, static_cast<std::uint32_t>(1 + step));
    const auto gradient = Tensor<T>::from_host({count}, std::vector<T>(drawn.begin(), drawn.end()));
    copy_into(store.part(store.gradients(), store.entries()[0]), gradient);
    const auto values = gradient.to_host();
    const UpdateSettings settings{step, 0.01 / static_cast<double>(step), 0.7, 0.9};
    adamw.update(store, settings);
    written.update(adamw, settings, std::vector<double>(values.begin(), values.end()));
  }
  const auto& entry = store.entries()[0];
  BOOST_TEST(relative_error(store.part(store.weights(), entry).to_host(), written.w) <= tolerance);
  BOOST_TEST(relative_error(store.part(store.state()["first_moments"], entry).to_host(), written.m) <=
             tolerance);
  BOOST_TEST(relative_error(store.part(store.state()["second_moments"], entry).to_host(), written.v) <=
             tolerance);
  BOOST_TEST(relative_error(store.part(store.average(), entry).to_host(), written.average) <= tolerance);
  for (std::int64_t i = count; i < store.count(); ++i) BOOST_TEST(store.weights().data()[i] == T(0));
}

void check_near(const Tensor<float>& slab, const std::vector<float>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float got = slab.data()[i];
    BOOST_TEST(std::abs(got - expected[i]) <= 4e-7f * std::max(0.03f, std::abs(expected[i])),
               got << " is not " << expected[i]);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_formulas) {
  for (const std::int64_t count : {1, 15, 17, 511, 513, 16384, 40001}) {
    check_against_written<double>(count, 1e-14);
    check_against_written<float>(count, 3e-7);
  }
}

/// The numbers are torch 1.13's: clip_grad_norm_(1.0), AdamW(0.01, (0.9, 0.95), 1e-8, 0.1), an average with
/// decay 0.9, five steps.
BOOST_AUTO_TEST_CASE(equals_torch) {
  std::vector<float> start;
  for (int i = 0; i < 7; ++i) start.push_back(static_cast<float>(i - 3) / 4);
  Parameters<float> module{Tensor<float>::from_host({7}, start)};
  ParameterStore<On<Cpu>> store(module);
  store.start_average();
  const AdamW adamw{0.9, 0.95, 1e-8, 0.1};
  const double norms[] = {1.145643949508667, 0.9601432085037231, 1.0897247791290283, 1.038327932357788,
                          1.0532686710357666};
  for (int s = 0; s < 5; ++s) {
    for (int i = 0; i < 7; ++i)
      store.gradients().data()[i] = static_cast<float>((i * 7 + s * 5) % 11 - 5) / 8;
    const double norm = grad_norm(store, s + 1);
    BOOST_TEST(std::abs(norm - norms[s]) < 2e-7);
    adamw.update(store, {s + 1, 0.01, clip_scale(norm, 1.0), 0.9});
  }
  check_near(store.weights(), {-0.733361363f, -0.491888791f, -0.237600565f, -0.0305558052f, 0.248260409f,
                               0.521983564f, 0.726500511f});
  check_near(store.state()["first_moments"], {0.0472999923f, -0.0670149997f, -0.0406555384f, 0.0777799562f,
                                              0.00390191353f, -0.0889205262f, 0.0295149684f});
  check_near(store.state()["second_moments"], {0.0389203206f, 0.0304603484f, 0.0273326579f, 0.0313820504f,
                                               0.0351447724f, 0.0348367058f, 0.0247927625f});
  check_near(store.average(), {-0.743162572f, -0.500091255f, -0.245914429f, -0.0088653164f, 0.248734042f,
                               0.506231487f, 0.74253267f});
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_threads) {
  const int before = thread_count();
  std::vector<float> with_one;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    Parameters<float> module{random_tensor<float>({100003}, 1)};
    ParameterStore<On<Cpu>> store(module);
    store.start_average();
    for (std::int64_t step = 1; step <= 3; ++step) {
      copy_into(store.part(store.gradients(), store.entries()[0]),
                random_tensor<float>({100003}, static_cast<std::uint32_t>(step)));
      AdamW{0.9, 0.999, 1e-8, 0.01}.update(store, {step, 1e-3, 1.0, 0.99});
    }
    auto bits = store.weights().to_host();
    for (const auto& slab :
         {store.state()["first_moments"], store.state()["second_moments"], store.average()}) {
      const auto more = slab.to_host();
      bits.insert(bits.end(), more.begin(), more.end());
    }
    if (threads == 1) with_one = bits;
    BOOST_TEST(std::memcmp(bits.data(), with_one.data(), bits.size() * sizeof(float)) == 0);
  }
  set_thread_count(before);
}

BOOST_AUTO_TEST_CASE(averages_only_what_has_an_average) {
  Parameters<float> model{Tensor<float>::full({600}, 1.0f)}, helper{Tensor<float>::full({700}, 1.0f)};
  ParameterStore<On<Cpu>> store(model, helper, "helper");
  const auto run = [&](std::int64_t step) {
    for (std::int64_t i = 0; i < store.count(); ++i) store.gradients().data()[i] = 1.0f;
    AdamW{}.update(store, {step, 0.1, 1.0, 0.0});
  };
  run(1);  // without an average
  BOOST_TEST(std::abs(model.values.data()[599] - 0.9f) < 1e-6f);
  BOOST_TEST(std::abs(helper.values.data()[699] - 0.9f) < 1e-6f);
  store.start_average();
  run(2);
  BOOST_TEST(std::memcmp(store.average().data(), store.weights().data(), 600 * sizeof(float)) == 0);
}

BOOST_AUTO_TEST_CASE(takes_its_factor_from_memory_and_does_nothing_when_that_is_nan) {
  const auto run = [](const UpdateSettings& settings, const auto&... scale) {
    Parameters<float> module{random_tensor<float>({1000}, 1)};
    ParameterStore<On<Cpu>> store(module);
    store.start_average();
    copy_into(store.part(store.gradients(), store.entries()[0]), random_tensor<float>({1000}, 2));
    AdamW{}.update(store, settings, scale...);
    std::vector<std::vector<float>> out;
    for (const auto& slab : {store.weights(), store.state()["first_moments"], store.state()["second_moments"],
                             store.average()}) {
      out.push_back(slab.to_host());
    }
    return out;
  };
  const UpdateSettings settings{1, 0.1, 0.25, 0.9};
  BOOST_TEST((run(settings) == run({1, 0.1, 1.0, 0.9}, Tensor<double>::full({1}, 0.25))));
  const auto nothing = run(settings, Tensor<double>::full({1}, std::numeric_limits<double>::quiet_NaN()));
  BOOST_TEST((nothing[0] == nothing[3]));
  BOOST_TEST((nothing[1] == std::vector<float>(nothing[1].size(), 0.0f)));
  BOOST_TEST((nothing[2] == nothing[1]));
  BOOST_CHECK_THROW(run(settings, Tensor<double>::full({2}, 1.0)), ShapeError);
}

BOOST_AUTO_TEST_CASE(writes_the_rounded_copies) {
  Parameters<bfloat16> module{Tensor<bfloat16>::full({700}, bfloat16(1.0f))};
  ParameterStore<On<Cpu, Mixed>> store(module);
  for (std::int64_t step = 1; step <= 3; ++step) {
    for (std::int64_t i = 0; i < 700; ++i) store.gradients().data()[i] = static_cast<float>(i - 350);
    AdamW{}.update(store, {step, 1e-3});
  }
  for (std::int64_t i = 0; i < 700; ++i) {
    BOOST_TEST_REQUIRE((module.values.data()[i] == bfloat16(store.weights().data()[i])));
  }
  // Steps that are too small to be seen in the copies add up in the weights.
  BOOST_TEST(std::abs(store.weights().data()[0] - 1.003f) < 1e-4f);
}

BOOST_AUTO_TEST_CASE(settings_out_of_range_are_errors) {
  Parameters<float> module{Tensor<float>::full({3}, 1.0f)};
  ParameterStore<On<Cpu>> store(module);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto fails = [&](AdamW adamw, UpdateSettings settings, const char* word) {
    test::check_throws<ValueError>([&] { adamw.update(store, settings); }, {"adamw", word});
  };
  fails({1.0}, {}, "beta1");
  fails({nan}, {}, "beta1");
  fails({0.9, -0.1}, {}, "beta2");
  fails({0.9, 0.9, 0.0}, {}, "epsilon");
  fails({0.9, 0.9, 1e-8, -1}, {}, "weight decay");
  fails({}, {0}, "step");
  fails({}, {1, -1.0}, "rate");
  fails({}, {1, nan}, "rate");
  fails({}, {1, 0.1, 1, 1.5}, "average decay");
  BOOST_TEST(module.values.data()[0] == 1.0f);
}

BOOST_AUTO_TEST_SUITE_END()
