#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/patchify.hpp>

#include "support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(patchify_op)

BOOST_AUTO_TEST_CASE(order_of_elements) {
  const std::int64_t B = 2, C = 3, H = 4, W = 9, ph = 2, pw = 3;
  const auto images = random_tensor<float>({B, C, H, W}, 1);
  const auto first = patchify(images, ph, pw, PatchLayout::channels_first);
  const auto last = patchify(images, ph, pw, PatchLayout::channels_last);
  BOOST_TEST((first.shape() == Shape{B, 6, C * ph * pw}));
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t c = 0; c < C; ++c) {
      for (std::int64_t y = 0; y < H; ++y) {
        for (std::int64_t x = 0; x < W; ++x) {
          const float pixel = images.data()[((b * C + c) * H + y) * W + x];
          const std::int64_t patch = b * 6 + y / ph * (W / pw) + x / pw, py = y % ph, px = x % pw;
          BOOST_TEST(first.data()[patch * C * ph * pw + c * ph * pw + py * pw + px] == pixel);
          BOOST_TEST(last.data()[patch * C * ph * pw + (py * pw + px) * C + c] == pixel);
        }
      }
    }
  }
  BOOST_TEST((fold(first, C, H, W, ph, pw, PatchLayout::channels_first).to_host() == images.to_host()));
  BOOST_TEST((fold(last, C, H, W, ph, pw, PatchLayout::channels_last).to_host() == images.to_host()));
}

BOOST_AUTO_TEST_CASE(gradient) {
  const std::int64_t sizes[][6] = {
      {1, 1, 1, 1, 1, 1}, {2, 3, 4, 6, 2, 3}, {0, 1, 2, 2, 1, 2}, {1, 2, 0, 3, 2, 1}, {2, 0, 2, 2, 1, 1}};
  for (const auto& [B, C, H, W, ph, pw] : sizes) {
    for (const auto layout : {PatchLayout::channels_first, PatchLayout::channels_last}) {
      check_gradient([&](const auto& t) { return patchify(t[0], ph, pw, layout); },
                     {random_tensor({B, C, H, W}, 1)});
      check_gradient([&](const auto& t) { return fold(t[0], C, H, W, ph, pw, layout); },
                     {random_tensor({B, (H / ph) * (W / pw), C * ph * pw}, 1)});
    }
  }
}

BOOST_AUTO_TEST_CASE(errors) {
  BOOST_CHECK_EXCEPTION(
      patchify(random_tensor({1, 3, 30, 32}, 1), 8, 8, PatchLayout::channels_first), ShapeError,
      [](const auto& e) {
        return std::string(e.what()) ==
               "[patchify] expected an image height and width divisible by the patch size 8x8, got 30x32";
      });
  BOOST_CHECK_THROW(patchify(random_tensor({3, 4, 4}, 1), 2, 2, PatchLayout::channels_first), ShapeError);
  BOOST_CHECK_THROW(patchify(random_tensor({1, 3, 4, 4}, 1), 0, 2, PatchLayout::channels_first), ShapeError);
  BOOST_CHECK_THROW(fold(random_tensor({1, 4, 11}, 1), 3, 4, 4, 2, 2, PatchLayout::channels_first),
                    ShapeError);
  BOOST_CHECK_THROW(fold(random_tensor({1, 4, 12}, 1), 3, 4, 5, 2, 2, PatchLayout::channels_first),
                    ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
