// SPDX-License-Identifier: MIT
#include <iostream>

#include <pixnerd/pixnerd.cuh>

void use_the_gpu() {
  if (pixnerd::cuda_device_count() == 0) {
    std::cout << "no GPU here\n";
    return;
  }
  const auto x = pixnerd::Tensor<float, pixnerd::Cuda>::full({2, 3}, 0.5f);
  std::cout << pixnerd::linear(x, x) << "\n";
}
