// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_layout_ops)

namespace {

template <class Function>
void compare_in_float_and_bfloat16(const std::string& what, const std::vector<Input>& inputs,
                                   Function function) {
  compare_devices<float>(what, inputs, function);
  compare_devices<bfloat16>(what, inputs, function);
}

/// A function of a table and a fixed list of indices.
auto lookup(std::vector<std::int64_t> indices) {
  return [indices = std::move(indices)]<class T, class Device>(const std::vector<Tensor<T, Device>>& in) {
    const auto count = static_cast<std::int64_t>(indices.size());
    return embedding(in[0], Tensor<std::int64_t, Device>::from_host({count}, indices));
  };
}

/// x at an address that is no multiple of 16 bytes, with its gradient.
template <class T, class Device>
Tensor<T, Device> one_later(const Tensor<T, Device>& x) {
  auto values = x.to_host();
  values.insert(values.begin(), T());
  auto out = Tensor<T, Device>::from_host({x.count() + 1}, values).rows(1, x.count() + 1).reshape(x.shape());
  out.set_slot(x.slot());
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(joining) {
  for (const std::int64_t width : {1, 7, 16}) {
    const std::vector<Input> inputs{{{3, 2, width}}, {{3, 5, width}}, {{3, 1, width}}};
    compare_devices_in_all_types("concat", inputs, [](const auto& in) { return concat(in, 1); });
  }
  compare_in_float_and_bfloat16("concat", {{{4, 8}}, {{4, 3}}, {{4, 0}}},
                                [](const auto& in) { return concat(in, -1); });
  compare_in_float_and_bfloat16("concat", {{{1, 1000}}, {{2, 1000}}},
                                [](const auto& in) { return concat(in, 0); });
  compare_in_float_and_bfloat16("concat of one tensor", {{{4, 8}}}, [](const auto& in) {
    return concat(std::vector{in[0], in[0], in[0].detach()}, 1);
  });
}

BOOST_AUTO_TEST_CASE(cutting) {
  for (const Shape& shape : {Shape{5, 6}, Shape{3, 48}, Shape{257, 24}, Shape{0, 6}}) {
    // The last part gets no gradient.
    compare_devices_in_all_types("split", {{shape}}, [](const auto& in) {
      const auto parts = split<3>(in[0], 1);
      return parts[0] * parts[1];
    });
  }
  compare_in_float_and_bfloat16("split", {{{4, 3, 5}}}, [](const auto& in) { return split<2>(in[0], 0)[1]; });
  // Every part, each with another gradient, of a whole at any address.
  for (const std::int64_t width : {3, 48, 80}) {
    for (const std::int64_t first : {0, 1}) {
      compare_in_float_and_bfloat16("split", {{{5, 6 * width}}, {{5, width}}}, [=](const auto& in) {
        const auto whole = first == 0 ? in[0] : one_later(in[0]);
        const auto [a, b, c, d, e, f] = split<6>(whole, 1);
        return a * in[1] + b * c + d * e * in[1] + f;
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(patches) {
  for (const auto layout : {PatchLayout::channels_first, PatchLayout::channels_last}) {
    for (const Shape& shape :
         {Shape{2, 3, 16, 32}, Shape{1, 1, 8, 8}, Shape{3, 2, 24, 8}, Shape{0, 3, 8, 8}}) {
      for (const auto& [height, width] : {std::pair{8, 8}, {2, 4}, {1, 1}}) {
        const auto cut = [=](const auto& in) { return patchify(in[0], height, width, layout); };
        const auto join = [=, h = shape[2], w = shape[3]](const auto& in) {
          return fold(in[0], in[0].size(2) / (height * width), h, w, height, width, layout);
        };
        compare_in_float_and_bfloat16("patchify", {{shape}}, cut);
        const std::int64_t length = shape[2] / height * (shape[3] / width);
        compare_in_float_and_bfloat16("fold", {{{shape[0], length, shape[1] * height * width}}}, join);
      }
    }
  }
  compare_in_float_and_bfloat16("patchify", {{{2, 3, 15, 21}}},
                                [](const auto& in) { return patchify(in[0], 5, 7); });
}

BOOST_AUTO_TEST_CASE(rows_of_a_table) {
  for (const std::int64_t width : {1, 7, 16, 200}) {
    const std::vector<Input> table{parameter({11, width})};
    compare_devices_in_all_types("embedding", table, lookup({0}));
    compare_in_float_and_bfloat16("embedding", table, lookup({}));
    compare_in_float_and_bfloat16("embedding", table, lookup({3, 10, 3, 0, 3}));
    std::vector<std::int64_t> many;
    for (std::int64_t i = 0; i < 100; ++i) many.push_back(i * i % 11);
    compare_in_float_and_bfloat16("embedding", table, lookup(many));
  }
}

BOOST_AUTO_TEST_CASE(indices_out_of_range) {
  const auto table = Tensor<float, Cuda>::zeros({4, 8});
  for (const std::int64_t bad : {-1, 4}) {
    const std::vector<std::int64_t> values{1, bad, 2};
    const auto indices = Tensor<std::int64_t, Cuda>::from_host({3}, values);
    BOOST_CHECK_EXCEPTION(embedding(table, indices), ValueError, [&](const ValueError& error) {
      const std::string expected =
          str_cat("[embedding] expected indices of at least 0 and below 4, got ", bad, " at position 1");
      return error.what() == expected;
    });
  }
}

/// Nothing can be read back while a graph is captured: a row of NaN tells of a bad index, and it gets no
/// gradient.
BOOST_AUTO_TEST_CASE(indices_out_of_range_in_a_graph) {
  auto table = Tensor<float, Cuda>::full({4, 8}, 1.0f);
  require_grad(table);
  const std::vector<std::int64_t> values{1, 4, 2};
  const auto indices = Tensor<std::int64_t, Cuda>::from_host({3}, values);
  const auto grad_y = Tensor<float, Cuda>::full({3, 8}, 1.0f);
  cudaGraph_t graph = nullptr;
  Tensor<float, Cuda> y;
  PIXNERD_CUDA_CHECK("test", cudaStreamBeginCapture(cuda_stream(), cudaStreamCaptureModeRelaxed));
  {
    Tape tape;
    y = embedding(table, indices);
    tape.backward(y, grad_y);
  }
  PIXNERD_CUDA_CHECK("test", cudaStreamEndCapture(cuda_stream(), &graph));
  cudaGraphExec_t program = nullptr;
  PIXNERD_CUDA_CHECK("test", cudaGraphInstantiate(&program, graph, 0));
  PIXNERD_CUDA_CHECK("test", cudaGraphLaunch(program, cuda_stream()));
  const auto rows = y.to_host(), gradient = grad(table).to_host();
  PIXNERD_CUDA_CHECK("test", cudaGraphExecDestroy(program));
  PIXNERD_CUDA_CHECK("test", cudaGraphDestroy(graph));
  for (std::size_t i = 0; i < rows.size(); ++i) BOOST_TEST(std::isnan(rows[i]) == (i / 8 == 1));
  for (std::size_t i = 0; i < gradient.size(); ++i)
    BOOST_TEST(gradient[i] == (i / 8 == 1 || i / 8 == 2 ? 1.0f : 0.0f));
}

BOOST_AUTO_TEST_CASE(features_of_times) {
  for (const std::int64_t batch : {0, 1, 33}) {
    for (const std::int64_t count : {0, 2, 256}) {
      const auto features = [=](const auto& in) { return timestep_features(in[0], count); };
      compare_devices_in_all_types("timestep_features", {{{batch}}}, features);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
