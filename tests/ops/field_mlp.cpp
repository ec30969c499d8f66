// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/field_mlp.hpp>

#include "support/bfloat16.hpp"
#include "support/norm_weight.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(field_mlp_op)

namespace {

/// The definition, pixel by pixel.
std::vector<double> written_out(const Tensor<float>& x, const Tensor<float>& theta,
                                const Tensor<float>& weight, bool normalize_second) {
  const auto patches = x.size(0), pixels = x.size(1), width = x.size(2), hidden = theta.size(1) / (2 * width);
  std::vector<double> y;
  for (std::int64_t n = 0; n < patches; ++n) {
    std::vector<double> matrices(theta.data() + n * theta.size(1), theta.data() + (n + 1) * theta.size(1));
    const auto normalize = [&](std::int64_t at, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t j = 0; j < columns; ++j) {
        double square = 0;
        for (std::int64_t i = 0; i < rows; ++i) square += std::pow(matrices[at + i * columns + j], 2);
        for (std::int64_t i = 0; i < rows; ++i)
          matrices[at + i * columns + j] /= std::max(std::sqrt(square), 1e-12);
      }
    };
    normalize(0, width, hidden);
    if (normalize_second) normalize(width * hidden, hidden, width);
    for (std::int64_t p = 0; p < pixels; ++p) {
      const float* row = x.data() + (n * pixels + p) * width;
      double square = 0;
      for (std::int64_t i = 0; i < width; ++i) square += double(row[i]) * row[i] / double(width);
      std::vector<double> out(row, row + width);
      for (std::int64_t j = 0; j < hidden; ++j) {
        double h = 0;
        for (std::int64_t i = 0; i < width; ++i) {
          h += row[i] / std::sqrt(square + 1e-6) * weight.data()[i] * matrices[i * hidden + j];
        }
        for (std::int64_t i = 0; i < width; ++i)
          out[i] += h / (1 + std::exp(-h)) * matrices[width * hidden + j * width + i];
      }
      y.insert(y.end(), out.begin(), out.end());
    }
  }
  return y;
}

}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  const std::int64_t sizes[][4] = {{1, 1, 1, 1}, {3, 4, 5, 10}, {9, 6, 32, 64}};
  for (const auto& [patches, pixels, width, hidden] : sizes) {
    for (const bool normalize_second : {true, false}) {
      const auto x = random_tensor<float>({patches, pixels, width}, 1);
      const auto theta = random_tensor<float>({patches, 2 * width * hidden}, 2),
                 weight = random_tensor<float>({width}, 3);
      BOOST_TEST(relative_error(field_mlp(x, theta, weight, normalize_second).to_host(),
                                written_out(x, theta, weight, normalize_second)) < 1e-6);
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const std::int64_t sizes[][4] = {{1, 1, 1, 1}, {2, 3, 3, 5}, {9, 1, 2, 4}, {0, 2, 2, 2}, {2, 0, 2, 2}};
  for (const auto& [patches, pixels, width, hidden] : sizes) {
    for (const bool normalize_second : {true, false}) {
      check_gradient([=](const auto& t) { return field_mlp(t[0], t[1], t[2], normalize_second); },
                     {random_tensor({patches, pixels, width}, 1),
                      random_tensor({patches, 2 * width * hidden}, 2), random_tensor({width}, 3)});
    }
  }
}

BOOST_AUTO_TEST_CASE(columns_of_zeros_have_finite_gradients) {
  auto x = random_tensor<float>({1, 2, 2}, 1), theta = Tensor<float>::zeros({1, 16}),
       weight = random_tensor<float>({2}, 2);
  require_grad(x);
  require_grad(theta);
  Tape tape;
  const auto y = field_mlp(x, theta, weight);
  BOOST_TEST((y.to_host() == x.to_host()));
  tape.backward(y, random_tensor<float>({1, 2, 2}, 3));
  for (const float g : grad(theta).to_host()) BOOST_TEST(std::isfinite(g));
  for (const float g : grad(x).to_host()) BOOST_TEST(std::isfinite(g));
}

BOOST_AUTO_TEST_CASE(residual_gradient_is_shared_safely) {
  // x feeds two fields and a third use; the gradient of one of them takes over memory.
  check_gradient(
      [](const auto& t) {
        const auto once = field_mlp(t[0], t[1], t[2]);
        return field_mlp(once, t[1], t[2]);
      },
      {random_tensor({2, 3, 2}, 1), random_tensor({2, 8}, 2), random_tensor({2}, 3)});
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto x = random_tensor({2, 3, 4}, 1), weight = random_tensor({4}, 2);
  BOOST_CHECK_THROW(field_mlp(x, random_tensor({2, 63}, 1), weight), ShapeError);
  BOOST_CHECK_THROW(field_mlp(x, random_tensor({3, 64}, 1), weight), ShapeError);
  BOOST_CHECK_THROW(field_mlp(x, random_tensor({2, 64}, 1), random_tensor({5}, 2)), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  for (const bool normalize_second : {false, true}) {
    check_bfloat16(
        [=](const auto& in) { return field_mlp(in[0], in[1], norm_weight(in[2]), normalize_second); },
        {{5, 16, 8}, {5, 2 * 8 * 16}, {8}}, {2});
  }
}

BOOST_AUTO_TEST_SUITE_END()
