// SPDX-License-Identifier: MIT
// Texts to features and the model that takes them, on the GPU against the CPU.
#include <pixnerd/conditioning/class_features.hpp>
#include <pixnerd/conditioning/encoded_text.hpp>
#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/data/qwen3_text.hpp>
#include <pixnerd/models/conditioned_model.hpp>
#include <pixnerd/zoo/t2i_file.hpp>

#include "compare.cuh"
#include "support/qwen3_tools.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_qwen3_text)

namespace {

using Texts = std::vector<std::string>;

/// The features of texts, and the velocity under two of them and none.
template <class Device, class Precision>
std::pair<std::vector<float>, std::vector<float>> results(const std::string& folder) {
  const auto encoder = load_qwen3_text<On<Device, Precision>>(folder, 6, 20);
  const auto features = encoder(Texts{"a photo of a cat", "", "It's three: 1, 2, 3."});
  const SafetensorsFile file(str_cat(PIXNERD_TEST_DATA, "/t2i_square.safetensors"));
  const ConditionedModel model(load_pixnerd_t2i<On<Device, Precision>>(file, "param"),
                               ListedFeatures<On<Device, Precision>>(features));
  const auto on_device = [](const auto& x) {
    return Tensor<float, Device>::from_host(x.shape(), x.to_host());
  };
  const auto numbers = Tensor<std::int64_t, Device>::from_host({3}, std::vector<std::int64_t>{2, 0, 1});
  const auto velocity = model.forward(on_device(random_tensor<float>({3, 3, 16, 8}, 5)),
                                      on_device(Tensor<float>::full({3}, 0.3f)), numbers);
  return {features.to_host(), velocity.to_host()};
}

template <class Precision>
void compare(double tolerance) {
  const test::Qwen3Folder folder;
  const auto on_cpu = results<Cpu, Precision>(folder.path), on_gpu = results<Cuda, Precision>(folder.path);
  BOOST_TEST(relative_error(on_gpu.first, on_cpu.first) < tolerance);
  BOOST_TEST(relative_error(on_gpu.second, on_cpu.second) < tolerance);
}

}  // namespace

// Features are rounded to bfloat16: where float32 differs by 1e-6, a few are rounded the other way.
BOOST_AUTO_TEST_CASE(both_devices) {
  compare<Full<float>>(3e-4);
  compare<Mixed>(2e-2);
}

BOOST_AUTO_TEST_SUITE_END()
