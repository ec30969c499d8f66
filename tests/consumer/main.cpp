// SPDX-License-Identifier: MIT
#include <iostream>

#include <pixnerd/pixnerd.hpp>

#ifdef CONSUMER_HAS_CUDA
void use_the_gpu();  // gpu.cu
#endif

int main() {
  const auto x = pixnerd::Tensor<float>::full({2, 3}, 0.5f);
  std::cout << "pixnerd " << pixnerd::version << "\n" << pixnerd::linear(x, x) << "\n";
#ifdef CONSUMER_HAS_CUDA
  use_the_gpu();
#endif
}
