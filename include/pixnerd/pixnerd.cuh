/// \file
/// The GPU's code for everything that pixnerd.hpp declares; pixnerd.hpp includes it where nvcc compiles.
#pragma once

#include <pixnerd/pixnerd.hpp>

#include <pixnerd/core/replay.cuh>
#include <pixnerd/ops/flow_mix.cuh>
#include <pixnerd/ops/random_fill.cuh>
#include <pixnerd/ops/silu.cuh>
#include <pixnerd/ops/weighted_sum.cuh>
#include <pixnerd/optim/adamw.cuh>
#include <pixnerd/optim/grad_norm.cuh>
