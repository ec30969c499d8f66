// SPDX-License-Identifier: MIT
// Everything that the published implementation left in files, computed on the GPU, through the code of
// `pixnerd verify`.
#include "compare.cuh"
#include "pixnerd/verify/verify.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_reference)

namespace {

template <class Precision>
void check(const std::string& name) {
  const auto found =
      program::verify_file<On<Cuda, Precision>>(str_cat(PIXNERD_TEST_DATA, "/", name, ".safetensors"));
  BOOST_TEST(found.passed(), name << ": " << found.worst_name() << " is off by " << found.worst_error()
                                  << ", allowed " << found.worst_tolerance());
  BOOST_TEST(found.count() >= 40);
}

}  // namespace

BOOST_AUTO_TEST_CASE(model) {
  check<Full<float>>("c2i_square");
  check<Full<float>>("c2i_rect");
}

BOOST_AUTO_TEST_CASE(model_in_bfloat16) {
  check<Mixed>("c2i_square");
  check<Mixed>("c2i_rect");
}

BOOST_AUTO_TEST_CASE(text_model) {
  check<Full<float>>("t2i_square");
  check<Full<float>>("t2i_scaled");
}

BOOST_AUTO_TEST_CASE(text_model_in_bfloat16) {
  check<Mixed>("t2i_square");
  check<Mixed>("t2i_scaled");
}

BOOST_AUTO_TEST_CASE(samplers) {
  check<Full<float>>("samplers");
}

BOOST_AUTO_TEST_CASE(samplers_in_bfloat16) {
  check<Mixed>("samplers");
}

BOOST_AUTO_TEST_CASE(training) {
  check<Full<float>>("training_repa");
}

BOOST_AUTO_TEST_CASE(training_in_bfloat16) {
  check<Mixed>("training_repa");
}

BOOST_AUTO_TEST_SUITE_END()
