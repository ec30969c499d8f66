// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <utility>
#include <vector>

#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/integrate.hpp>

#include "fields.hpp"
#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(integrate_ode)

const auto doubled = [](const Tensor<float>& x, double) { return scale(x, 2); };

BOOST_AUTO_TEST_CASE(trajectory) {
  const auto noise = random_tensor<float>({2, 3}, 1);
  const TimeGrid grid(5, 2);
  const auto check = [&](const auto& stepper) {
    const auto plain = integrate(stepper, doubled, noise, grid);
    BOOST_TEST(plain.completed);
    BOOST_TEST(plain.steps == 5);
    BOOST_TEST(plain.xs.empty());
    BOOST_TEST(plain.vs.empty());
    const auto recorded = integrate(stepper, doubled, noise, grid, {.keep_trajectory = true});
    BOOST_TEST_REQUIRE(recorded.xs.size() == 6u);
    BOOST_TEST_REQUIRE(recorded.vs.size() == 5u);
    BOOST_TEST((recorded.xs[0].to_host() == noise.to_host()));
    BOOST_TEST((recorded.xs[5].to_host() == plain.x.to_host()));
    for (int i = 0; i < 5; ++i) {
      const auto k = static_cast<std::size_t>(i);
      const auto next = recorded.xs[k] + recorded.vs[k] * grid.width(i);
      BOOST_TEST(relative_error(recorded.xs[k + 1].to_host(), next.to_host()) < 1e-6);
    }
  };
  check(Euler{});
  check(Heun{});
  check(Heun{true});
  check(Adams(3));
}

BOOST_AUTO_TEST_CASE(progress_is_told_every_step) {
  std::vector<std::pair<int, int>> told;
  const auto solution = integrate(Euler{}, doubled, random_tensor<float>({2}, 1), TimeGrid(3),
                                  {.progress = [&](int step, int steps) {
                                    told.emplace_back(step, steps);
                                    return true;
                                  }});
  BOOST_TEST(solution.completed);
  BOOST_TEST((told == std::vector<std::pair<int, int>>{{1, 3}, {2, 3}, {3, 3}}));
}

BOOST_AUTO_TEST_CASE(progress_can_cancel) {
  const auto noise = random_tensor<float>({2}, 1);
  const auto whole = integrate(Euler{}, doubled, noise, TimeGrid(5), {.keep_trajectory = true});
  const auto part = integrate(Euler{}, doubled, noise, TimeGrid(5),
                              {.keep_trajectory = true, .progress = [](int step, int) { return step < 2; }});
  BOOST_TEST(!part.completed);
  BOOST_TEST(part.steps == 2);
  BOOST_TEST(part.xs.size() == 3u);
  BOOST_TEST((part.x.to_host() == whole.xs[2].to_host()));
}

BOOST_AUTO_TEST_CASE(nothing_is_recorded_on_a_tape_and_the_noise_stays) {
  auto noise = random_tensor<float>({2, 3}, 1);
  const auto before = noise.to_host();
  require_grad(noise);
  const Tape tape;
  const auto x = integrate(Heun{}, doubled, noise, TimeGrid(3)).x;
  BOOST_TEST(tape.size() == 0u);
  BOOST_TEST(!x.slot());
  BOOST_TEST((noise.to_host() == before));
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_field_passes_through) {
  const auto failing = [](const Tensor<float>& x, double t) {
    if (t > 0.5) raise<ValueError>("field", "an early time", "a late one");
    return x;
  };
  test::check_throws<ValueError>(
      [&] { integrate(Euler{}, failing, random_tensor<float>({2}, 1), TimeGrid(4)); },
      {"field", "an early time"});
  const auto misshapen = [](const Tensor<float>& x, double) { return x.reshape({1, 2}); };
  test::check_throws<ShapeError>(
      [&] { integrate(Euler{}, misshapen, random_tensor<float>({2}, 1), TimeGrid(4)); },
      {"velocity field", "(2)", "(1, 2)"});
}

BOOST_AUTO_TEST_SUITE_END()
