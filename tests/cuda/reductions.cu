// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_reductions)

namespace {

template <class Function>
void compare_in_float_and_bfloat16(const std::string& what, const std::vector<Input>& inputs,
                                   Function function) {
  compare_devices<float>(what, inputs, function);
  compare_devices<bfloat16>(what, inputs, function);
}

}  // namespace

BOOST_AUTO_TEST_CASE(sums_and_means) {
  for (const Shape& shape :
       {Shape{1}, Shape{3, 5, 7}, Shape{2, 300, 16}, Shape{4, 1, 8}, Shape{13, 129, 3}}) {
    const std::vector<Input> x{{shape}};
    compare_devices_in_all_types("sum", x, [](const auto& in) { return sum(in[0]); });
    compare_in_float_and_bfloat16("mean", x, [](const auto& in) { return mean(in[0]); });
    for (int axis = 0; axis < shape.rank(); ++axis) {
      compare_in_float_and_bfloat16("sum", x, [=](const auto& in) { return sum(in[0], axis); });
      compare_devices<double>("mean", x, [=](const auto& in) { return mean(in[0], axis); });
    }
  }
  for (const int axis : {0, 1}) {
    compare_in_float_and_bfloat16("sum", {{{0, 6}}}, [=](const auto& in) { return sum(in[0], axis); });
    compare_in_float_and_bfloat16("sum", {{{6, 0}}}, [=](const auto& in) { return sum(in[0], axis); });
  }
  compare_in_float_and_bfloat16("sum", {{{0}}}, [](const auto& in) { return sum(in[0]); });
}

BOOST_AUTO_TEST_CASE(long_sums) {
  compare_in_float_and_bfloat16("sum", {{{70'001}}}, [](const auto& in) { return sum(in[0]); });
  compare_in_float_and_bfloat16("sum", {{{9000, 8}}}, [](const auto& in) { return sum(in[0], 0); });
  compare_in_float_and_bfloat16("sum", {{{2, 20'000}}}, [](const auto& in) { return sum(in[0], 1); });
}

BOOST_AUTO_TEST_CASE(squared_errors) {
  for (const Shape& shape : {Shape{1}, Shape{3, 7}, Shape{2, 3, 16, 16}, Shape{5, 4001}, Shape{}}) {
    const std::int64_t batch = shape.rank() == 0 ? 1 : shape[0];
    const std::vector<Input> two{{shape}, {shape}}, weighted{{shape}, {shape}, {{batch}}};
    const auto plain = [](const auto& in) { return mean_squared_error(in[0], in[1]); };
    const auto left = [](const auto& in) { return mean_squared_error(in[0], in[1].detach()); };
    const auto right = [](const auto& in) { return mean_squared_error(in[0].detach(), in[1]); };
    const auto same = [](const auto& in) { return mean_squared_error(in[0], in[0]); };
    const auto weigh = [](const auto& in) { return mean_squared_error(in[0], in[1], in[2]); };
    compare_devices<float>("mean_squared_error", two, plain);
    compare_devices<double>("mean_squared_error", two, plain);
    compare_devices<float>("mean_squared_error", two, left);
    compare_devices<float>("mean_squared_error", two, right);
    compare_devices<float>("mean_squared_error", two, same);
    if (shape.rank() > 0) {
      compare_devices<float>("mean_squared_error", weighted, weigh);
      compare_devices<double>("mean_squared_error", weighted, weigh);
    }
    // A single bfloat16 number that is rounded otherwise exceeds the tolerance.
    if (shape.count() == 1) continue;
    compare_devices<bfloat16>("mean_squared_error", two, plain);
    compare_devices<bfloat16>("mean_squared_error", two, left);
    compare_devices<bfloat16>("mean_squared_error", two, right);
    compare_devices<bfloat16>("mean_squared_error", weighted, weigh);
  }
}

BOOST_AUTO_TEST_CASE(cosines) {
  const auto cosine = [](const auto& in) { return cosine_similarity(in[0], in[1]); };
  for (const Shape& shape :
       {Shape{1}, Shape{5, 7}, Shape{2, 9, 24}, Shape{3, 768}, Shape{2, 5000}, Shape{0, 8}}) {
    const std::vector<Input> two{{shape}, {shape}};
    compare_devices_in_all_types("cosine_similarity", two, cosine);
    compare_in_float_and_bfloat16("cosine_similarity", two,
                                  [](const auto& in) { return cosine_similarity(in[0].detach(), in[1]); });
  }
  // Without vectors the cosine is 0; with one twice it is 1, and the gradients cancel.
  compare_devices<float>("cosine_similarity", {{{3, 0}}, {{3, 0}}}, cosine);
  const std::vector<Input> one{{{4, 8}}};
  compare_devices<double>("cosine_similarity of one", one,
                          [](const auto& in) { return cosine_similarity(in[0], in[0]) + sum(in[0], 1); });
}

BOOST_AUTO_TEST_CASE(cosines_of_short_vectors) {
  // Shorter than epsilon: only scaled.
  compare_in_float_and_bfloat16("cosine_similarity", {{{6, 16}}, {{6, 16}}},
                                [](const auto& in) { return cosine_similarity(in[0], in[1], 1e3); });
}

BOOST_AUTO_TEST_CASE(columns_of_length_one) {
  const auto normalize = [](const auto& in) { return normalize_columns(in[0]); };
  for (const Shape& shape :
       {Shape{1, 1, 1}, Shape{2, 5, 7}, Shape{3, 16, 24}, Shape{1, 64, 128}, Shape{2, 300, 520},
        Shape{2, 3, 8}, Shape{0, 4, 4}, Shape{2, 0, 3}, Shape{2, 3, 0}}) {
    compare_devices_in_all_types("normalize_columns", {{shape}}, normalize);
  }
  compare_in_float_and_bfloat16("normalize_columns", {{{2, 5, 8}}},
                                [](const auto& in) { return normalize_columns(in[0], 1e3); });
}

BOOST_AUTO_TEST_CASE(the_same_bits_again) {
  const auto run = [] {
    const auto x = Tensor<float, Cuda>::from_host({40'000}, detail::random_elements<float>(40'000, 1));
    const auto y = Tensor<float, Cuda>::from_host({40'000}, detail::random_elements<float>(40'000, 2));
    const auto matrix = x.reshape({2000, 20});
    auto values = sum(matrix, 0).to_host();
    values.push_back(sum(x).item());
    values.push_back(mean_squared_error(x, y).item());
    values.push_back(cosine_similarity(x, y).item());
    return values;
  };
  BOOST_TEST(run() == run(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
