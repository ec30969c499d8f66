/// \file
/// The whole library but for its opt-in parts: io/, data/, train/ and eval/ are included one by one, because
/// they need further libraries.
#pragma once

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/autograd/recompute.hpp>
#include <pixnerd/core/torch_random.hpp>
#include <pixnerd/core/upload.hpp>
#include <pixnerd/core/version.hpp>
#include <pixnerd/field/field_decoder.hpp>
#include <pixnerd/field/linear_decoder.hpp>
#include <pixnerd/flow/blended_field.hpp>
#include <pixnerd/flow/flow_matching.hpp>
#include <pixnerd/flow/guidance.hpp>
#include <pixnerd/flow/inpainting.hpp>
#include <pixnerd/flow/published_schedules.hpp>
#include <pixnerd/flow/repa.hpp>
#include <pixnerd/flow/replayed_model.hpp>
#include <pixnerd/flow/time_sampling.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/nn/embedding_sum.hpp>
#include <pixnerd/nn/repeat.hpp>
#include <pixnerd/nn/residual.hpp>
#include <pixnerd/nn/sequential.hpp>
#include <pixnerd/nn/silu.hpp>
#include <pixnerd/ode/adams.hpp>
#include <pixnerd/ode/euler.hpp>
#include <pixnerd/ode/heun.hpp>
#include <pixnerd/ode/integrate.hpp>
#include <pixnerd/ode/sde_euler.hpp>
#include <pixnerd/ode/time_grid.hpp>
#include <pixnerd/ops/batched_product.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/cosine_similarity.hpp>
#include <pixnerd/ops/normalize_columns.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/ops/scale.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/optim/clip.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include <pixnerd/optim/schedule.hpp>
#include <pixnerd/tensor/print.hpp>

#ifdef __CUDACC__
#include <pixnerd/pixnerd.cuh>
#endif
