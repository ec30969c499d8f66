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

BOOST_AUTO_TEST_CASE(averages_are_chosen_or_left) {
  const test::Folder folder;
  const auto file_with = [&](const std::vector<std::string>& prefixes) {
    NamedTensors<float, Cpu> tensors;
    for (const auto& prefix : prefixes)
      tensors.tensors.emplace_back(prefix + "s_embedder.proj.weight", Tensor<float>::zeros({1}));
    const std::string path = folder / "some.safetensors";
    save_parameters(path, tensors);
    return SafetensorsFile(path);
  };
  const auto both = file_with({"denoiser.", "ema_denoiser."});
  BOOST_TEST(choose_model_prefix(both, true) == "ema_denoiser");
  BOOST_TEST(choose_model_prefix(both, false) == "denoiser");
  BOOST_TEST(choose_model_prefix(file_with({""}), true) == "");
  BOOST_TEST(choose_model_prefix(file_with({"ema."}), false) == "ema");
  const auto none = file_with({"moments."});
  test::check_throws<FileError>([&] { choose_model_prefix(none, true); },
                                {"[load model]", "some.safetensors"});
}

BOOST_AUTO_TEST_SUITE_END()
