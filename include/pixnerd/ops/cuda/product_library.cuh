// SPDX-License-Identifier: MIT
/// \file
/// cuBLASLt: its handle, its working memory, and which of its algorithms computes a product.
#pragma once

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>

#include <pixnerd/core/bfloat16.hpp>
#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/ops/cuda/product_layout.cuh>

namespace pixnerd {

namespace detail {

inline std::atomic<bool>& tf32_allowed() {
  static std::atomic<bool> allowed = false;
  return allowed;
}

/// Turns a failure of a cuBLASLt function into an exception with the name of its status.
inline void check_cublas(const char* op, cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  raise<CudaError>(op, "a product that cuBLASLt computes",
                   str_cat(cublasLtGetStatusName(status), ": ", cublasLtGetStatusString(status)));
}

template <class T>
inline constexpr cudaDataType_t cuda_type = CUDA_R_32F;
template <>
inline constexpr cudaDataType_t cuda_type<double> = CUDA_R_64F;
template <>
inline constexpr cudaDataType_t cuda_type<bfloat16> = CUDA_R_16BF;

/// Everything that the choice of an algorithm depends on, and the pointers of one call.
struct LibraryProduct {
  ColumnMajorProduct layout;
  cudaDataType_t type, result_type;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* first = nullptr;
  const void* second = nullptr;
  void* result = nullptr;
  bool add = false;
  const void* vector = nullptr;  ///< read or written by the epilogue, of the result's type

  cublasComputeType_t compute() const {
    if (type == CUDA_R_64F) return CUBLAS_COMPUTE_64F;
    return type == CUDA_R_32F && tf32_allowed() ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  }
  /// Of the factors of the product and of what is there.
  cudaDataType_t scale_type() const { return type == CUDA_R_64F ? CUDA_R_64F : CUDA_R_32F; }
};

/// The largest power of two up to 256 that divides an address; 256 for none.
inline std::uint32_t alignment_of(const void* pointer) {
  return 1u << std::min(8, std::countr_zero(reinterpret_cast<std::uintptr_t>(pointer)));
}

/// The cuBLASLt handle, its workspace on the GPU, and the algorithms chosen so far.
class ProductLibrary {
 public:
  static ProductLibrary& instance() {
    static ProductLibrary* library = new ProductLibrary;  // never destroyed, as the stream
    return *library;
  }

  /// Enqueues the product. Returns false and does nothing if the library has no algorithm for it. Throws
  /// CudaError, which names `op`, when the library fails.
  bool run(const char* op, const LibraryProduct& product) {
    const cudaStream_t stream = cuda_stream();
    const std::lock_guard lock(mutex_);
    if (handle_ == nullptr) start(op);
    auto [at, is_new] = plans_.try_emplace(key(product));
    if (is_new) {
      try {
        fill_in(op, product, at->second);
      } catch (...) {
        plans_.erase(at);
        throw;
      }
    }
    Plan& p = at->second;
    if (!p.found) return false;
    if (product.vector != nullptr) set(op, p.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, product.vector);
    // The factors of the product and of what is there.
    const double doubles[] = {0, 1};
    const float floats[] = {0, 1};
    const auto factor = [&](bool one) -> const void* {
      return product.scale_type() == CUDA_R_64F ? static_cast<const void*>(&doubles[one]) : &floats[one];
    };
    check_cublas(op,
                 cublasLtMatmul(handle_, &p.operation, factor(true), product.first, &p.first, product.second,
                                &p.second, factor(product.add), product.result, &p.result, product.result,
                                &p.result, &p.algorithm, workspace_.get(), workspace_bytes, stream));
    return true;
  }

 private:
  static constexpr std::size_t workspace_bytes = std::size_t{64} << 20;
  using Key = std::array<std::int64_t, 20>;

  /// Descriptors are kept so that calls need not fill them in again. They are not moved, since cuBLASLt does
  /// not say that they may be copied.
  struct Plan {
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatrixLayoutOpaque_t first, second, result;
    cublasLtMatmulAlgo_t algorithm;
    bool found = false;
  };

  static Key key(const LibraryProduct& p) {
    const ColumnMajorProduct& l = p.layout;
    return {l.m,
            l.n,
            l.k,
            l.batch,
            l.first.leading,
            l.first.batch_stride,
            l.first.transposed,
            l.second.leading,
            l.second.batch_stride,
            l.second.transposed,
            l.result.leading,
            l.result.batch_stride,
            p.type,
            p.result_type,
            p.compute(),
            p.epilogue,
            p.vector == nullptr ? 0 : alignment_of(p.vector),
            alignment_of(p.first),
            alignment_of(p.second),
            alignment_of(p.result)};
  }

