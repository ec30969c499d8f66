// SPDX-License-Identifier: MIT
/// \file
/// Products of matrices on the GPU.
///
/// cuBLASLt multiplies bfloat16 on tensor cores and adds up in float32; float32 is multiplied as float32
/// unless allow_tf32(true). An algorithm is chosen once for each kind of product, by cuBLASLt's heuristic and
/// not by timing, so it is the same in every run. Algorithms that split the inner dimension are allowed only
/// if they add the parts in a separate step, in the type of the sum. So two runs give the same bits.
///
/// After its first call, a product neither allocates from the system nor waits, so it can be captured into a
/// graph.
#pragma once

#include <pixnerd/ops/cuda/product_library.cuh>
#include <pixnerd/ops/cuda/reduce.cuh>

namespace pixnerd {

namespace detail {

template <class T, class R>
LibraryProduct library_product(const ProductSizes& s, const ProductOperand<T>& a, const ProductOperand<T>& b,
                               const ProductResult<R>& c) {
  LibraryProduct product{column_major(s, a, b, c), cuda_type<T>, cuda_type<R>};
  product.first = b.data;
  product.second = a.data;
  product.result = c.data;
  product.add = c.add;
  return product;
}

/// The product without an epilogue, which every type and size has.
inline void run_plain(const char* op, LibraryProduct product) {
  product.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  product.vector = nullptr;
  if (ProductLibrary::instance().run(op, product)) return;
  const ColumnMajorProduct& l = product.layout;
  raise<CudaError>(op,
                   str_cat("an algorithm of cuBLASLt for ", l.n, " x ", l.k, " by ", l.k, " x ", l.m, ", ",
                           l.batch, " times"),
                   "none");
}

/// c = (c or 0) + bias.
template <class T, class R>
__global__ void bias_kernel(ProductSizes s, ProductResult<R> c, bool keep, const T* bias) {
  using W = wide_t<R>;
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= s.batch * s.rows * s.columns) return;
  const std::int64_t column = i % s.columns, row = i / s.columns % s.rows, n = i / s.columns / s.rows;
  R* out = c.data + n * c.batch_stride + row * c.stride + column;
  *out = static_cast<R>((keep ? static_cast<W>(*out) : W(0)) +
                        (bias != nullptr ? static_cast<W>(bias[column]) : W(0)));
}

template <class T, class R>
void apply_bias(const char* op, const ProductSizes& s, const ProductResult<R>& c, bool keep, const T* bias) {
  launch(op, bias_kernel<T, R>, blocks_for(s.batch * s.rows * s.columns, 256), 256, 0, s, c, keep, bias);
}

struct CopyFormula {
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* y) const {
    y[0] = x[0];
  }
};

}  // namespace detail

/// c = a b + bias for every matrix of a batch, or c += a b + bias when the result adds; a `bias` that is not
/// null is a row of `columns` added to every row. T: float, double or bfloat16; R: T or wide_t<T>. An inner
/// size of 0 gives zeros or the bias. Throws CudaError, which names `op`, when cuBLASLt fails or has no
/// algorithm; ShapeError for sizes of 2^31 or more.
template <class T, class R>
void cuda_product(const char* op, const ProductSizes& s, const ProductOperand<T>& a,
                  const ProductOperand<T>& b, const ProductResult<R>& c, const T* bias = nullptr) {
  static_assert(std::same_as<R, T> || std::same_as<R, wide_t<T>>, "a product of T is T or wide_t<T>");
  if (s.rows == 0 || s.columns == 0 || s.batch == 0) return;
  if (s.inner == 0) {
    if (!c.add || bias != nullptr) detail::apply_bias(op, s, c, c.add, bias);
    return;
  }
  auto product = detail::library_product(s, a, b, c);
  if constexpr (std::same_as<R, T>) {  // cuBLASLt's bias has the type of the result
    if (bias != nullptr && !c.add) {
      product.epilogue = CUBLASLT_EPILOGUE_BIAS;
      product.vector = bias;
      if (detail::ProductLibrary::instance().run(op, product)) return;
    }
  }
  detail::run_plain(op, product);
  if (bias != nullptr) detail::apply_bias(op, s, c, true, bias);
}

/// One product whose left operand is stored transposed, and the sums of that operand's stored columns (a's
/// rows) in the same pass if cuBLASLt can: the gradients of a weight and a bias are c = grad_y^T x and
/// the column sums of grad_y. Both targets are written or added to.
template <class T>
void cuda_product_and_sums(const char* op, const ProductSizes& s, const ProductOperand<T>& a,
                           const ProductOperand<T>& b, const ProductResult<wide_t<T>>& c,
                           GradTarget<wide_t<T>> sums) {
  using W = wide_t<T>;
  if (s.rows > 0 && s.columns > 0 && s.inner > 0) {
    auto product = detail::library_product(s, a, b, c);
    // cuBLASLt's second operand is a. It can only write sums; to add them, they go through a temporary.
    const auto detour =
        sums.add ? allocate_bytes<Cuda>(static_cast<std::size_t>(s.rows) * sizeof(W)) : nullptr;
    W* written = sums.add ? reinterpret_cast<W*>(detour.get()) : sums.data;
    product.epilogue = CUBLASLT_EPILOGUE_BGRADB;
    product.vector = written;
    if (detail::ProductLibrary::instance().run(op, product)) {
      if (sums.add) cuda_elementwise<W, 1, 1>(op, s.rows, {written}, {sums}, detail::CopyFormula{});
      return;
    }
  }
  cuda_product(op, s, a, b, c);
  column_sums_of<T>(op, s.inner, s.rows, a.data, sums);
}

}  // namespace pixnerd
