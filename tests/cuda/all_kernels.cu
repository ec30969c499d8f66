/// \file
/// Names the GPU's code of every operation, so that one without any does not compile; tests/checks/layout.sh sees that no
/// operation is missing here.
#include <pixnerd/pixnerd.cuh>

namespace pixnerd {

static_assert(sizeof(adamw_kernel<Cuda>) > 0);
static_assert(sizeof(attention_kernel<Cuda>) > 0);
static_assert(sizeof(batched_product_kernel<Cuda>) > 0);
static_assert(sizeof(cast_kernel<Cuda>) > 0);
static_assert(sizeof(concat_kernel<Cuda>) > 0);
static_assert(sizeof(cosine_similarity_kernel<Cuda>) > 0);
static_assert(sizeof(elementwise_kernel<Cuda>) > 0);
static_assert(sizeof(embedding_kernel<Cuda>) > 0);
static_assert(sizeof(field_mlp_kernel<Cuda>) > 0);
static_assert(sizeof(flow_mix_kernel<Cuda>) > 0);
static_assert(sizeof(gated_residual_kernel<Cuda>) > 0);
static_assert(sizeof(gelu_kernel<Cuda>) > 0);
static_assert(sizeof(grad_norm_kernel<Cuda>) > 0);
static_assert(sizeof(interpolate_kernel<Cuda>) > 0);
static_assert(sizeof(layer_norm_kernel<Cuda>) > 0);
static_assert(sizeof(linear_kernel<Cuda>) > 0);
static_assert(sizeof(mean_squared_error_kernel<Cuda>) > 0);
static_assert(sizeof(modulate_kernel<Cuda>) > 0);
static_assert(sizeof(norm_modulate_kernel<Cuda>) > 0);
static_assert(sizeof(normalize_columns_kernel<Cuda>) > 0);
static_assert(sizeof(patchify_kernel<Cuda>) > 0);
static_assert(sizeof(pixel_embedding_kernel<Cuda>) > 0);
static_assert(sizeof(qk_norm_rotary_kernel<Cuda>) > 0);
static_assert(sizeof(random_fill_kernel<Cuda>) > 0);
static_assert(sizeof(reduce_kernel<Cuda>) > 0);
static_assert(sizeof(rms_norm_kernel<Cuda>) > 0);
static_assert(sizeof(rotary_half_kernel<Cuda>) > 0);
static_assert(sizeof(scale_kernel<Cuda>) > 0);
static_assert(sizeof(silu_kernel<Cuda>) > 0);
static_assert(sizeof(slice_kernel<Cuda>) > 0);
static_assert(sizeof(split_kernel<Cuda>) > 0);
static_assert(sizeof(swiglu_kernel<Cuda>) > 0);
static_assert(sizeof(timestep_features_kernel<Cuda>) > 0);
static_assert(sizeof(weighted_sum_kernel<Cuda>) > 0);

}  // namespace pixnerd
