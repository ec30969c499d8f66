// SPDX-License-Identifier: MIT
// Products on the GPU, and the operations that are products.
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_products)

namespace {

struct LinearSizes {
  std::int64_t rows, in, out;
};

/// One product on the GPU from views that start `offset` elements after an aligned address, with `padding`
/// between rows, against the same on the CPU.
template <class T, class R>
void check_product(const ProductSizes& s, bool transpose_a, bool transpose_b, std::int64_t offset,
                   std::int64_t padding, bool with_bias, bool add) {
  using W = wide_t<T>;
  const std::int64_t stride_a = (transpose_a ? s.rows : s.inner) + padding,
                     stride_b = (transpose_b ? s.inner : s.columns) + padding, stride_c = s.columns + padding,
                     batch_a = stride_a * (transpose_a ? s.inner : s.rows),
                     batch_b = stride_b * (transpose_b ? s.columns : s.inner), batch_c = stride_c * s.rows;
  const auto a = detail::random_elements<T>(batch_a * s.batch + offset, 1),
             b = detail::random_elements<T>(batch_b * s.batch + offset, 2),
             bias = detail::random_elements<T>(s.columns + offset, 3);
  auto c = detail::random_elements<R>(batch_c * s.batch + offset, 4);
  const auto on_gpu = [](const auto& values) {
    using E = std::remove_cvref_t<decltype(values[0])>;
    return Tensor<E, Cuda>::from_host({static_cast<std::int64_t>(values.size())}, values);
  };
  const auto gpu_a = on_gpu(a), gpu_b = on_gpu(b), gpu_bias = on_gpu(bias);
  const auto gpu_c = on_gpu(c);
  cuda_product<T, R>("test", s, {gpu_a.data() + offset, stride_a, transpose_a, batch_a},
                     {gpu_b.data() + offset, stride_b, transpose_b, batch_b},
                     {gpu_c.data() + offset, stride_c, add, batch_c},
                     with_bias ? gpu_bias.data() + offset : nullptr);
  const auto wide = [](auto value) {
    return static_cast<double>(static_cast<wide_t<decltype(value)>>(value));
  };
  const auto at = [&](const auto& values, std::int64_t i) {
    return wide(values[static_cast<std::size_t>(offset + i)]);
  };
  std::vector<double> expected;
  for (const R value : c) expected.push_back(wide(value));
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t i = 0; i < s.rows; ++i) {
      for (std::int64_t j = 0; j < s.columns; ++j) {
        const std::int64_t to = n * batch_c + i * stride_c + j;
        double sum = (add ? at(c, to) : 0) + (with_bias ? at(bias, j) : 0);
        for (std::int64_t k = 0; k < s.inner; ++k) {
          sum += at(a, n * batch_a + (transpose_a ? k * stride_a + i : i * stride_a + k)) *
                 at(b, n * batch_b + (transpose_b ? j * stride_b + k : k * stride_b + j));
        }
        expected[static_cast<std::size_t>(offset + to)] = sum;
      }
    }
  }
  // What lies between the rows stays as it was.
  detail::check_close(str_cat("product of ", element_name<T>, " into ", element_name<R>, " ", s.rows, " x ",
                              s.inner, " x ", s.columns, " x ", s.batch, transpose_a ? ", a transposed" : "",
                              transpose_b ? ", b transposed" : "", add ? ", added" : "", ", offset ", offset,
                              ", padding ", padding),
                      detail::doubles_of(gpu_c), expected, device_tolerance<R>);
  static_assert(std::same_as<W, wide_t<R>>);
}

template <class T>
void check_linear(const LinearSizes& s, bool with_bias) {
  std::vector<Input> inputs = {{{s.rows, s.in}}, parameter({s.out, s.in})};
  if (with_bias) inputs.push_back(parameter({s.out}));
  compare_devices<T>("linear", inputs, [&](const auto& in) {
    return with_bias ? linear(in[0], in[1], in[2]) : linear(in[0], in[1]);
  });
}

