// SPDX-License-Identifier: MIT
// The text encoder and what it is made of, on the GPU against the CPU and the published implementation.
#include "compare.cuh"
#include "pixnerd/verify/verify_qwen3.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_qwen3)

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
void check_reference() {
  const program::ReferenceFile reference(str_cat(PIXNERD_TEST_DATA, "/qwen3.safetensors"));
  const auto found = program::verify_qwen3<On<Cuda, Precision>>(reference);
  BOOST_TEST(found.passed(), found.worst_name() << " is off by " << found.worst_error());
  BOOST_TEST(found.count() == 1);
}

}  // namespace

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
  check_reference<Full<float>>();
  check_reference<Mixed>();
}

BOOST_AUTO_TEST_SUITE_END()
