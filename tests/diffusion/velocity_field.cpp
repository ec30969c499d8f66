// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/diffusion/velocity_field.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(velocity_field)

BOOST_AUTO_TEST_CASE(a_callable_of_point_and_time_is_a_field) {
  const auto field = [](const Tensor<float>& x, double) { return x; };
  const auto of_other_type = [](const Tensor<float>&, double) { return Tensor<double>({1}); };
  static_assert(VelocityField<decltype(field)>);
  static_assert(!VelocityField<decltype(field), double>);
  static_assert(!VelocityField<decltype(of_other_type)>);
  const auto x = random_tensor<float>({2, 3}, 1);
  BOOST_TEST((velocity_at(field, x, 0.5).to_host() == x.to_host()));
}

BOOST_AUTO_TEST_CASE(a_velocity_of_another_shape) {
  const auto field = [](const Tensor<float>& x, double) { return x.rows(0, 1); };
  test::check_throws<ShapeError>(
      [&] {
        velocity_at(field, random_tensor<float>({2, 3}, 1), 0.5);
      },
      {"velocity field", "(2, 3)", "(1, 3)"});
}

BOOST_AUTO_TEST_SUITE_END()
