/// \file
/// The GPU's code for everything that pixnerd.hpp declares; pixnerd.hpp includes it where nvcc compiles.
#pragma once

#include <pixnerd/pixnerd.hpp>

#include <pixnerd/ops/batched_product.cuh>
#include <pixnerd/ops/linear.cuh>
#include <pixnerd/ops/pixel_embedding.cuh>
#include <pixnerd/ops/silu.cuh>
