// SPDX-License-Identifier: MIT
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/optim/parameter_store.hpp>
#include <pixnerd/zoo/model_prefixes.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(model_prefixes_test)

BOOST_AUTO_TEST_CASE(models_are_found_and_moments_are_not) {
  const test::Folder folder;
  const std::string path = folder / "several.safetensors";
  const auto one = Tensor<float>::zeros({1});
  NamedTensors<float, Cpu> tensors;
  for (const std::string prefix : {"denoiser.", "ema_denoiser.", "", "first_moments.", "x"}) {
    tensors.tensors.emplace_back(prefix + "s_embedder.proj.weight", one);
  }
  save_parameters(path, tensors);
  const SafetensorsFile file(path);
  auto found = model_prefixes(file);
  std::sort(found.begin(), found.end());
  BOOST_TEST((found == std::vector<std::string>{"", "denoiser", "ema_denoiser"}));
}

BOOST_AUTO_TEST_SUITE_END()
