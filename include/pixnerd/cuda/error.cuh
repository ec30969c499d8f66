// SPDX-License-Identifier: MIT
/// \file
/// Errors of the CUDA runtime as exceptions.
#pragma once

#include <cuda_runtime.h>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// A failure of the GPU, its driver or a kernel.
class CudaError : public Error {
 public:
  using Error::Error;
};

namespace detail {

[[noreturn]] PIXNERD_COLD inline void raise_cuda(const char* op, cudaError_t error) {
  (void)cudaGetLastError();  // clears the error, so that no later call reports it
  raise<CudaError>(op, "a GPU that does this",
                   str_cat(cudaGetErrorName(error), ": ", cudaGetErrorString(error)));
}

}  // namespace detail
}  // namespace pixnerd

/// Calls a function of the CUDA runtime on behalf of an operation. Throws CudaError, which names the
/// operation, when it fails.
#define PIXNERD_CUDA_CHECK(op, call)                                                    \
  do {                                                                                  \
    const cudaError_t pixnerd_error = (call);                                           \
    if (pixnerd_error != cudaSuccess) ::pixnerd::detail::raise_cuda(op, pixnerd_error); \
  } while (false)
