// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu/scratch.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_scratch)

BOOST_AUTO_TEST_CASE(pieces_are_aligned_and_apart) {
  Scratch<float> scratch(1 + 17 + 0 + 5, 4);
  float* first = scratch.take(1);
  float* second = scratch.take(17);
  float* empty = scratch.take(0);
  float* last = scratch.take(5);
  for (float* piece : {first, second, empty, last})
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(piece) % 64 == 0u);
  BOOST_TEST(second - first >= 1);
  BOOST_TEST(last - second >= 17);
}

BOOST_AUTO_TEST_CASE(memory_goes_back_to_the_pool) {
  auto& pool = MemoryPool<Cpu>::instance();
  const auto before = pool.statistics().in_use;
  {
    const Scratch<double> scratch(1000, 1);
    BOOST_TEST(pool.statistics().in_use > before);
  }
  BOOST_TEST(pool.statistics().in_use == before);
}

BOOST_AUTO_TEST_SUITE_END()
