// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/gated_residual.hpp>
#include <pixnerd/ops/silu.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(gated_residual_op)

BOOST_AUTO_TEST_CASE(values) {
  for (const Shape& shape : {Shape{2, 3, 5}, Shape{3, 40, 300}}) {
    const std::int64_t length = shape[1], width = shape[2];
    const auto s = random_tensor(shape, 1), gate = random_tensor({shape[0], width}, 2),
               h = random_tensor(shape, 3);
    std::vector<double> expected;
    for (std::int64_t i = 0; i < s.count(); ++i)
      expected.push_back(s.data()[i] + gate.data()[i / width / length * width + i % width] * h.data()[i]);
    BOOST_TEST(relative_error(gated_residual(s, gate, h).to_host(), expected) < 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape :
       {Shape{1, 1, 1}, Shape{2, 3, 5}, Shape{3, 1, 7}, Shape{0, 2, 3}, Shape{2, 0, 3}, Shape{2, 3, 0}}) {
    const auto s = random_tensor(shape, 1), gate = random_tensor({shape[0], shape[2]}, 2),
               h = random_tensor(shape, 3);
    check_gradient([](const auto& in) { return gated_residual(in[0], in[1], in[2]); }, {s, gate, h});
    check_gradient([&](const auto& in) { return gated_residual(in[0], gate, h); }, {s});
    check_gradient([&](const auto& in) { return gated_residual(s, in[0], h); }, {gate});
    check_gradient([&](const auto& in) { return gated_residual(s, gate, in[0]); }, {h});
    // A chain of residuals: the gradient's memory is handed down from block to block, and added to.
    check_gradient(
        [](const auto& in) {
          auto x = silu(in[0]);
          for (int block = 0; block < 3; ++block) x = gated_residual(x, in[1], silu(x));
          return x;
        },
        {s, gate});
    check_gradient(
        [](const auto& in) {
          const auto x = silu(in[0]);
          return gated_residual(x, in[1], x);
        },
        {s, gate});
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_one_tensor_in_several_places) {
  check_gradient(
      [](const auto& in) {
        const auto s = in[0].reshape({2, 1, 5});
        return gated_residual(s, in[0], s);
      },
      {random_tensor({2, 5}, 1)});
}

BOOST_AUTO_TEST_CASE(the_gradient_of_the_residual_takes_memory) {
  auto s = random_tensor({2, 3, 5}, 1), gate = random_tensor({2, 5}, 2), h = random_tensor({2, 3, 5}, 3);
  require_grad(s);
  require_grad(gate);
  Tape tape;
  const auto r = random_tensor({2, 3, 5}, 4);
  tape.backward(gated_residual(s, gate, h), r);
  BOOST_TEST(grad(s).data() == r.data());
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const Shape shape{3, 50, 300};
  const int before = thread_count();
  std::vector<std::vector<float>> gradients;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    auto gate = random_tensor<float>({3, 300}, 2), h = random_tensor<float>(shape, 3);
    require_grad(gate);
    require_grad(h);
    Tape tape;
    tape.backward(gated_residual(random_tensor<float>(shape, 1), gate, h), random_tensor<float>(shape, 4));
    gradients.push_back(grad(gate).to_host());
    gradients.push_back(grad(h).to_host());
  }
  set_thread_count(before);
  BOOST_TEST((gradients[0] == gradients[2] && gradients[0] == gradients[4]));
  BOOST_TEST((gradients[1] == gradients[3] && gradients[1] == gradients[5]));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto s = random_tensor({2, 3, 5}, 1), gate = random_tensor({2, 5}, 2);
  BOOST_CHECK_EXCEPTION(gated_residual(s, gate, random_tensor({2, 5, 3}, 3)), ShapeError, [](const auto& e) {
    return std::string(e.what()) ==
           "[gated_residual] expected s (B, L, D), gate (B, D) and h (B, L, D), got s (2, 3, 5), gate (2, 5) "
           "and h "
           "(2, 5, 3)";
  });
  BOOST_CHECK_THROW(gated_residual(s, random_tensor({5}, 2), s), ShapeError);
  BOOST_CHECK_THROW(gated_residual(gate, gate, gate), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return gated_residual(in[0], in[1], in[2]); },
                 {{2, 30, 67}, {2, 67}, {2, 30, 67}});
  check_bfloat16([](const auto& in) { return gated_residual(widened(in[0]), in[1], in[2]); },
                 {{2, 30, 67}, {2, 67}, {2, 30, 67}});
}

BOOST_AUTO_TEST_SUITE_END()
