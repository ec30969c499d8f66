// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <limits>

#include <pixnerd/diffusion/blended_field.hpp>
#include <pixnerd/diffusion/guidance.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(blended_field)

BOOST_AUTO_TEST_CASE(between_two_fields) {
  const auto first = [](const Tensor<double>& x, double) { return x; };
  const auto second = [](const Tensor<double>& x, double t) { return Tensor<double>::full(x.shape(), t); };
  const auto x = random_tensor<double>({2, 3}, 1);
  for (const double share : {0.0, 0.25, 1.0, -0.5}) {
    const BlendedField blended(first, second, share);
    const auto v = blended(x, 0.5);
    for (int i = 0; i < 6; ++i) {
      BOOST_TEST(v.data()[i] == (1 - share) * x.data()[i] + share * 0.5, boost::test_tools::tolerance(1e-12));
    }
  }
  test::check_throws<ValueError>(
      [&] { BlendedField(first, second, std::numeric_limits<double>::quiet_NaN()); }, {"a finite share"});
}

BOOST_AUTO_TEST_SUITE_END()
