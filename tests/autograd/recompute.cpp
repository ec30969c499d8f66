// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/autograd/recompute.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/linear.hpp>
#include <pixnerd/ops/reduce.hpp>
#include <pixnerd/ops/silu.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(recompute_test)

namespace {

// A residual network; each block holds seven intermediate tensors.
struct Network {
  std::vector<Tensor<float>> weights;

  explicit Network(int depth) {
    for (int i = 0; i < depth; ++i) {
      weights.push_back(scale(random_tensor<float>({64, 64}, 10 + static_cast<std::uint32_t>(i)), 0.1));
      require_grad(weights.back());
    }
  }

  static Tensor<float> block(const Tensor<float>& weight, const Tensor<float>& x, const Tensor<float>& c) {
    return x + linear(silu(linear(silu(x * c), weight)), weight) * c;
  }

  Tensor<float> forward(Tensor<float> x, const Tensor<float>& c, bool again) const {
    for (const auto& weight : weights) {
      const auto segment = [&weight](const Tensor<float>& s, const Tensor<float>& t) {
        return block(weight, s, t);
      };
      x = again ? recompute(segment, x, c) : segment(x, c);
    }
    return x;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(equals_no_recompute_bit_for_bit_and_saves_memory) {
  auto& pool = MemoryPool<Cpu>::instance();
  const Network network(8);
  std::vector<std::vector<float>> results[2];
  std::size_t held[2];
  for (const bool again : {false, true}) {
    auto x = random_tensor<float>({100, 64}, 1), c = random_tensor<float>({64}, 2);
    require_grad(x);
    require_grad(c);
    for (const auto& weight : network.weights) clear_grad(weight);
    Tape tape;
    const auto before = pool.statistics().in_use;
    auto y = network.forward(x, c, again);
    results[again].push_back(y.to_host());
    const auto loss = sum(y * y);
    y = {};
    held[again] = pool.statistics().in_use - before;
    tape.backward(loss);
    results[again].push_back(grad(x).to_host());
    results[again].push_back(grad(c).to_host());
    for (const auto& weight : network.weights) results[again].push_back(grad(weight).to_host());
  }
  BOOST_TEST((results[0] == results[1]));
  BOOST_TEST(held[1] * 3 < held[0]);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const auto segment = [](const Tensor<double>& a, const Tensor<double>& b) { return silu(a * b) + a; };
  check_gradient([&](const auto& in) { return recompute(segment, in[0], in[1]); },
                 {random_tensor({3, 5}, 1), random_tensor({5}, 2)});
  // An input that is used outside as well, and segments inside segments.
  check_gradient(
      [&](const auto& in) {
        const auto s = silu(in[0]);
        const auto twice = [&](const Tensor<double>& a, const Tensor<double>& b) {
          return recompute(segment, recompute(segment, a, b), b);
        };
        return recompute(twice, s, in[1]) * s;
      },
      {random_tensor({3, 5}, 1), random_tensor({5}, 2)});
}

BOOST_AUTO_TEST_CASE(nothing_is_recorded_without_a_tape) {
  auto x = random_tensor({3}, 1);
  require_grad(x);
  const auto segment = [](const Tensor<double>& a) { return silu(a); };
  BOOST_TEST((recompute(segment, x).slot() == nullptr));
  BOOST_TEST((recompute(segment, x).to_host() == silu(x).to_host()));
}

BOOST_AUTO_TEST_CASE(a_segment_that_wants_no_gradient) {
  auto x = random_tensor({3}, 1);
  require_grad(x);
  const auto segment = [](const Tensor<double>& a) { return silu(a.detach()); };
  Tape tape;
  tape.backward(sum(recompute(segment, x) + x));
  BOOST_TEST((grad(x).to_host() == std::vector<double>(3, 1)));
}

BOOST_AUTO_TEST_CASE(a_segment_must_compute) {
  auto x = random_tensor({2, 3}, 1);
  require_grad(x);
  const Tape tape;
  BOOST_CHECK_THROW(recompute([](const auto& in) { return in; }, x), ValueError);
  BOOST_CHECK_THROW(recompute([](const auto& in) { return in.reshape({3, 2}); }, x), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
