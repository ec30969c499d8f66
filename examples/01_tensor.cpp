// SPDX-License-Identifier: MIT
// Lesson 1: tensors. A tensor is a contiguous, row-major array on a device. Copying one copies the handle,
// not the elements; operations are plain functions that return new tensors.
#include <iostream>
#include <vector>

#include <pixnerd/pixnerd.hpp>

using namespace pixnerd;

int main() {
  const auto a = Tensor<float>::from_host({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const auto row = Tensor<float>::from_host({3}, std::vector<float>{10, 20, 30});
  std::cout << "a = " << a << "\na + row, the row repeated as NumPy would:\n" << a + row << "\n\n";

  // A reshaped tensor, and a range of rows, look at the same memory.
  const auto flat = a.reshape({6});
  flat.data()[0] = 100;
  std::cout << "first row of a after writing through another view:\n" << a.rows(0, 1) << "\n\n";

  // Products run on all processors and give the same bits on any number of threads.
  const auto weight = Tensor<float>::full({2, 3}, 0.5f);
  std::cout << "linear(a, weight) = a weight^T:\n" << linear(a, weight) << "\n\n";

  // Shapes that do not fit are reported with everything needed to mend them.
  try {
    linear(a, Tensor<float>::full({2, 4}, 0.5f));
  } catch (const ShapeError& error) {
    std::cout << "an error: " << error.what() << "\n";
  }
}
