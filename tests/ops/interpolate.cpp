// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/interpolate.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(interpolate_op)

namespace {

constexpr Interpolation modes[] = {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic};

/// The weight of a pixel at distance d, written down once more.
double weight_at(Interpolation mode, double d) {
  d = std::abs(d);
  if (mode == Interpolation::bilinear) return std::max(0.0, 1 - d);
  const double a = -0.75;
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/// Row i of the matrix of one direction, by distances from every pixel of an endless source.
std::vector<double> direction(Interpolation mode, std::int64_t in, double step, std::int64_t i) {
  std::vector<double> out(static_cast<std::size_t>(in));
  const auto pixel = [&](std::int64_t p) -> double& {
    return out[static_cast<std::size_t>(std::clamp<std::int64_t>(p, 0, in - 1))];
  };
  if (mode == Interpolation::nearest) {
    pixel(static_cast<std::int64_t>(std::floor(static_cast<double>(i) * step))) = 1;
    return out;
  }
  const double place = (static_cast<double>(i) + 0.5) * step - 0.5;
  const auto floor = static_cast<std::int64_t>(std::floor(place));
  for (std::int64_t p = floor - 3; p <= floor + 4; ++p)
    pixel(p) += weight_at(mode, place - static_cast<double>(p));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  for (const auto mode : modes) {
    for (const auto& [height, width] : {std::pair{9, 7}, {4, 3}, {13, 20}, {1, 1}, {2, 40}}) {
      const auto x = random_tensor({2, 3, 9, 7}, 1);
      const auto y = interpolate(x, height, width, mode);
      BOOST_TEST((y.shape() == Shape{2, 3, height, width}));
      std::vector<double> expected;
      for (int plane = 0; plane < 6; ++plane) {
        for (int i = 0; i < height; ++i) {
          const auto down = direction(mode, 9, 9.0 / height, i);
          for (int j = 0; j < width; ++j) {
            const auto across = direction(mode, 7, 7.0 / width, j);
            double sum = 0;
            for (std::size_t p = 0; p < 9; ++p) {
              for (std::size_t q = 0; q < 7; ++q)
                sum += down[p] * across[q] * x.data()[(static_cast<std::size_t>(plane) * 9 + p) * 7 + q];
            }
            expected.push_back(sum);
          }
        }
      }
      BOOST_TEST(relative_error(y.to_host(), expected) < 1e-14);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_same_size_changes_nothing) {
  const auto x = random_tensor<float>({1, 2, 5, 6}, 1);
  for (const auto mode : modes) BOOST_TEST((interpolate(x, 5, 6, mode).to_host() == x.to_host()));
}

BOOST_AUTO_TEST_CASE(constants_stay) {
  const auto x = Tensor<double>::full({1, 1, 5, 6}, 3.0);
  for (const auto mode : modes) {
    for (const double value : interpolate(x, 7, 17, mode, {0.61, 0.0}).to_host())
      BOOST_TEST(std::abs(value - 3) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(steps_take_the_place_of_the_ratio) {
  const auto x = random_tensor({1, 1, 5, 5}, 1);
  for (const auto mode : modes) {
    const double step = 5 / 3.1;
    std::vector<double> expected;
    for (int i = 0; i < 3; ++i) {
      const auto down = direction(mode, 5, step, i);
      for (int j = 0; j < 4; ++j) {
        const auto across = direction(mode, 5, 2.0, j);  // past the end of the source
        double sum = 0;
        for (std::size_t p = 0; p < 5; ++p) {
          for (std::size_t q = 0; q < 5; ++q) sum += down[p] * across[q] * x.data()[p * 5 + q];
        }
        expected.push_back(sum);
      }
    }
    BOOST_TEST(relative_error(interpolate(x, 3, 4, mode, {step, 2.0}).to_host(), expected) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const auto mode : modes) {
    for (const auto& [height, width] : {std::pair{3, 4}, {1, 1}, {2, 9}, {7, 2}, {12, 11}}) {
      for (const Shape& shape :
           {Shape{2, 2, 3, 4}, Shape{1, 1, 1, 1}, Shape{1, 1, 8, 5}, Shape{0, 3, 2, 2}}) {
        check_gradient([=, h = height, w = width](const auto& in) { return interpolate(in[0], h, w, mode); },
                       {random_tensor(shape, 1)});
      }
    }
    for (const double step : {0.2, 0.9, 1.7, 4.0}) {
      check_gradient(
          [=](const auto& in) {
            return interpolate(in[0], 5, 6, mode, {step, 1.3});
          },
          {random_tensor({1, 2, 4, 5}, 1)});
    }
  }
}

BOOST_AUTO_TEST_CASE(a_pixel_stands_only_where_range_of_says) {
  for (const auto mode : modes) {
    for (const double step : {0.0, 0.013, 0.31, 1.0, 1.9, 33.3}) {
      for (const std::int64_t in : {1, 2, 5, 41}) {
        for (const std::int64_t out : {1, 3, 40, 97}) {
          const detail::InterpolationAxis<float> axis(mode, in, out, step);
          for (std::int64_t i = 0; i < out; ++i) {
            float sum = 0;
            for (std::int64_t p = 0; p < in; ++p) {
              const float weight = axis.weight_of(p, i);
              sum += weight;
              std::int64_t begin, end;
              axis.range_of(p, begin, end);
              if (weight != 0 && (i < begin || i >= end))
                BOOST_ERROR("pixel " << p << " of " << in << " stands in " << i << " of " << out);
            }
            if (!(std::abs(sum - 1) < 1e-5f)) BOOST_ERROR("weights add up to " << sum);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const int before = thread_count();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 5}) {
    set_thread_count(threads);
    auto x = random_tensor<float>({3, 2, 31, 17}, 1);
    require_grad(x);
    Tape tape;
    const auto y = interpolate(x, 20, 45, Interpolation::bicubic);
    tape.backward(y, random_tensor<float>(y.shape(), 2));
    results.push_back(y.to_host());
    results.push_back(grad(x).to_host());
  }
  set_thread_count(before);
  BOOST_TEST((results[0] == results[2]));
  BOOST_TEST((results[1] == results[3]));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit) {
  const auto x = random_tensor({1, 2, 3, 4}, 1);
  const auto cubic = Interpolation::bicubic;
  BOOST_CHECK_EXCEPTION(interpolate(random_tensor({2, 3, 4}, 1), 2, 2, cubic), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[interpolate] expected images (B, C, H, W) with pixels, got (2, 3, 4)";
  });
  BOOST_CHECK_THROW(interpolate(random_tensor({1, 2, 0, 4}, 1), 2, 2, cubic), ShapeError);
  BOOST_CHECK_THROW(interpolate(x, 0, 2, cubic), ValueError);
  BOOST_CHECK_THROW(interpolate(x, 2, -1, cubic), ValueError);
  for (const double step : {-1.0, 1e-9, 1e9, std::nan(""), HUGE_VAL})
    BOOST_CHECK_THROW(interpolate(x, 2, 2, cubic, {1.0, step}), ValueError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  for (const auto mode : modes) {
    check_bfloat16([=](const auto& in) { return interpolate(in[0], 9, 14, mode); }, {{2, 3, 7, 5}});
    check_bfloat16([=](const auto& in) { return interpolate(in[0], 4, 3, mode); }, {{2, 3, 7, 5}});
  }
}

BOOST_AUTO_TEST_SUITE_END()
