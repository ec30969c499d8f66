#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/embedding.hpp>

#include "support.hpp"

using namespace pixnerd;

namespace {
Tensor<std::int64_t> indices_of(const Shape& shape, const std::vector<std::int64_t>& values) {
  return Tensor<std::int64_t>::from_host(shape, values);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(embedding_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto table = Tensor<float>::from_host({3, 2}, std::vector<float>{0, 1, 10, 11, 20, 21});
  const auto y = embedding(table, indices_of({2, 2}, {2, 0, 1, 2}));
  BOOST_TEST((y.shape() == Shape{2, 2, 2}));
  BOOST_TEST((y.to_host() == std::vector<float>{20, 21, 0, 1, 10, 11, 20, 21}));
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const std::int64_t width : {0, 1, 5, 67}) {
    check_gradient(
        [](const auto& t) {
          return embedding(t[0], indices_of({5}, {2, 0, 2, 3, 2}));
        },
        {random_tensor({4, width}, 1)});
  }
  check_gradient([](const auto& t) { return embedding(t[0], indices_of({0}, {})); },
                 {random_tensor({4, 3}, 1)});
}

BOOST_AUTO_TEST_CASE(errors) {
  const auto table = random_tensor({4, 3}, 1);
  for (const std::int64_t index : {-1, 4}) {
    BOOST_CHECK_EXCEPTION(embedding(table, indices_of({2}, {0, index})), ValueError, [&](const auto& e) {
      return std::string(e.what()) == text("[embedding] expected an index from 0 to 3, got ", index);
    });
  }
  BOOST_CHECK_THROW(embedding(random_tensor({4}, 1), indices_of({1}, {0})), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
