/// \file
/// The one annotation of functions that run on both devices. Scalar formulas marked with it are shared by CPU
/// and CUDA code.
#pragma once

#if defined(__CUDACC__)
#define PIXNERD_HOST_DEVICE __host__ __device__
#else
#define PIXNERD_HOST_DEVICE
#endif
