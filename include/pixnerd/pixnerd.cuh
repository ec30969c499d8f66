// SPDX-License-Identifier: MIT
/// \file
/// The GPU's code for everything that pixnerd.hpp declares; pixnerd.hpp includes it where nvcc compiles.
#pragma once

#include <pixnerd/pixnerd.hpp>

#include <pixnerd/cuda/graph_capture.cuh>
#include <pixnerd/cuda/upload.cuh>
#include <pixnerd/ops/attention.cuh>
#include <pixnerd/ops/batched_product.cuh>
#include <pixnerd/ops/cast.cuh>
#include <pixnerd/ops/concat.cuh>
#include <pixnerd/ops/cosine_similarity.cuh>
#include <pixnerd/ops/elementwise.cuh>
#include <pixnerd/ops/embedding.cuh>
#include <pixnerd/ops/field_mlp.cuh>
#include <pixnerd/ops/flow_mix.cuh>
#include <pixnerd/ops/gated_residual.cuh>
#include <pixnerd/ops/gelu.cuh>
#include <pixnerd/ops/interpolate.cuh>
#include <pixnerd/ops/layer_norm.cuh>
#include <pixnerd/ops/linear.cuh>
#include <pixnerd/ops/mean_squared_error.cuh>
#include <pixnerd/ops/modulate.cuh>
#include <pixnerd/ops/norm_modulate.cuh>
#include <pixnerd/ops/normalize_columns.cuh>
#include <pixnerd/ops/patchify.cuh>
#include <pixnerd/ops/pixel_embedding.cuh>
#include <pixnerd/ops/qk_norm_rotary.cuh>
#include <pixnerd/ops/random_fill.cuh>
#include <pixnerd/ops/reduce.cuh>
#include <pixnerd/ops/rms_norm.cuh>
#include <pixnerd/ops/rotary_half.cuh>
#include <pixnerd/ops/scale.cuh>
#include <pixnerd/ops/silu.cuh>
#include <pixnerd/ops/slice.cuh>
#include <pixnerd/ops/split.cuh>
#include <pixnerd/ops/swiglu.cuh>
#include <pixnerd/ops/timestep_features.cuh>
#include <pixnerd/ops/weighted_sum.cuh>
#include <pixnerd/optim/adamw.cuh>
#include <pixnerd/optim/grad_norm.cuh>
