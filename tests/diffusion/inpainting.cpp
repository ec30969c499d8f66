// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/diffusion/inpainting.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/integrate.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(inpainting)

BOOST_AUTO_TEST_CASE(known_elements_arrive_and_the_others_follow_the_field) {
  const auto known = random_tensor<float>({2, 1, 2, 2}, 1), noise = random_tensor<float>({2, 1, 2, 2}, 2);
  const std::vector<float> flags{1, 0, 0, 1, 0, 0, 1, 0};
  const auto mask = Tensor<float>::from_host(known.shape(), flags);
  std::vector<Tensor<float>> seen;
  const auto field = [&](const Tensor<float>& x, double t) {
    seen.push_back(x);
    return Tensor<float>::full(x.shape(), static_cast<float>(t));
  };
  const InpaintingField inpainting(field, known, mask);
  const auto x = integrate(Euler{}, inpainting, noise, TimeGrid(4)).x;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const float free = noise.data()[i] + (0.0f + 0.25f + 0.5f + 0.75f) / 4;
    BOOST_TEST(std::abs(x.data()[i] - (flags[i] == 1 ? free : known.data()[i])) < 1e-6);
    // What is known lies on the straight path at every time, as in training.
    for (std::size_t step = 0; step < 4; ++step) {
      const float t = 0.25f * static_cast<float>(step);
      const float expected = t * known.data()[i] + (1 - t) * noise.data()[i];
      if (flags[i] == 0) BOOST_TEST(std::abs(seen[step].data()[i] - expected) < 1e-6);
    }
  }
  const auto other = integrate(Adams(2), inpainting, noise, TimeGrid(7, 3.0)).x;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] == 0) BOOST_TEST(std::abs(other.data()[i] - known.data()[i]) < 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(a_mask_of_ones_is_the_field_and_one_of_halves_blends) {
  const auto known = random_tensor<double>({3}, 1), x = random_tensor<double>({3}, 2);
  const auto field = [](const Tensor<double>& at, double) { return at; };
  const InpaintingField all(field, known, Tensor<double>::full({3}, 1.0));
  BOOST_TEST((all(x, 0.5).to_host() == x.to_host()));
  const InpaintingField half(field, known, Tensor<double>::full({3}, 0.5));
  const auto v = half(x, 0.75);
  for (int i = 0; i < 3; ++i) {
    const double expected = 0.5 * x.data()[i] + 0.5 * (known.data()[i] - x.data()[i]) / 0.25;
    BOOST_TEST(v.data()[i] == expected, boost::test_tools::tolerance(1e-12));
  }
}

// What is drawn anew follows the field as it is, guided when and as far as the field says.
BOOST_AUTO_TEST_CASE(a_full_mask_leaves_a_guided_field_as_it_is) {
  const auto known = random_tensor<float>({2, 3}, 1), noise = random_tensor<float>({2, 3}, 2),
             mask = Tensor<float>::full({2, 3}, 1.0f);
  struct Model {
    Tensor<float> forward(const Tensor<float>& x, const Tensor<float>&, const Tensor<float>& label,
                          NoTap) const {
      return add(Tensor<float>::zeros(x.shape()), label.reshape({x.size(0), 1}));
    }
  };
  const Model model;
  const TimeGrid grid(2);
  const auto moved = [&](const Guidance& guidance, const auto& stepper) {
    const GuidedField field(model, Tensor<float>::full({2}, 1.0f), Tensor<float>::zeros({2}), guidance);
    const auto x = integrate(stepper, InpaintingField(field, known, mask), noise, grid).x;
    BOOST_TEST((x.to_host() == integrate(stepper, field, noise, grid).x.to_host()));
    return x.data()[0] - noise.data()[0];
  };
  // v_null + 3 (v - v_null) = 3 where guided; the default interval leaves out t = 0, the first of two steps.
  BOOST_TEST(std::abs(moved(Guidance{.scale = 3}.at_all_times(), Heun{}) - 3) < 1e-6);
  BOOST_TEST(std::abs(moved({.scale = 3}, Euler{}) - 2) < 1e-6);
}

BOOST_AUTO_TEST_CASE(refuses_other_shapes_and_the_end_of_time) {
  const auto field = [](const Tensor<float>& x, double) { return x; };
  const auto known = random_tensor<float>({1, 2}, 1);
  test::check_throws<ShapeError>(
      [&] {
        InpaintingField(field, known, random_tensor<float>({2, 1}, 1));
      },
      {"inpainting", "(1, 2)", "(2, 1)"});
  const InpaintingField inpainting(field, known, Tensor<float>::full({1, 2}, 1.0f));
  test::check_throws<ValueError>([&] { inpainting(known, 1.0); }, {"inpainting", "below 1", "got 1"});
}

BOOST_AUTO_TEST_SUITE_END()
