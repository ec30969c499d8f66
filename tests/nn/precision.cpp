// SPDX-License-Identifier: MIT
// The policy that a module's parameters follow, found from its type.
#include <boost/test/unit_test.hpp>
#include <concepts>
#include <type_traits>

#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/models/conditioned_model.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/sequential.hpp>
#include <pixnerd/nn/silu.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(precision)

namespace {

using OnMixed = On<Cpu, Mixed>;

struct Named {
  using Policy = OnMixed;
};

}  // namespace

BOOST_AUTO_TEST_CASE(policy_of_a_module) {
  static_assert(std::same_as<PolicyOf<Linear<>>, On<Cpu>>);
  static_assert(std::same_as<PolicyOf<const PixnerdC2i<OnMixed>>, OnMixed>);
  static_assert(std::same_as<PolicyOf<Sequential<Linear<OnMixed>, Silu>>, OnMixed>);
  static_assert(
      std::same_as<PolicyOf<ConditionedModel<PixnerdT2i<OnMixed>, WordFeatures<OnMixed>>>, OnMixed>);
  static_assert(std::same_as<PolicyOf<Named>, OnMixed>);
  BOOST_TEST((std::is_same_v<OnMixed::Compute, bfloat16> && std::is_same_v<OnMixed::Master, float>));
  BOOST_TEST((std::is_same_v<On<Cuda, Full<double>>::Device, Cuda>));
}

BOOST_AUTO_TEST_SUITE_END()
