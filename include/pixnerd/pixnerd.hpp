// SPDX-License-Identifier: MIT
/// \file
/// The whole library but for its opt-in parts: io/, data/, train/ and eval/ are included one by one, because
/// they need further libraries.
#pragma once

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/autograd/recompute.hpp>
#include <pixnerd/conditioning/class_features.hpp>
#include <pixnerd/conditioning/encoded_text.hpp>
#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/core/torch_random.hpp>
#include <pixnerd/core/upload.hpp>
#include <pixnerd/core/version.hpp>
#include <pixnerd/decoders/linear_decoder.hpp>
#include <pixnerd/decoders/neural_field/decoder.hpp>
#include <pixnerd/diffusion/blended_field.hpp>
#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/diffusion/inpainting.hpp>
#include <pixnerd/diffusion/published_schedules.hpp>
#include <pixnerd/diffusion/time_sampling.hpp>
#include <pixnerd/encoders/dinov2.hpp>
#include <pixnerd/encoders/qwen3.hpp>
#include <pixnerd/models/conditioned_model.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/nn/embedding_sum.hpp>
#include <pixnerd/nn/precision_by_name.hpp>
#include <pixnerd/nn/repeat.hpp>
#include <pixnerd/nn/residual.hpp>
#include <pixnerd/nn/sequential.hpp>
#include <pixnerd/nn/silu.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/objectives/flow_matching_objective.hpp>
#include <pixnerd/objectives/repa_objective.hpp>
#include <pixnerd/ops/batched_product.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/cosine_similarity.hpp>
#include <pixnerd/ops/normalize_columns.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/ops/scale.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/optim/clip.hpp>
#include <pixnerd/optim/early_average.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include <pixnerd/optim/schedule.hpp>
#include <pixnerd/sampling/sample.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/solvers/sde_euler.hpp>
#include <pixnerd/solvers/time_grid.hpp>
#include <pixnerd/tensor/print.hpp>

#ifdef __CUDACC__
#include <pixnerd/pixnerd.cuh>
#endif
