// SPDX-License-Identifier: MIT
#include "compare.cuh"

#include <cstring>

#include <pixnerd/optim/adamw.cuh>
#include <pixnerd/optim/grad_norm.cuh>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_optim)

namespace {

/// Parameters with sizes that leave gaps in the slabs, and one that is not averaged.
template <class Precision, class Device>
struct Parameters {
  using T = typename Precision::Compute;
  Tensor<T, Device> a, b;

  Parameters(std::int64_t a_count, std::int64_t b_count, std::uint32_t stream)
      : a(Tensor<T, Device>::from_host({a_count}, detail::random_elements<T>(a_count, stream))),
        b(Tensor<T, Device>::from_host({b_count}, detail::random_elements<T>(b_count, stream + 1))) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("a.weight", self.a);
    visitor("b.weight", self.b);
  }
};

template <class Precision, class Device>
void set_gradients(const ParameterStore<On<Device, Precision>>& store, std::uint32_t stream) {
  using T = typename Precision::Master;
  for (const auto& entry : store.entries()) {
    const auto values = detail::random_elements<T>(entry.shape.count(), stream++);
    copy_into(store.part(store.gradients(), entry), Tensor<T, Device>::from_host(entry.shape, values));
  }
}

template <class Slab>
void append(std::vector<double>& out, const Slab& slab) {
  const auto values = detail::doubles_of(slab);
  out.insert(out.end(), values.begin(), values.end());
}

/// Everything that a few updates leave, with the factor of the gradients from the device or from the host.
template <class Precision, class Device>
std::vector<double> after_updates(std::int64_t count, bool on_device) {
  using T = typename Precision::Master;
  Parameters<Precision, Device> model(count, 3, 1), helper(count + 1, 5, 3);
  ParameterStore<On<Device, Precision>> store(model, helper, "helper");
  const AdamW adamw{0.9, 0.95, 1e-8, 0.1};
  std::vector<double> out;
  const Tensor<double, Device> record({StepMeasurements::losses});
  for (std::int64_t step = 1; step <= 4; ++step) {
    if (step == 2) store.start_average();
    set_gradients(store, static_cast<std::uint32_t>(10 * step));
    const UpdateSettings settings{step, 0.01, clip_scale(grad_norm(store, step), 1.5), 0.9};
    measure_gradients(store, 1.5, Tensor<T, Device>{}, record);
    append(out, record);
    if (on_device) {
      adamw.update(store, settings, record.rows(StepMeasurements::scale, StepMeasurements::scale + 1));
    } else {
      adamw.update(store, settings);
    }
  }
  for (const auto& slab :
       {store.weights(), store.state()["first_moments"], store.state()["second_moments"], store.average()})
    append(out, slab);
  append(out, store.copies());
  append(out, store.averaged(model).a);
  return out;
}

template <class Precision>
void check_updates(double tolerance) {
  for (const std::int64_t count : {1, 15, 16, 17, 1000, 70001}) {
    const auto cpu = after_updates<Precision, Cpu>(count, true);
    detail::check_close("adamw", after_updates<Precision, Cuda>(count, true), cpu, tolerance);
    detail::check_close("adamw", after_updates<Precision, Cuda>(count, false), cpu, tolerance);
    BOOST_TEST((after_updates<Precision, Cpu>(count, false) == cpu));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(updates_equal_the_cpu) {
  check_updates<Full<float>>(1e-6);
  check_updates<Full<double>>(1e-14);
}

BOOST_AUTO_TEST_CASE(updates_of_rounded_copies_equal_the_cpu) {
  // Of a weight that both devices round differently, the copy differs by one unit of eight bits.
  check_updates<Mixed>(1e-4);
}

BOOST_AUTO_TEST_CASE(two_runs_have_the_same_bits) {
  BOOST_TEST(
      (after_updates<Full<float>, Cuda>(70001, true) == after_updates<Full<float>, Cuda>(70001, true)));
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_changes_nothing_and_is_named) {
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
  for (const float value : bad) {
    for (const bool in_loss : {false, true}) {
      Parameters<Full<float>, Cuda> model(70001, 40, 1);
      ParameterStore<On<Cuda>> store(model);
      store.start_average();
      set_gradients(store, 5);
      const auto before = store.weights().to_host();
      const auto losses = Tensor<float, Cuda>::from_host({2}, std::vector<float>{1, in_loss ? value : 2});
      const auto& entry = store.entries()[1];
      if (!in_loss) {
        copy_into(store.part(store.gradients(), entry).rows(39, 40), Tensor<float, Cuda>::full({1}, value));
      }
      const Tensor<double, Cuda> record({StepMeasurements::losses + 2});
      measure_gradients(store, 0, losses, record);
      AdamW{}.update(store, {1, 0.1, 1.0, 0.5}, record.rows(1, 2));
      const auto after = store.weights().to_host();
      BOOST_TEST(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)) == 0);
      BOOST_TEST((store.average().to_host() == before));
      BOOST_TEST(record.to_host()[StepMeasurements::losses] == 1.0);
      if (in_loss) continue;
      BOOST_CHECK_EXCEPTION((void)grad_norm(store, 12), NonFiniteError, [&](const auto& error) {
        const std::string message = error.what();
        return message.find("[step 12] expected a finite gradient of b.weight") == 0 &&
               message.find("in its element 39") != message.npos;
      });
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
