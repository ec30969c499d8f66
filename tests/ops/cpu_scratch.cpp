#include <cstdint>

#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu_scratch.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_scratch)

BOOST_AUTO_TEST_CASE(pieces_are_aligned_and_apart) {
  Scratch<double> scratch(1 + 7 + 0 + 100, 4);
  double* last = nullptr;
  std::int64_t length = 0;
  for (const std::int64_t count : {1, 7, 0, 100}) {
    double* piece = scratch.take(count);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(piece) % 64 == 0u);
    if (last != nullptr) BOOST_TEST(piece - last >= length);
    for (std::int64_t i = 0; i < count; ++i) piece[i] = 1;
    last = piece;
    length = count;
  }
}

BOOST_AUTO_TEST_SUITE_END()
