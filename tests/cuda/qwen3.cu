// The text encoder and what it is made of, on the GPU against the CPU and the published implementation.
#include <nlohmann/json.hpp>

#include <pixnerd/io/qwen3_files.hpp>

#include "compare.cuh"

using namespace pixnerd;

namespace {

template <class Device>
Tensor<std::int64_t, Device> indices(const Shape& shape, const std::vector<std::int64_t>& values) {
  return Tensor<std::int64_t, Device>::from_host(shape, values);
}

/// Causal attention with these counts, none where there are none.
auto causal(const std::vector<std::int64_t>& counts) {
  return [counts]<class T, class Device>(const std::vector<Tensor<T, Device>>& in) {
    const auto of_texts = counts.empty()
                              ? Tensor<std::int64_t, Device>{}
                              : indices<Device>({static_cast<std::int64_t>(counts.size())}, counts);
    return causal_attention(in[0], in[1], in[2], of_texts);
  };
}

template <class Precision>
double reference_error() {
  const SafetensorsFile file(text(PIXNERD_TEST_DATA, "/qwen3.safetensors"));
  Initializer init(0);
  Qwen3<Cuda, Precision> model(qwen3_config(nlohmann::json::parse(file.metadata("config")), file.path()),
                               init);
  load_parameters(file, model, "param");
  const auto hidden =
      model.forward(indices<Cuda>({3, 12}, file.read<std::int64_t>("in.ids")), indices<Cuda>({3}, {12, 7, 1}))
          .to_host();
  const auto expected = file.read<float>("out.hidden");
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += (hidden[i] - expected[i]) * (hidden[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_qwen3)

BOOST_AUTO_TEST_CASE(turning_by_halves) {
  for (const Shape& shape : {Shape{2, 3, 2, 4}, Shape{1, 70, 3, 34}, Shape{0, 3, 2, 4}, Shape{2, 3, 0, 4}}) {
    compare_devices_in_all_types(
        "rotary_half", {{shape}}, [&]<class T, class Device>(const std::vector<Tensor<T, Device>>& in) {
          return rotary_half(in[0], text_rotary_table<wide_t<T>, Device>(shape[1], shape[3], 100.0));
        });
  }
}

BOOST_AUTO_TEST_CASE(attention_to_what_came_before) {
  const auto compare = [](const Shape& shape, const std::vector<std::int64_t>& counts) {
    compare_devices_in_all_types("causal_attention", {{shape}, {shape}, {shape}}, causal(counts));
  };
  compare({1, 70, 2, 16}, {});
  compare({3, 37, 1, 8}, {37, 5, 0});
  compare({2, 65, 2, 33}, {33, 64});
  compare({1, 1, 1, 2}, {0});
  compare({2, 40, 1, 130}, {1, 39});
  compare({0, 5, 1, 2}, {});
}

BOOST_AUTO_TEST_CASE(published_implementation) {
  const double error = reference_error<Full<float>>(), mixed = reference_error<Mixed>();
  BOOST_TEST(error < 1e-5);
  BOOST_TEST(mixed < 2e-2);
  BOOST_TEST_MESSAGE("relative errors: float32 " << error << ", Mixed " << mixed);
}

BOOST_AUTO_TEST_SUITE_END()
