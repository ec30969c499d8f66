// SPDX-License-Identifier: MIT
/// \file
/// The part of cuBLASLt that the library calls, on the CPU, written from its documentation: column-major
/// matrices, epilogues, preferences. What cuBLASLt would silently get wrong, or refuse on some machines, is
/// an error here: a call with pointers less aligned than the algorithm was chosen for, or with other sizes; a
/// workspace that is not on the GPU.
#pragma once

#include <cstdint>
#include <vector>

#include <cuda_runtime.h>

#include "cublas_lt_types.hpp"

#include <pixnerd/core/bfloat16.hpp>
#include <pixnerd/ops/cpu/product.hpp>

namespace emulation {

/// State that tests inspect, and failures that they provoke.
struct CublasLt {
  bool knows_epilogues = true, knows_algorithms = true;
  cublasStatus_t failure = CUBLAS_STATUS_SUCCESS;  // of every product
  int choices = 0, products = 0, epilogues = 0;    // numbers of calls

  static CublasLt& instance() {
    static CublasLt* library = new CublasLt;
    return *library;
  }
};

}  // namespace emulation

using cublasLtHandle_t = emulation::CublasLt*;

inline const char* cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_EXECUTION_FAILED ? "CUBLAS_STATUS_EXECUTION_FAILED"
                                                  : "CUBLAS_STATUS_INVALID_VALUE";
}
inline const char* cublasLtGetStatusString(cublasStatus_t) {
  return "emulated";
}
inline cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = &emulation::CublasLt::instance();
  return CUBLAS_STATUS_SUCCESS;
}

