// SPDX-License-Identifier: MIT
// A program of two files that both include the library, one of them a CUDA file: they link, and agree.
#include <cmath>
#include <cstdio>
#include <exception>

#include "two_units.hpp"

namespace {

/// Whether the results are close, in L2 norms; says how close.
bool agree(const char* what, const std::vector<float>& a, const std::vector<float>& b, double tolerance) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size() && a.size() == b.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  const double error = std::sqrt(difference / norm);
  const bool good = a.size() == b.size() && error <= tolerance;  // NaN is not
  std::printf("%s: off by %.2e, allowed %.0e%s\n", what, error, tolerance, good ? "" : ": FAIL");
  return good;
}

}  // namespace

int main() try {
  const auto here = compute<pixnerd::Cpu>();
  bool good = agree("CPU, C++ file against CUDA file", compute_on_the_cpu_in_a_cuda_file(), here, 1e-6);
  if (const auto gpu = compute_on_the_gpu()) {
    good = agree("GPU against CPU", *gpu, here, 1e-4) && good;
  } else {
    std::puts("GPU against CPU: not compared, no CUDA device");
  }
  return good ? 0 : 1;
} catch (const std::exception& error) {
  std::printf("FAIL: %s\n", error.what());
  return 1;
}
