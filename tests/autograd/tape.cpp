// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/gated_residual.hpp>
#include <pixnerd/ops/reduce.hpp>
#include <pixnerd/ops/silu.hpp>
#include <pixnerd/ops/split.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(tape)

namespace {

Tensor<double> leaf(const Shape& shape, std::uint32_t stream) {
  auto x = random_tensor(shape, stream);
  require_grad(x);
  return x;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_chain) {
  const auto x = leaf({3}, 1);
  Tape tape;
  const auto loss = sum(x * x * x);
  BOOST_TEST(tape.size() == 3u);
  tape.backward(loss);
  BOOST_TEST(tape.size() == 0u);
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(grad(x).data()[i] == 3 * x.data()[i] * x.data()[i], boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(a_tensor_used_several_times) {
  const auto x = leaf({4}, 1), y = leaf({4}, 2);
  Tape tape;
  const auto a = x * y, b = a + x, c = a * b;  // c = x y (x y + x)
  tape.backward(sum(c + a));
  for (int i = 0; i < 4; ++i) {
    const double p = x.data()[i], q = y.data()[i];
    BOOST_TEST(grad(x).data()[i] == 2 * p * q * q + 2 * p * q + q, boost::test_tools::tolerance(1e-13));
    BOOST_TEST(grad(y).data()[i] == 2 * p * p * q + p * p + p, boost::test_tools::tolerance(1e-13));
  }
}

BOOST_AUTO_TEST_CASE(gradients_add_up_over_backwards_until_cleared) {
  const auto x = leaf({4}, 1);
  for (int repeat = 1; repeat <= 3; ++repeat) {
    Tape tape;
    tape.backward(sum(x * 2.0));
    BOOST_TEST((grad(x).to_host() == std::vector<double>(4, 2.0 * repeat)));
  }
  clear_grad(x);
  Tape tape;
  tape.backward(sum(x * 2.0));
  BOOST_TEST((grad(x).to_host() == std::vector<double>(4, 2.0)));
}

BOOST_AUTO_TEST_CASE(nothing_is_recorded_without_need) {
  const auto x = leaf({4}, 1), constant = random_tensor({4}, 2);
  BOOST_TEST(((x * x).slot() == nullptr));  // no tape
  Tape tape;
  BOOST_TEST(((constant * constant).slot() == nullptr));
  BOOST_TEST(((x.detach() * constant).slot() == nullptr));
  BOOST_TEST(tape.size() == 0u);
  {
    const NoGrad no_grad;
    BOOST_TEST((Tape::current() == nullptr));
    BOOST_TEST(((x * x).slot() == nullptr));
  }
  BOOST_TEST((Tape::current() == &tape));
  BOOST_TEST(((x * x).slot() != nullptr));
  BOOST_TEST(tape.size() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_kept_without_a_tape) {
  const auto x = leaf({1000}, 1);
  auto& pool = MemoryPool<Cpu>::instance();
  const auto before = pool.statistics().in_use;
  const auto chain = [&] {
    auto y = x;
    for (int i = 0; i < 10; ++i) y = silu(y);
    return y;
  };
  const auto free = chain();
  const auto without = pool.statistics().in_use - before;
  const Tape tape;
  const auto recorded = chain();
  BOOST_TEST(without <= 9000u);
  BOOST_TEST(pool.statistics().in_use - before - without >= 10 * 8000u);
}

BOOST_AUTO_TEST_CASE(tapes_nest) {
  const auto x = leaf({4}, 1);
  Tape outer;
  const auto y = x * 2.0;
  {
    Tape inner;
    BOOST_TEST((Tape::current() == &inner));
    inner.backward(sum(x * 3.0));
  }
  BOOST_TEST((Tape::current() == &outer));
  BOOST_TEST((grad(x).to_host() == std::vector<double>(4, 3.0)));
  outer.backward(sum(y));
  BOOST_TEST((grad(x).to_host() == std::vector<double>(4, 5.0)));
}

BOOST_AUTO_TEST_CASE(a_second_backward_throws) {
  const auto x = leaf({4}, 1);
  Tape tape;
  const auto loss = sum(x);
  tape.backward(loss);
  BOOST_CHECK_EXCEPTION(tape.backward(loss), Error, [](const auto& e) {
    return std::string(e.what()) == "[backward] expected a tape that has not run yet, got a second call";
  });
}

BOOST_AUTO_TEST_CASE(a_loss_that_cannot_be_differentiated_throws) {
  const auto x = leaf({4}, 1);
  Tape tape;
  BOOST_CHECK_EXCEPTION(tape.backward(sum(random_tensor({4}, 2))), Error, [](const auto& e) {
    return std::string(e.what()) ==
           "[backward] expected a tensor computed from one that wants a gradient, got one that was not";
  });
  BOOST_CHECK_EXCEPTION(tape.backward(x * 2.0), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[backward] expected a loss of one element, got the shape (4)";
  });
  BOOST_CHECK_THROW(tape.backward(x * 2.0, random_tensor({5}, 1)), ShapeError);
  // A tensor that collects a gradient already would lose it.
  tape.backward(sum(x));
  Tape another;
  BOOST_CHECK_EXCEPTION(another.backward(x, random_tensor({4}, 1)), Error, [](const auto& e) {
    return std::string(e.what()) ==
           "[backward] expected a tensor without a gradient of its own, got one that has memory for it";
  });
}

BOOST_AUTO_TEST_CASE(exceptions_leave_no_recorder_behind) {
  const auto x = leaf({4}, 1);
  try {
    const Tape tape;
    const auto y = x * x;
    (void)(y + random_tensor({3}, 1));
    BOOST_TEST(false, "shapes that do not fit were added");
  } catch (const ShapeError&) {
  }
  BOOST_TEST((Tape::current() == nullptr));

  Tape tape;
  auto y = x.detach();
  record(y, [](const Tensor<double>&) { throw std::runtime_error("in backward"); });
  const auto loss = sum(y);
  BOOST_CHECK_THROW(tape.backward(loss), std::runtime_error);
  BOOST_TEST((Tape::current() == &tape));  // suspended while backward runs, and there again
}

BOOST_AUTO_TEST_CASE(backward_records_nothing) {
  const auto x = leaf({4}, 1);
  Tape tape;
  auto y = x.detach();
  bool recording = true;
  record(y, [&, x](const Tensor<double>&) { recording = needs_grad(x); });
  tape.backward(sum(y));
  BOOST_TEST(!recording);
}

BOOST_AUTO_TEST_CASE(parts_off_the_path_do_not_run) {
  const auto x = leaf({4}, 1);
  Tape tape;
  int runs = 0;
  auto aside = x.detach();
  record(aside, [&](const Tensor<double>&) { ++runs; });
  (void)(aside * aside);
  tape.backward(sum(x * 2.0));
  BOOST_TEST(runs == 0);
}

BOOST_AUTO_TEST_CASE(nodes_are_freed_as_they_run) {
  auto& pool = MemoryPool<Cpu>::instance();
  const auto x = leaf({10000}, 1);
  const auto before = pool.statistics().in_use;
  {
    Tape tape;
    auto y = x;
    for (int i = 0; i < 20; ++i) y = silu(y);
    const auto loss = sum(y);
    y = {};
    const auto full = pool.statistics().in_use - before;
    tape.backward(loss);
    const auto after = pool.statistics().in_use - before;
    BOOST_TEST(full > 19 * 80000u);
    BOOST_TEST(after < 2 * 90000u);  // the gradient of x, the loss
  }
  // A tape that never ran frees what it holds.
  const auto kept = pool.statistics().in_use;
  {
    const Tape tape;
    const auto y = silu(silu(x));
  }
  BOOST_TEST(pool.statistics().in_use == kept);
}

BOOST_AUTO_TEST_CASE(reshaped_tensors_share_their_gradient) {
  check_gradient(
      [](const auto& in) {
        const auto y = silu(in[0]);
        return y.reshape({2, 6}) * y.reshape({2, 6}) + y.reshape({1, 12}).reshape({2, 6});
      },
      {random_tensor({3, 4}, 1)});
  const auto x = leaf({3, 4}, 1);
  Tape tape;
  tape.backward(sum(x.reshape({12}) * 2.0) + sum(x));
  BOOST_TEST(grad(x).shape().string() == "(3, 4)");
  BOOST_TEST((grad(x).to_host() == std::vector<double>(12, 3.0)));
}

BOOST_AUTO_TEST_CASE(several_outputs) {
  const auto x = leaf({2, 4}, 1);
  Tape tape;
  const auto parts = split<2>(x, 1);
  tape.backward(sum(parts[1] * 3.0));
  BOOST_TEST((grad(x).to_host() == std::vector<double>{0, 0, 3, 3, 0, 0, 3, 3}));
}

BOOST_AUTO_TEST_CASE(adopted_memory_is_added_to_where_a_tensor_feeds_several_residuals) {
  const std::vector<Tensor<double>> inputs = {random_tensor({2, 3, 5}, 1), random_tensor({2, 5}, 2)};
  // s goes into three sums, whose gradients are the same memory until the first of them adopts it.
  check_gradient(
      [](const auto& in) {
        const auto s = silu(in[0]);
        const auto a = s + silu(s), b = gated_residual(s, in[1], a), c = s + s;
        return a + b + c * s;
      },
      inputs);
  // The output itself is a sum of sums, so one gradient arrives everywhere.
  check_gradient(
      [](const auto& in) {
        const auto s = silu(in[0]), t = silu(s);
        return ((s + t) + (t + s)) + ((s + s) - (t - s));
      },
      inputs);
  // Through views.
  check_gradient(
      [](const auto& in) {
        const auto s = silu(in[0]), flat = s.reshape({30});
        return (flat + flat).reshape({2, 3, 5}) + s + gated_residual(s, in[1], flat.reshape({2, 3, 5}));
      },
      inputs);
}

BOOST_AUTO_TEST_CASE(leaves_adopt_memory_that_is_theirs_alone) {
  const auto x = leaf({4}, 1), y = leaf({4}, 2);
  Tape tape;
  tape.backward(x + y + y, Tensor<double>::full({4}, 1));
  BOOST_TEST(grad(x).data() != grad(y).data());
  BOOST_TEST((grad(x).to_host() == std::vector<double>(4, 1)));
  BOOST_TEST((grad(y).to_host() == std::vector<double>(4, 2)));
}

BOOST_AUTO_TEST_SUITE_END()
