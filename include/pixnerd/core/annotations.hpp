/// \file
/// The one annotation of functions that run on both devices. Scalar formulas marked with it are shared by CPU
/// and CUDA code.
#pragma once

/// Runs on both devices: the scalar formulas that CPU and CUDA code share.
#if defined(__CUDACC__)
#define PIXNERD_HOST_DEVICE __host__ __device__
#else
#define PIXNERD_HOST_DEVICE
#endif

/// Rarely called, such as the making of messages: not worth inlining, which shortens compilation of every
/// operation.
#define PIXNERD_COLD [[gnu::cold, gnu::noinline]]
/// Does enough work that inlining it into each of its many callers would only cost time to compile.
#define PIXNERD_NOINLINE [[gnu::noinline]]
