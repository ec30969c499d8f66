// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <vector>

#include <pixnerd/sampling/torch_noise.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(torch_noise)

namespace {

std::vector<float> in_batches(std::int64_t elements, const std::vector<std::int64_t>& batches) {
  std::int64_t count = 0;
  for (const auto batch : batches) count += batch;
  TorchNoise noise(42, count, elements);
  std::vector<float> out;
  for (const auto batch : batches) {
    for (const float x : noise.next(batch)) out.push_back(x);
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(batches_are_parts_of_one_draw) {
  // Images of whole groups of 16 numbers, and of others.
  for (const std::int64_t elements : {48, 75}) {
    std::vector<float> whole(static_cast<std::size_t>(5 * elements));
    TorchRandom(42).normal(whole);
    BOOST_TEST((in_batches(elements, {5}) == whole));
    BOOST_TEST((in_batches(elements, {2, 1, 2}) == whole));
  }
}

BOOST_AUTO_TEST_SUITE_END()