/// Which gradients are wanted, and the bits of those that are.
template <class T>
std::vector<std::vector<double>> linear_gradients(const LinearSizes& s, bool of_x, bool of_weight,
                                                  bool of_bias) {
  using W = wide_t<T>;
  auto x = Tensor<T, Cuda>::from_host({s.rows, s.in}, detail::random_elements<T>(s.rows * s.in, 1));
  auto weight = Tensor<T, Cuda>::from_host({s.out, s.in}, detail::random_elements<T>(s.out * s.in, 2));
  auto bias = Tensor<T, Cuda>::from_host({s.out}, detail::random_elements<T>(s.out, 3));
  if (of_x) require_grad(x);
  if (of_weight) require_grad(weight);
  if (of_bias) require_grad(bias);
  Tape tape;
  const auto y = linear(x, weight, bias);
  tape.backward(y, Tensor<T, Cuda>::from_host(y.shape(), detail::random_elements<T>(y.count(), 4)));
  std::vector<std::vector<double>> out;
  if (of_x) out.push_back(detail::doubles_of(x.slot()->template gradient<T>(x.shape())));
  if (of_weight) out.push_back(detail::doubles_of(weight.slot()->template gradient<W>(weight.shape())));
  if (of_bias) out.push_back(detail::doubles_of(bias.slot()->template gradient<W>(bias.shape())));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_layout_of_a_product) {
  for (const int layout : {0, 1, 2, 3}) {
    for (const bool add : {false, true}) {
      const bool ta = layout % 2 == 1, tb = layout / 2 == 1;
      for (const std::int64_t offset : {0, 1, 4}) {
        check_product<float, float>({5, 7, 3}, ta, tb, offset, offset, add, add);
        check_product<double, double>({5, 7, 3}, ta, tb, offset, 0, !add, add);
        check_product<bfloat16, bfloat16>({13, 9, 27}, ta, tb, offset, offset, !add, add);
        check_product<bfloat16, float>({13, 9, 27}, ta, tb, offset, 3, add, add);
        check_product<bfloat16, float>({2, 3, 4, 5}, ta, tb, offset, 0, !add, add);
        check_product<float, float>({2, 3, 4, 5}, ta, tb, offset, 1, !add, add);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(products_without_an_inner_dimension_are_zero_or_the_bias) {
  for (const bool with_bias : {false, true}) {
    for (const bool add : {false, true}) {
      check_product<float, float>({3, 5, 0}, false, false, 0, 2, with_bias, add);
      check_product<bfloat16, float>({3, 5, 0, 2}, true, true, 1, 2, with_bias, add);
      check_product<bfloat16, bfloat16>({0, 5, 3}, false, true, 0, 2, with_bias, add);
      check_product<float, float>({3, 0, 3}, false, true, 0, 2, with_bias, add);
    }
  }
}

BOOST_AUTO_TEST_CASE(linear_equals_the_cpu) {
  for (const LinearSizes& s : std::vector<LinearSizes>{{1, 1, 1},
                                                       {0, 3, 5},
                                                       {4, 0, 3},
                                                       {4, 3, 0},
                                                       {7, 5, 11},
                                                       {37, 27, 41},
                                                       {64, 48, 96},
                                                       {130, 67, 257}}) {
    for (const bool with_bias : {false, true}) {
      check_linear<float>(s, with_bias);
      check_linear<double>(s, with_bias);
      check_linear<bfloat16>(s, with_bias);
    }
  }
}

BOOST_AUTO_TEST_CASE(linear_of_few_outputs_over_many_rows_equals_the_cpu) {
  for (const bool with_bias : {false, true}) {
    check_linear<float>({1024, 64, 3}, with_bias);
    check_linear<double>({1031, 16, 4}, with_bias);
    check_linear<bfloat16>({1500, 64, 3}, with_bias);
  }
  check_linear<bfloat16>({1025, 8, 1}, true);
  check_linear<bfloat16>({1100, 256, 2}, true);
  check_linear<float>({2049, 4, 4}, true);
  check_linear<float>({1040, 20, 3}, true);     // not a power of two
  check_linear<bfloat16>({1040, 63, 3}, true);  // rows off 16 bytes
  check_linear<bfloat16>({5000, 64, 5}, true);  // one output too many
}

BOOST_AUTO_TEST_CASE(linear_with_a_wide_result_equals_the_cpu) {
  for (const LinearSizes& s : {LinearSizes{1, 1, 1}, {5, 16, 24}, {1500, 64, 3}}) {
    const std::vector<Input> inputs{{{s.rows, s.in}}, parameter({s.out, s.in}), parameter({s.out})};
    compare_devices_in_all_types("wide_linear", inputs,
                                 [](const auto& in) { return wide_linear(in[0], in[1], in[2]); });
    compare_devices<bfloat16>("wide_linear", inputs,
                              [](const auto& in) { return wide_linear(in[0], in[1]); });
  }
}

BOOST_AUTO_TEST_CASE(linear_of_a_tensor_with_itself) {
  compare_devices<float>("linear", {{{9, 9}}}, [](const auto& in) { return linear(in[0], in[0]); });
  compare_devices<double>("linear", {{{1, 9}}}, [](const auto& in) {
    return linear(in[0], in[0], linear(in[0], in[0]).reshape({1}));
  });
}

BOOST_AUTO_TEST_CASE(gradients_that_are_not_wanted_change_nothing) {
  for (const LinearSizes& s : {LinearSizes{33, 16, 24}, LinearSizes{1100, 64, 3}}) {
    const auto all = linear_gradients<bfloat16>(s, true, true, true);
    BOOST_TEST((linear_gradients<bfloat16>(s, true, true, true) == all));
    BOOST_TEST((linear_gradients<bfloat16>(s, true, false, false).at(0) == all[0]));
    detail::check_close("weight", linear_gradients<bfloat16>(s, false, true, false).at(0), all[1], 1e-6);
    detail::check_close("bias", linear_gradients<bfloat16>(s, false, false, true).at(0), all[2], 1e-6);
  }
}

#ifndef __CUDACC__  // what only an emulated cuBLASLt lets a test see or provoke

namespace {

/// Puts the library back as it was.
struct EmulatedLibrary {
  emulation::CublasLt& library = emulation::CublasLt::instance();
  ~EmulatedLibrary() { library = {}; }
  emulation::CublasLt* operator->() const { return &library; }
};

std::string message_of_linear(const LinearSizes& s) {
  const auto x = Tensor<float, Cuda>::zeros({s.rows, s.in}),
             weight = Tensor<float, Cuda>::zeros({s.out, s.in});
  try {
    linear(x, weight);
  } catch (const CudaError& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

BOOST_AUTO_TEST_CASE(epilogues_that_the_library_lacks_are_kernels) {
  const EmulatedLibrary library;
  check_linear<bfloat16>({21, 13, 10}, true);
  BOOST_TEST(library->epilogues > 0);
  library->epilogues = 0;
  library->knows_epilogues = false;
  // Other sizes: what was chosen stays chosen.
  check_linear<float>({22, 13, 10}, true);
  check_linear<bfloat16>({22, 13, 10}, true);
  check_product<bfloat16, bfloat16>({13, 9, 26, 2}, true, false, 3, 1, true, false);
  BOOST_TEST(library->epilogues == 0);
}

BOOST_AUTO_TEST_CASE(an_algorithm_is_chosen_once) {
  const EmulatedLibrary library;
  check_linear<float>({23, 14, 15}, true);
  const int choices = library->choices;
  library->products = 0;
  check_linear<float>({23, 14, 15}, true);
  BOOST_TEST(library->choices == choices);
  BOOST_TEST(library->products > 0);
  // Memory that starts elsewhere is another choice; TensorFloat-32 is too.
  check_product<float, float>({23, 15, 14}, false, true, 1, 0, false, false);
  BOOST_TEST(library->choices == choices + 1);
  allow_tf32(true);
  check_linear<float>({23, 14, 15}, true);
  allow_tf32(false);
  BOOST_TEST(library->choices > choices + 1);
}

BOOST_AUTO_TEST_CASE(a_thin_linear_layer_does_without_the_library) {
  const EmulatedLibrary library;
  check_linear<bfloat16>({1029, 64, 3}, true);
  BOOST_TEST(library->products == 0);
}

BOOST_AUTO_TEST_CASE(failures_of_the_library_are_exceptions_that_name_the_operation) {
  const EmulatedLibrary library;
  library->failure = CUBLAS_STATUS_EXECUTION_FAILED;
  BOOST_TEST(
      message_of_linear({2, 3, 4}) ==
      "[linear] expected a product that cuBLASLt computes, got CUBLAS_STATUS_EXECUTION_FAILED: emulated");
  library->failure = CUBLAS_STATUS_SUCCESS;
  library->knows_algorithms = false;
  BOOST_TEST(message_of_linear({24, 3, 4}) ==
             "[linear] expected an algorithm of cuBLASLt for 24 x 3 by 3 x 4, 1 times, got none");
}

BOOST_AUTO_TEST_CASE(products_are_captured_into_graphs) {
  const auto x = Tensor<float, Cuda>::from_host({31, 16}, detail::random_elements<float>(31 * 16, 1)),
             weight = Tensor<float, Cuda>::from_host({24, 16}, detail::random_elements<float>(24 * 16, 2)),
             bias = Tensor<float, Cuda>::from_host({24}, detail::random_elements<float>(24, 3));
  const auto expected = linear(x, weight, bias).to_host();
  const CudaArena arena;
  cudaGraph_t graph = nullptr;
  Tensor<float, Cuda> y;
  {
    const CudaArena::Use use(arena);
    y = Tensor<float, Cuda>::zeros({31, 24});
    BOOST_TEST_REQUIRE(cudaStreamBeginCapture(cuda_stream(), cudaStreamCaptureModeGlobal) == cudaSuccess);
    cuda_product<float, float>("test", {31, 24, 16}, {x.data(), 16}, {weight.data(), 16, true},
                               {y.data(), 24}, bias.data());
    BOOST_TEST_REQUIRE(cudaStreamEndCapture(cuda_stream(), &graph) == cudaSuccess);
  }
  BOOST_TEST((y.to_host() != expected));
  BOOST_TEST(cudaGraphLaunch(graph, cuda_stream()) == cudaSuccess);
  BOOST_TEST((y.to_host() == expected));
  BOOST_TEST(cudaGraphDestroy(graph) == cudaSuccess);
}

#endif

BOOST_AUTO_TEST_CASE(batched_product_equals_the_cpu) {
  const auto check = [](std::int64_t batch, std::int64_t rows, std::int64_t inner, std::int64_t columns) {
    compare_devices_in_all_types("batched_product", {{{batch, rows, inner}}, {{batch, inner, columns}}},
                                 [](const auto& in) { return batched_product(in[0], in[1]); });
  };
  check(1, 1, 1, 1);
  check(3, 5, 7, 11);
  check(0, 5, 7, 11);
  check(3, 0, 7, 11);
  check(3, 5, 0, 11);
  check(17, 16, 8, 32);
  check(2, 130, 67, 65);
  compare_devices<float>("batched_product", {{{3, 5, 5}}},
                         [](const auto& in) { return batched_product(in[0], in[0]); });
}

BOOST_AUTO_TEST_SUITE_END()
