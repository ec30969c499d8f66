// SPDX-License-Identifier: MIT
// The field's first layer on the GPU.
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_pixel_embedding)

namespace {

template <class T>
void check(const PixelEmbeddingSizes& s) {
  const auto coordinates = detail::random_elements<T>(s.pixels * s.coordinates, 9);
  compare_devices<T>(
      "pixel_embedding",
      {{{s.patches, s.pixels, s.values}},
       parameter({s.features, s.values + s.coordinates}),
       parameter({s.features})},
      [&]<class X>(const std::vector<X>& in) {
        return pixel_embedding(in[0], X::from_host({s.pixels, s.coordinates}, coordinates), in[1], in[2]);
      });
}

template <class T>
void check_all() {
  check<T>({1, 1, 1, 1, 1});
  check<T>({3, 4, 3, 5, 8});
  check<T>({5, 9, 3, 7, 32});
  check<T>({7, 16, 1, 6, 16});
  check<T>({2, 7, 4, 3, 64});
  check<T>({3, 5, 6, 4, 8});   // more values than the one pass takes
  check<T>({3, 5, 3, 4, 20});  // features off 16 bytes or no power of two
  check<T>({3, 5, 3, 4, 7});
  check<T>({3, 5, 0, 4, 8});
  check<T>({3, 5, 2, 0, 8});
  check<T>({0, 5, 2, 3, 8});
  check<T>({2, 0, 2, 3, 8});
  check<T>({2, 3, 2, 3, 0});
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu_in_float) {
  check_all<float>();
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_in_double) {
  check_all<double>();
}

BOOST_AUTO_TEST_CASE(equals_the_cpu_in_bfloat16) {
  check_all<bfloat16>();
}

BOOST_AUTO_TEST_CASE(more_patches_than_parts) {
  check<float>({150, 9, 3, 4, 8});
  check<bfloat16>({70, 64, 3, 64, 64});
}

BOOST_AUTO_TEST_CASE(gradients_wanted_one_by_one_and_twice) {
  const PixelEmbeddingSizes s{67, 12, 3, 5, 16};
  const auto run = [&](bool of_x, bool of_weight, bool of_bias) {
    const auto leaf = [](const Shape& shape, std::uint32_t stream, bool wanted) {
      auto out =
          Tensor<bfloat16, Cuda>::from_host(shape, detail::random_elements<bfloat16>(shape.count(), stream));
      if (wanted) require_grad(out);
      return out;
    };
    const auto x = leaf({s.patches, s.pixels, s.values}, 1, of_x),
               table = leaf({s.pixels, s.coordinates}, 2, false),
               weight = leaf({s.features, s.values + s.coordinates}, 3, of_weight),
               bias = leaf({s.features}, 4, of_bias);
    Tape tape;
    const auto y = pixel_embedding(x, table, weight, bias);
    tape.backward(y, leaf(y.shape(), 5, false));
    std::vector<std::vector<double>> out(3);
    if (of_x) out[0] = detail::doubles_of(x.slot()->template gradient<bfloat16>(x.shape()));
    if (of_weight) out[1] = detail::doubles_of(weight.slot()->template gradient<float>(weight.shape()));
    if (of_bias) out[2] = detail::doubles_of(bias.slot()->template gradient<float>(bias.shape()));
    return out;
  };
  const auto all = run(true, true, true);
  BOOST_TEST((run(true, true, true) == all));
  BOOST_TEST((run(true, false, false)[0] == all[0]));
  BOOST_TEST((run(false, true, false)[1] == all[1]));
  BOOST_TEST((run(false, false, true)[2] == all[2]));
}

BOOST_AUTO_TEST_SUITE_END()
