// SPDX-License-Identifier: MIT
/// \file
/// Annotations of functions: which devices they run on, and what compilers may do with them.
#pragma once

/// A function that runs on both devices.
#if defined(__CUDACC__)
#define PIXNERD_HOST_DEVICE __host__ __device__
#else
#define PIXNERD_HOST_DEVICE
#endif

/// A scalar formula that CPU and CUDA code share. Always inlined: whether a compiler fuses a product and a
/// sum depends on what it inlines, and every loop must compute the same bits.
#define PIXNERD_FORMULA [[gnu::always_inline]] PIXNERD_HOST_DEVICE

/// Rarely called, such as building messages. Not inlined, which shortens compilation of every operation.
#define PIXNERD_COLD [[gnu::cold, gnu::noinline]]
/// Does enough work that inlining it into its many callers would only cost compile time.
#define PIXNERD_NOINLINE [[gnu::noinline]]
