// SPDX-License-Identifier: MIT
/// \file
/// Pickles, and the tensors that they describe.
#include <cstdint>

#include <pixnerd/io/torch/tensors.hpp>

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string name = "fuzz.pkl";
  return pixnerd::fuzz::run(size, name, [&] {
    const pixnerd::Pickle pickle({data, size}, pixnerd::detail::torch_names, name);
    (void)pickle.find(pickle.root(), "state_dict");
    (void)pixnerd::detail::TorchTensorReader(pickle, name).take();
  });
}
