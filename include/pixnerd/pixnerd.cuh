/// \file
/// The GPU's code for everything that pixnerd.hpp declares; pixnerd.hpp includes it where nvcc compiles.
#pragma once

#include <pixnerd/pixnerd.hpp>

#include <pixnerd/ops/gated_residual.cuh>
#include <pixnerd/ops/modulate.cuh>
#include <pixnerd/ops/norm_modulate.cuh>
#include <pixnerd/ops/rms_norm.cuh>
#include <pixnerd/ops/silu.cuh>
