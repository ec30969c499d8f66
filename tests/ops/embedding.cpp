// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/embedding.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(embedding_op)

namespace {
Tensor<std::int64_t> indices_of(const Shape& shape, std::vector<std::int64_t> values) {
  return Tensor<std::int64_t>::from_host(shape, values);
}
}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  const auto table = random_tensor<float>({5, 3}, 1);
  const std::vector<std::int64_t> chosen = {4, 0, 4, 2, 1, 4};
  const auto y = embedding(table, indices_of({2, 3}, chosen));
  BOOST_TEST(y.shape().string() == "(2, 3, 3)");
  for (std::int64_t i = 0; i < 18; ++i)
    BOOST_TEST(y.data()[i] == table.data()[chosen[static_cast<std::size_t>(i / 3)] * 3 + i % 3]);
  BOOST_TEST(embedding(table, indices_of({}, {3})).shape().string() == "(3)");
}

BOOST_AUTO_TEST_CASE(gradient) {
  const auto function = [](const Shape& shape, std::vector<std::int64_t> chosen) {
    return [=](const auto& in) { return embedding(in[0], indices_of(shape, chosen)); };
  };
  check_gradient(function({6}, {4, 0, 4, 2, 1, 4}), {random_tensor({5, 3}, 1)});
  check_gradient(function({1}, {0}), {random_tensor({1, 1}, 1)});
  check_gradient(function({}, {1}), {random_tensor({2, 100}, 1)});
  check_gradient(function({0, 2}, {}), {random_tensor({5, 3}, 1)});
  check_gradient(function({0}, {}), {random_tensor({0, 3}, 1)});
  check_gradient(function({2}, {1, 1}), {random_tensor({2, 0}, 1)});
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < 1000; ++i) chosen.push_back(i * i % 7);
  const int before = thread_count();
  std::vector<std::vector<float>> gradients;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    auto table = random_tensor<float>({7, 300}, 1);
    require_grad(table);
    Tape tape;
    tape.backward(embedding(table, indices_of({1000}, chosen)), random_tensor<float>({1000, 300}, 2));
    gradients.push_back(grad(table).to_host());
  }
  set_thread_count(before);
  BOOST_TEST((gradients[0] == gradients[1] && gradients[0] == gradients[2]));
}

BOOST_AUTO_TEST_CASE(errors) {
  const auto table = random_tensor({5, 3}, 1);
  BOOST_CHECK_EXCEPTION(embedding(table, indices_of({2}, {0, 5})), ValueError, [](const auto& e) {
    return std::string(e.what()) ==
           "[embedding] expected indices of at least 0 and below 5, got 5 at position 1";
  });
  BOOST_CHECK_THROW(embedding(table, indices_of({1}, {-1})), ValueError);
  BOOST_CHECK_THROW(embedding(random_tensor({5}, 1), indices_of({1}, {0})), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  const auto indices = Tensor<std::int64_t>::from_host({4}, std::vector<std::int64_t>{2, 0, 2, 1});
  check_bfloat16([&](const auto& in) { return embedding(in[0], indices); }, {{3, 41}}, {0});
}

BOOST_AUTO_TEST_SUITE_END()
