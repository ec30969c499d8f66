// SPDX-License-Identifier: MIT
// An operation without code for a device names itself when it is used there.
// expect: this operation has no code for this device here: include pixnerd.hpp and compile with nvcc
// expect: SiluKernel<pixnerd::Cuda>
#include <pixnerd/ops/silu.hpp>

using namespace pixnerd;

template <class Device>
Tensor<float, Device> twice(const Tensor<float, Device>& x) {
  return silu(silu(x));
}

Tensor<float, Cpu> on_cpu(const Tensor<float, Cpu>& x) {
  return twice(x);
}

#ifdef PIXNERD_FAIL
Tensor<float, Cuda> on_cuda(const Tensor<float, Cuda>& x) {
  return twice(x);
}
#endif