namespace emulation {

/// Whether the sizes of (op A)(op B) = C = D fit each other and the memory's layout.
inline bool fits(const cublasLtMatmulDescOpaque_t& operation, const cublasLtMatrixLayoutOpaque_t& a,
                 const cublasLtMatrixLayoutOpaque_t& b, const cublasLtMatrixLayoutOpaque_t& c,
                 const cublasLtMatrixLayoutOpaque_t& d) {
  for (const auto* layout : {&a, &b, &c, &d}) {
    if (layout->rows == 0 || layout->columns == 0 || layout->batch != d.batch ||
        layout->leading < static_cast<std::int64_t>(layout->rows))
      return false;
  }
  const bool ta = operation.transpose_a == CUBLAS_OP_T, tb = operation.transpose_b == CUBLAS_OP_T;
  const std::uint64_t m = ta ? a.columns : a.rows, k = ta ? a.rows : a.columns;
  return m == d.rows && (tb ? b.columns : b.rows) == k && (tb ? b.rows : b.columns) == d.columns && c == d;
}

inline cublasStatus_t support(const cublasLtMatmulDescOpaque_t& operation,
                              const cublasLtMatrixLayoutOpaque_t& a, const cublasLtMatrixLayoutOpaque_t& b,
                              const cublasLtMatrixLayoutOpaque_t& d) {
  const bool in_double = a.type == CUDA_R_64F;
  if (a.type != b.type || (d.type != a.type && !(a.type == CUDA_R_16BF && d.type == CUDA_R_32F)) ||
      (operation.compute == CUBLAS_COMPUTE_64F) != in_double || (operation.scale == CUDA_R_64F) != in_double)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (operation.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return CUBLAS_STATUS_SUCCESS;
  if (operation.vector == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  // cuBLASLt does not promise which types it combines with an epilogue; this is the minimum.
  if (in_double || !CublasLt::instance().knows_epilogues) return CUBLAS_STATUS_NOT_SUPPORTED;
  return CUBLAS_STATUS_SUCCESS;
}

inline std::uintptr_t alignment(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | 256;
  return address & (~address + 1);
}

}  // namespace emulation

inline cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t library, const cublasLtMatmulDescOpaque_t* operation,
    const cublasLtMatrixLayoutOpaque_t* a, const cublasLtMatrixLayoutOpaque_t* b,
    const cublasLtMatrixLayoutOpaque_t* c, const cublasLtMatrixLayoutOpaque_t* d,
    const cublasLtMatmulPreferenceOpaque_t* preference, int wanted, cublasLtMatmulHeuristicResult_t* results,
    int* count) {
  *count = 0;
  if (library == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (wanted < 1 || !emulation::fits(*operation, *a, *b, *c, *d)) return CUBLAS_STATUS_INVALID_VALUE;
  if (const auto status = emulation::support(*operation, *a, *b, *d)) return status;
  ++library->choices;
  if (!library->knows_algorithms) return CUBLAS_STATUS_NOT_SUPPORTED;
  *results = {{*operation, {*a, *b, *c, *d}, *preference, emulation::alignment(operation->vector)},
              preference->workspace,
              CUBLAS_STATUS_SUCCESS};
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

namespace emulation {

/// The arguments of one call, so that it can run later.
struct Matmul {
  cublasLtMatmulDescOpaque_t operation;
  cublasLtMatrixLayoutOpaque_t a, b, d;
  const void *a_data, *b_data;
  void* d_data;
  double alpha, beta;

  static double read(cudaDataType_t type, const void* data, std::int64_t i) {
    if (type == CUDA_R_64F) return static_cast<const double*>(data)[i];
    if (type == CUDA_R_32F) return static_cast<const float*>(data)[i];
    return float(static_cast<const pixnerd::bfloat16*>(data)[i]);
  }
  static void write(cudaDataType_t type, void* data, std::int64_t i, double value) {
    if (type == CUDA_R_64F) {
      static_cast<double*>(data)[i] = value;
    } else if (type == CUDA_R_32F) {
      static_cast<float*>(data)[i] = static_cast<float>(value);
    } else {
      static_cast<pixnerd::bfloat16*>(data)[i] = pixnerd::bfloat16(static_cast<float>(value));
    }
  }

  /// W: the type of sums.
  template <class W>
  void run() const {
    const auto m = static_cast<std::int64_t>(d.rows), n = static_cast<std::int64_t>(d.columns);
    const auto k = static_cast<std::int64_t>(operation.transpose_a == CUBLAS_OP_T ? a.rows : a.columns);
    std::vector<W> left(static_cast<std::size_t>(m * k)), right(static_cast<std::size_t>(k * n)),
        sums(static_cast<std::size_t>(m * n));
    for (std::int64_t batch = 0; batch < d.batch; ++batch) {
      // op(A) and op(B) by rows, from the definition: element (i, j) of a stored matrix is at i + j *
      // leading.
      pixnerd::parallel_for(m, [&](std::int64_t i) {
        for (std::int64_t p = 0; p < k; ++p) {
          const std::int64_t at =
              operation.transpose_a == CUBLAS_OP_T ? p + i * a.leading : i + p * a.leading;
          left[static_cast<std::size_t>(i * k + p)] =
              static_cast<W>(read(a.type, a_data, batch * a.batch_stride + at));
        }
      });
      pixnerd::parallel_for(k, [&](std::int64_t p) {
        for (std::int64_t j = 0; j < n; ++j) {
          const std::int64_t at =
              operation.transpose_b == CUBLAS_OP_T ? j + p * b.leading : p + j * b.leading;
          right[static_cast<std::size_t>(p * n + j)] =
              static_cast<W>(read(b.type, b_data, batch * b.batch_stride + at));
        }
      });
      pixnerd::parallel_product<W>(m, n, k, {left.data(), k}, {right.data(), n}, sums.data(), n, false);
      pixnerd::parallel_for(n, [&](std::int64_t j) {
        for (std::int64_t i = 0; i < m; ++i) {
          const std::int64_t at = batch * d.batch_stride + i + j * d.leading;
          double value = alpha * sums[static_cast<std::size_t>(i * n + j)];
          if (beta != 0) value += beta * read(d.type, d_data, at);
          if (operation.epilogue == CUBLASLT_EPILOGUE_BIAS) value += read(d.type, operation.vector, i);
          write(d.type, d_data, at, value);
        }
        if (operation.epilogue == CUBLASLT_EPILOGUE_BGRADB) {
          double sum = 0;
          for (std::int64_t p = 0; p < k; ++p) sum += right[static_cast<std::size_t>(p * n + j)];
          write(d.type, operation.vector, j, sum);
        }
      });
    }
  }
};

}  // namespace emulation

inline cublasStatus_t cublasLtMatmul(cublasLtHandle_t library, const cublasLtMatmulDescOpaque_t* operation,
                                     const void* alpha, const void* a_data,
                                     const cublasLtMatrixLayoutOpaque_t* a, const void* b_data,
                                     const cublasLtMatrixLayoutOpaque_t* b, const void* beta,
                                     const void* c_data, const cublasLtMatrixLayoutOpaque_t* c, void* d_data,
                                     const cublasLtMatrixLayoutOpaque_t* d,
                                     const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                                     std::size_t workspace_bytes, cudaStream_t) {
  ++library->products;
  if (operation->epilogue != CUBLASLT_EPILOGUE_DEFAULT) ++library->epilogues;
  if (library->failure != CUBLAS_STATUS_SUCCESS) return library->failure;
  auto chosen_for = algorithm->operation;
  chosen_for.vector = operation->vector;
  const void* pointers[] = {a_data, b_data, c_data, d_data};
  const cublasLtMatrixLayoutOpaque_t* layouts[] = {a, b, c, d};
  bool fits = chosen_for == *operation && c_data == d_data &&
              emulation::alignment(operation->vector) >= algorithm->vector_alignment &&
              workspace_bytes >= algorithm->preference.workspace;
  for (int k = 0; k < 4; ++k) {
    fits = fits && *layouts[k] == algorithm->layouts[k] &&
           emulation::alignment(pointers[k]) >= algorithm->preference.alignment[k];
  }
  {
    auto& gpu = emulation::Gpu::instance();
    const std::lock_guard lock(gpu.mutex);
    const auto memory = gpu.allocations.find(workspace);
    fits = fits && memory != gpu.allocations.end() && memory->second >= workspace_bytes;
  }
  if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  const emulation::Matmul call{*operation,
                               *a,
                               *b,
                               *d,
                               a_data,
                               b_data,
                               d_data,
                               emulation::Matmul::read(operation->scale, alpha, 0),
                               emulation::Matmul::read(operation->scale, beta, 0)};
  const auto error = emulation::Gpu::instance().submit(
      [call] { call.a.type == CUDA_R_64F ? call.run<double>() : call.run<float>(); });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
