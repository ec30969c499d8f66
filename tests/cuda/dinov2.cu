// SPDX-License-Identifier: MIT
#include "compare.cuh"
#include "pixnerd/verify/verify_dinov2.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_dinov2)

namespace {

void check(const program::Comparison& found, std::int64_t count) {
  BOOST_TEST(found.passed(), found.worst_name() << " is off by " << found.worst_error() << ", allowed "
                                                << found.worst_tolerance());
  BOOST_TEST(found.count() == count);
}

program::ReferenceFile reference(const std::string& name) {
  return program::ReferenceFile(str_cat(PIXNERD_TEST_DATA, "/", name, ".safetensors"));
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_reference) {
  check(program::verify_dinov2<On<Cuda>>(reference("dinov2")), 3);
  check(program::verify_dinov2<On<Cuda, Mixed>>(reference("dinov2")), 3);
}

BOOST_AUTO_TEST_CASE(resizing_equals_pytorch) {
  check(program::verify_interpolate<On<Cuda>>(reference("interpolate")), 9);
  check(program::verify_interpolate<On<Cuda, Mixed>>(reference("interpolate")), 9);
}

BOOST_AUTO_TEST_SUITE_END()
