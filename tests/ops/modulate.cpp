// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/modulate.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(modulate_op)

namespace {
// B, L, D; widths on both sides of the column tiles.
const std::vector<Shape> shapes = {{1, 1, 1}, {2, 3, 5}, {3, 1, 7}, {0, 2, 3}, {2, 0, 3}, {2, 3, 0}};
}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  for (const Shape& shape : {Shape{2, 3, 5}, Shape{3, 40, 300}, Shape{1, 7, 512}}) {
    const std::int64_t length = shape[1], width = shape[2];
    const auto x = random_tensor(shape, 1), shift = random_tensor({shape[0], width}, 2),
               scale = random_tensor({shape[0], width}, 3);
    std::vector<double> expected;
    for (std::int64_t i = 0; i < x.count(); ++i) {
      const std::int64_t at = i / width / length * width + i % width;
      expected.push_back(x.data()[i] * (1 + scale.data()[at]) + shift.data()[at]);
    }
    BOOST_TEST(relative_error(modulate(x, shift, scale).to_host(), expected) < 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const auto function = [](const auto& in) { return modulate(in[0], in[1], in[2]); };
  for (const auto& shape : shapes) {
    const Shape vectors{shape[0], shape[2]};
    const auto x = random_tensor(shape, 1), shift = random_tensor(vectors, 2),
               scale = random_tensor(vectors, 3);
    check_gradient(function, {x, shift, scale});
    check_gradient([&](const auto& in) { return modulate(in[0], shift, scale); }, {x});
    check_gradient([&](const auto& in) { return modulate(x, in[0], scale); }, {shift});
    check_gradient([&](const auto& in) { return modulate(x, shift, in[0]); }, {scale});
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_one_tensor_in_several_places) {
  check_gradient([](const auto& in) { return modulate(in[0], in[1], in[1]); },
                 {random_tensor({2, 3, 5}, 1), random_tensor({2, 5}, 2)});
  check_gradient(
      [](const auto& in) {
        return modulate(in[0].reshape({2, 1, 5}), in[0], in[0]);
      },
      {random_tensor({2, 5}, 1)});
}

BOOST_AUTO_TEST_CASE(gradient_over_column_tiles_and_threads) {
  const Shape shape{3, 50, 300}, vectors{3, 300};
  const auto r = random_tensor(shape, 4), x_values = random_tensor(shape, 1);
  std::vector<double> expected_shift(900), expected_scale(900);
  for (std::int64_t i = 0; i < r.count(); ++i) {
    const auto at = static_cast<std::size_t>(i / 300 / 50 * 300 + i % 300);
    expected_shift[at] += r.data()[i];
    expected_scale[at] += r.data()[i] * x_values.data()[i];
  }
  const int before = thread_count();
  std::vector<std::vector<double>> gradients;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    auto x = copy(x_values), shift = random_tensor(vectors, 2), scale = random_tensor(vectors, 3);
    require_grad(x);
    require_grad(shift);
    require_grad(scale);
    Tape tape;
    tape.backward(modulate(x, shift, scale), copy(r));
    BOOST_TEST(relative_error(grad(shift).to_host(), expected_shift) < 1e-14);
    BOOST_TEST(relative_error(grad(scale).to_host(), expected_scale) < 1e-14);
    gradients.push_back(grad(scale).to_host());
    gradients.push_back(grad(x).to_host());
  }
  set_thread_count(before);
  BOOST_TEST((gradients[0] == gradients[2] && gradients[0] == gradients[4]));
  BOOST_TEST((gradients[1] == gradients[3] && gradients[1] == gradients[5]));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto x = random_tensor({2, 3, 5}, 1), v = random_tensor({2, 5}, 2);
  BOOST_CHECK_EXCEPTION(modulate(x, v, random_tensor({5}, 3)), ShapeError, [](const auto& e) {
    return std::string(e.what()) ==
           "[modulate] expected x (B, L, D), shift (B, D) and scale (B, D), got x (2, 3, 5), shift (2, 5) "
           "and "
           "scale (5)";
  });
  BOOST_CHECK_THROW(modulate(x, random_tensor({2, 3}, 3), v), ShapeError);
  BOOST_CHECK_THROW(modulate(v, v, v), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return modulate(in[0], in[1], in[2]); },
                 {{2, 30, 67}, {2, 67}, {2, 67}});
}

BOOST_AUTO_TEST_SUITE_END()
