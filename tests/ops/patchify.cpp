// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/patchify.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(patchify_op)

BOOST_AUTO_TEST_CASE(values) {
  // Images of 6 x 8 pixels in rectangular patches of 3 x 2.
  const auto images = random_tensor({2, 3, 6, 8}, 1);
  const auto first = patchify(images, 3, 2), last = patchify(images, 3, 2, PatchLayout::channels_last);
  BOOST_TEST(first.shape().string() == "(2, 8, 18)");
  BOOST_TEST(last.shape().string() == "(2, 8, 18)");
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t y = 0; y < 6; ++y) {
        for (std::int64_t x = 0; x < 8; ++x) {
          const double pixel = images.data()[((b * 3 + c) * 6 + y) * 8 + x];
          const std::int64_t patch = (b * 8 + y / 3 * 4 + x / 2) * 18, py = y % 3, px = x % 2;
          BOOST_TEST(first.data()[patch + c * 6 + py * 2 + px] == pixel);
          BOOST_TEST(last.data()[patch + (py * 2 + px) * 3 + c] == pixel);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(fold_is_the_inverse) {
  const std::int64_t sizes[][6] = {{1, 1, 1, 1, 1, 1},   {2, 3, 6, 8, 3, 2}, {1, 4, 5, 7, 5, 7},
                                   {3, 1, 16, 32, 8, 8}, {0, 3, 4, 4, 2, 2}, {2, 0, 4, 4, 2, 2},
                                   {2, 3, 0, 4, 2, 2}};
  for (const auto& [b, c, h, w, ph, pw] : sizes) {
    const auto images = random_tensor({b, c, h, w}, 1);
    for (const auto layout : {PatchLayout::channels_first, PatchLayout::channels_last}) {
      const auto again = fold(patchify(images, ph, pw, layout), c, h, w, ph, pw, layout);
      BOOST_TEST(again.shape().string() == images.shape().string());
      BOOST_TEST((again.to_host() == images.to_host()));
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const std::int64_t sizes[][6] = {
      {1, 1, 1, 1, 1, 1}, {2, 3, 6, 4, 3, 2}, {1, 2, 5, 3, 5, 1}, {0, 3, 4, 4, 2, 2}, {2, 3, 0, 4, 2, 2}};
  for (const auto& size : sizes) {
    const std::int64_t b = size[0], c = size[1], h = size[2], w = size[3], ph = size[4], pw = size[5];
    for (const auto layout : {PatchLayout::channels_first, PatchLayout::channels_last}) {
      check_gradient([=](const auto& in) { return patchify(in[0], ph, pw, layout); },
                     {random_tensor({b, c, h, w}, 1)});
      check_gradient([=](const auto& in) { return fold(in[0], c, h, w, ph, pw, layout); },
                     {random_tensor({b, h / ph * (w / pw), c * ph * pw}, 1)});
    }
  }
}

BOOST_AUTO_TEST_CASE(errors) {
  const auto images = random_tensor({2, 3, 6, 8}, 1);
  BOOST_CHECK_EXCEPTION(patchify(images, 4, 4), ShapeError, [](const auto& e) {
    return std::string(e.what()) ==
           "[patchify] expected images whose sides are multiples of the patch's 4 x 4, got H 6 and W 8";
  });
  BOOST_CHECK_THROW(patchify(images, 3, 3), ShapeError);
  BOOST_CHECK_THROW(patchify(images, 0, 2), ValueError);
  BOOST_CHECK_THROW(patchify(random_tensor({3, 6, 8}, 1), 2, 2), ShapeError);
  BOOST_CHECK_EXCEPTION(fold(random_tensor({2, 8, 18}, 1), 3, 6, 8, 3, 4), ShapeError, [](const auto& e) {
    return std::string(e.what()) ==
           "[fold] expected patches (2, 4, 36) for images (2, 3, 6, 8) and patches of 3 x 4, got (2, 8, 18)";
  });
  BOOST_CHECK_THROW(fold(random_tensor({2, 8, 18}, 1), 3, 6, 7, 3, 2), ShapeError);
  BOOST_CHECK_THROW(fold(random_tensor({8, 18}, 1), 3, 6, 8, 3, 2), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return patchify(in[0], 2, 3, PatchLayout::channels_last); },
                 {{2, 3, 4, 6}});
  check_bfloat16([](const auto& in) { return fold(in[0], 3, 4, 6, 2, 3); }, {{2, 4, 18}});
}

BOOST_AUTO_TEST_SUITE_END()
