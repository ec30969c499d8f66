#include <iostream>

#include <pixnerd/pixnerd.hpp>

int main() {
  const auto x = pixnerd::Tensor<float>::full({2, 3}, 0.5f);
  std::cout << "pixnerd " << pixnerd::version << "\n" << pixnerd::linear(x, x) << "\n";
}
