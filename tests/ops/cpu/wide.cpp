// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu/wide.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_wide)

BOOST_AUTO_TEST_CASE(wide_types_are_passed_through) {
  const auto x = random_tensor<float>({5}, 1);
  BOOST_TEST(WideInput<float>(x.data(), 5).data() == x.data());
  const WideOutput<float> out({x.data(), true}, 5);
  BOOST_TEST(out.data() == x.data());
  BOOST_TEST(out.target().add);
  const auto before = x.to_host();
  out.store();
  BOOST_TEST((x.to_host() == before));
}

BOOST_AUTO_TEST_CASE(narrow_types_are_widened_and_rounded_back) {
  const auto x = random_bfloat16<bfloat16>({70}, 1);
  const WideInput<bfloat16> wide(x.data(), 70);
  for (int i = 0; i < 70; ++i) BOOST_TEST(wide.data()[i] == float(x.data()[i]));
  for (const bool add : {false, true}) {
    const auto y = copy(x);
    const WideOutput<bfloat16> out({y.data(), add}, 70);
    BOOST_TEST(!out.target().add);
    for (int i = 0; i < 70; ++i) out.data()[i] = 0.3f * static_cast<float>(i);
    out.store();
    for (int i = 0; i < 70; ++i) {
      const bfloat16 value(0.3f * static_cast<float>(i));
      BOOST_TEST(y.data()[i].bits == (add ? bfloat16(float(x.data()[i]) + float(value)) : value).bits);
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_stays_nothing) {
  BOOST_TEST(WideInput<bfloat16>(nullptr, 5).data() == nullptr);
  const WideOutput<bfloat16> out({}, 5);
  BOOST_TEST(!out.target());
  out.store();
  const WideOutput<bfloat16> empty({random_bfloat16<bfloat16>({1}, 1).data()}, 0);
  empty.store();
}

BOOST_AUTO_TEST_SUITE_END()