  void start(const char* op) {
    // Not from the arena of a graph that is being captured: this memory is kept forever.
    const CudaArena::Use common;
    if (!workspace_) workspace_ = allocate_bytes<Cuda>(workspace_bytes);
    // The library may allocate memory.
    auto mode = cudaStreamCaptureModeRelaxed;
    PIXNERD_CUDA_CHECK(op, cudaThreadExchangeStreamCaptureMode(&mode));
    const cublasStatus_t status = cublasLtCreate(&handle_);
    (void)cudaThreadExchangeStreamCaptureMode(&mode);
    if (status != CUBLAS_STATUS_SUCCESS) handle_ = nullptr;
    check_cublas(op, status);
  }

  template <class Value>
  static void set(const char* op, cublasLtMatmulDescOpaque_t& operation,
                  cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    check_cublas(op, cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof value));
  }
  template <class Value>
  static void set(const char* op, cublasLtMatrixLayoutOpaque_t& layout,
                  cublasLtMatrixLayoutAttribute_t attribute, const Value& value) {
    check_cublas(op, cublasLtMatrixLayoutSetAttribute(&layout, attribute, &value, sizeof value));
  }
  template <class Value>
  static void set(const char* op, cublasLtMatmulPreferenceOpaque_t& preference,
                  cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
    check_cublas(op, cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value));
  }

  static void describe(const char* op, cublasLtMatrixLayoutOpaque_t& layout, cudaDataType_t type,
                       const ColumnMajorMatrix& matrix, std::int64_t batch) {
    check_cublas(op, cublasLtMatrixLayoutInit(&layout, type, static_cast<std::uint64_t>(matrix.rows),
                                              static_cast<std::uint64_t>(matrix.columns), matrix.leading));
    if (batch == 1) return;
    set(op, layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(batch));
    set(op, layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix.batch_stride);
  }

  static void set_transposition(const char* op, cublasLtMatmulDescOpaque_t& operation,
                                cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    set(op, operation, attribute, static_cast<std::int32_t>(transposed ? CUBLAS_OP_T : CUBLAS_OP_N));
  }

  void fill_in(const char* op, const LibraryProduct& product, Plan& p) const {
    const ColumnMajorProduct& l = product.layout;
    if (std::max({l.m, l.n, l.k, l.batch}) > std::numeric_limits<std::int32_t>::max()) {
      raise<ShapeError>(op, "products of sizes below 2^31",
                        str_cat(l.n, " x ", l.k, " by ", l.k, " x ", l.m, ", ", l.batch, " times"));
    }
    check_cublas(op, cublasLtMatmulDescInit(&p.operation, product.compute(), product.scale_type()));
    set_transposition(op, p.operation, CUBLASLT_MATMUL_DESC_TRANSA, l.first.transposed);
    set_transposition(op, p.operation, CUBLASLT_MATMUL_DESC_TRANSB, l.second.transposed);
    if (product.epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
      set(op, p.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(product.epilogue));
      set(op, p.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, product.vector);
    }
    describe(op, p.first, product.type, l.first, l.batch);
    describe(op, p.second, product.type, l.second, l.batch);
    describe(op, p.result, product.result_type, l.result, l.batch);

    cublasLtMatmulPreferenceOpaque_t wanted;
    check_cublas(op, cublasLtMatmulPreferenceInit(&wanted));
    set(op, wanted, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_bytes});
    // Parts of a sum must be added neither in bfloat16 nor in the order in which they finish.
    set(op, wanted, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    set(op, wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(product.first));
    set(op, wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(product.second));
    set(op, wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(product.result));
    set(op, wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(product.result));

    cublasLtMatmulHeuristicResult_t best{};
    int count = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_, &p.operation, &p.first, &p.second, &p.result, &p.result, &wanted, 1, &best, &count);
    const bool is_plain = product.epilogue == CUBLASLT_EPILOGUE_DEFAULT;
    // The library may report an epilogue that it does not support with these types as an invalid argument.
    if (status != CUBLAS_STATUS_NOT_SUPPORTED && (is_plain || status != CUBLAS_STATUS_INVALID_VALUE))
      check_cublas(op, status);
    p.found = status == CUBLAS_STATUS_SUCCESS && count > 0 && best.state == CUBLAS_STATUS_SUCCESS;
    p.algorithm = best.algo;
  }

  std::mutex mutex_;
  cublasLtHandle_t handle_ = nullptr;
  std::shared_ptr<std::byte> workspace_;
  std::map<Key, Plan> plans_;
};

}  // namespace detail

/// Whether products of float32 may round their operands to TensorFloat-32, which has 10 mantissa bits and is
/// several times as fast. Default: false.
inline void allow_tf32(bool allow) {
  detail::tf32_allowed() = allow;
}

}  // namespace pixnerd
