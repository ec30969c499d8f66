// SPDX-License-Identifier: MIT
/// \file
/// What the two files of this program share.
#pragma once

#include <optional>
#include <vector>

#include <pixnerd/pixnerd.hpp>

/// The velocity of a small model with random weights, and behind it the gradients of all parameters.
template <class Device>
std::vector<float> compute() {
  using namespace pixnerd;
  Initializer init(3);
  PixnerdC2i<On<Device>> model({.patch = 4,
                                .width = 32,
                                .heads = 2,
                                .depth = 1,
                                .decoder = {.depth = 1, .features = 16},
                                .classes = 3},
                               init);
  ParameterStore<On<Device>> store(model);
  Tensor<float> noise(store.weights().shape()), images({2, 3, 8, 8});
  fill_normal(noise, {1, RandomPurpose::test, 0, 0});
  fill_normal(images, {1, RandomPurpose::test, 1, 0});
  auto weights = noise.to_host();
  for (float& weight : weights) weight *= 0.2f;
  MemoryTransfer<Device>::from_host(store.weights().data(), weights.data(), store.weights().bytes());

  const auto x = Tensor<float, Device>::from_host(images.shape(), images.to_host());
  const auto t = Tensor<float, Device>::full({2}, 0.25f);
  const auto labels = Tensor<std::int64_t, Device>::from_host({2}, std::vector<std::int64_t>{0, 3});
  store.zero_grad();
  Tape tape;
  const auto velocity = model.forward(x, t, labels);
  tape.backward(mean_squared_error(velocity, x));
  auto out = velocity.to_host();
  const auto gradients = store.gradients().to_host();
  out.insert(out.end(), gradients.begin(), gradients.end());
  return out;
}

/// Defined in the CUDA file. The second gives nothing where there is no GPU.
std::vector<float> compute_on_the_cpu_in_a_cuda_file();
std::optional<std::vector<float>> compute_on_the_gpu();
