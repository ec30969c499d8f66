// SPDX-License-Identifier: MIT
// A decoder without a configuration of its own is no decoder.
// expect: a decoder has a Config, is constructed from (sizes, config, init) and callable with (tokens, noisy image, condition)
#include <pixnerd/models/pixnerd_c2i.hpp>

using namespace pixnerd;

struct Copy {
#ifndef PIXNERD_FAIL
  struct Config {
    bool operator==(const Config&) const = default;
  };
  Copy(const DecoderSizes&, const Config&, Initializer&) {}
#else
  Copy(const DecoderSizes&, Initializer&) {}
  using Config = NeuralFieldConfig;
#endif
  Tensor<float> operator()(const Tensor<float>&, const Tensor<float>& x, const Tensor<float>&) const {
    return x;
  }
  static void visit(auto&, auto&&) {}
};

using Model = PixnerdC2i<On<Cpu>, DitBlock<On<Cpu>>, Copy>;

Tensor<float> apply(const Model& model, const Tensor<float>& x, const Tensor<float>& t,
                    const Tensor<std::int64_t>& labels) {
  return model.forward(x, t, labels);
}
