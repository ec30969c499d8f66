/// \file
/// The GPU's code for everything that pixnerd.hpp declares; pixnerd.hpp includes it where nvcc compiles.
#pragma once

#include <pixnerd/pixnerd.hpp>

#include <pixnerd/ops/attention.cuh>
#include <pixnerd/ops/qk_norm_rotary.cuh>
#include <pixnerd/ops/silu.cuh>
