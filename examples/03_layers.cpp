// SPDX-License-Identifier: MIT
// Lesson 3: layers and models from parts. A layer is any type with a call operator and a static `visit` that
// names its parameters. This one writes its own token mixer, puts it into PixNerd's block in attention's
// place, and exchanges the neural field for DiT's plain linear head. Nothing in the library has to know.
#include <iostream>
#include <vector>

#include <pixnerd/pixnerd.hpp>

using namespace pixnerd;

/// Mixes tokens by adding their mean to each: attention for the impatient.
template <class Policy = On<Cpu>>
struct MeanMixer {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> value;

  MeanMixer(std::int64_t width, std::int64_t /*heads*/, Initializer& init) : value(width, width, init) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x, const BlockContext<T, Device>&) const {
    const auto v = value(x);  // (B, L, D)
    return v + mean(v, 1).reshape({x.size(0), 1, x.size(2)});
  }

  static void visit(auto& self, auto&& visitor) { visitor("value", self.value); }
};

template <class Model>
void describe(const char* name, const Model& model) {
  const auto x = Tensor<float>::full({1, 3, 16, 24}, 0.5f), t = Tensor<float>::full({1}, 0.25f);
  const auto label = Tensor<std::int64_t>::full({1}, 7);
  std::cout << name << ": " << parameter_count(model) << " parameters, velocity "
            << model.forward(x, t, label).shape().string() << "\n";
}

int main() {
  const PixnerdC2iConfig config{.patch = 8,
                                .width = 64,
                                .heads = 4,
                                .depth = 3,
                                .decoder = {.depth = 2, .features = 16},
                                .classes = 10};
  using Policy = On<Cpu>;
  using DitHead = LinearDecoder<Policy>;
  using Norm = RmsNorm<Policy>;
  using MixerBlock = DitBlock<Policy, Norm, MeanMixer<Policy>>;

  Initializer init(1);
  const PixnerdC2i pixnerd(config, init);
  describe("PixNerd", pixnerd);
  describe("with DiT's linear head",
           PixnerdC2i<Policy, DitBlock<Policy>, DitHead>(config.with_decoder(LinearDecoderConfig{}), init));
  describe("with a mean for attention", PixnerdC2i<Policy, MixerBlock>(config, init));

  std::cout << "\nThe first parameters, under their published names:\n";
  int shown = 0;
  for_each_parameter(pixnerd, [&](const std::string& name, const Tensor<float>& parameter) {
    if (shown++ < 8) std::cout << "  " << name << " " << parameter.shape().string() << "\n";
  });
}
