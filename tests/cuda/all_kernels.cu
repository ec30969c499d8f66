// SPDX-License-Identifier: MIT
/// \file
/// Names the GPU's code of every operation, so that one without any does not compile; tests/checks/layout.sh
/// sees that no operation is missing here.
#include <pixnerd/pixnerd.cuh>

namespace pixnerd {

static_assert(sizeof(AdamwKernel<Cuda>) > 0);
static_assert(sizeof(AttentionKernel<Cuda>) > 0);
static_assert(sizeof(BatchedProductKernel<Cuda>) > 0);
static_assert(sizeof(CastKernel<Cuda>) > 0);
static_assert(sizeof(ConcatKernel<Cuda>) > 0);
static_assert(sizeof(CosineSimilarityKernel<Cuda>) > 0);
static_assert(sizeof(ElementwiseKernel<Cuda>) > 0);
static_assert(sizeof(EmbeddingKernel<Cuda>) > 0);
static_assert(sizeof(FieldMlpKernel<Cuda>) > 0);
static_assert(sizeof(FlowMixKernel<Cuda>) > 0);
static_assert(sizeof(GatedResidualKernel<Cuda>) > 0);
static_assert(sizeof(GeluKernel<Cuda>) > 0);
static_assert(sizeof(GradNormKernel<Cuda>) > 0);
static_assert(sizeof(InterpolateKernel<Cuda>) > 0);
static_assert(sizeof(LayerNormKernel<Cuda>) > 0);
static_assert(sizeof(LinearKernel<Cuda>) > 0);
static_assert(sizeof(MeanSquaredErrorKernel<Cuda>) > 0);
static_assert(sizeof(ModulateKernel<Cuda>) > 0);
static_assert(sizeof(NormModulateKernel<Cuda>) > 0);
static_assert(sizeof(NormalizeColumnsKernel<Cuda>) > 0);
static_assert(sizeof(PatchifyKernel<Cuda>) > 0);
static_assert(sizeof(PixelEmbeddingKernel<Cuda>) > 0);
static_assert(sizeof(QkNormRotaryKernel<Cuda>) > 0);
static_assert(sizeof(RandomFillKernel<Cuda>) > 0);
static_assert(sizeof(ReduceKernel<Cuda>) > 0);
static_assert(sizeof(RmsNormKernel<Cuda>) > 0);
static_assert(sizeof(RotaryHalfKernel<Cuda>) > 0);
static_assert(sizeof(ScaleKernel<Cuda>) > 0);
static_assert(sizeof(SiluKernel<Cuda>) > 0);
static_assert(sizeof(SliceKernel<Cuda>) > 0);
static_assert(sizeof(SplitKernel<Cuda>) > 0);
static_assert(sizeof(SwigluKernel<Cuda>) > 0);
static_assert(sizeof(TimestepFeaturesKernel<Cuda>) > 0);
static_assert(sizeof(WeightedSumKernel<Cuda>) > 0);

}  // namespace pixnerd
