// SPDX-License-Identifier: MIT
/// \file
/// Annotations of functions: which devices they run on, and what compilers may do with them.
#pragma once

/// Runs on both devices: the scalar formulas that CPU and CUDA code share.
#if defined(__CUDACC__)
#define PIXNERD_HOST_DEVICE __host__ __device__
#else
#define PIXNERD_HOST_DEVICE
#endif

/// A scalar formula that every loop must compute alike: whether a compiler fuses a product into a sum depends
/// on what it inlines, so inlining is not left to it.
#define PIXNERD_FORMULA [[gnu::always_inline]] PIXNERD_HOST_DEVICE

/// Rarely called, such as the making of messages: not worth inlining, which shortens compilation of every
/// operation.
#define PIXNERD_COLD [[gnu::cold, gnu::noinline]]
/// Does enough work that inlining it into each of its many callers would only cost time to compile.
#define PIXNERD_NOINLINE [[gnu::noinline]]
