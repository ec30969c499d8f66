// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/memory.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(memory)

namespace {
MemoryPool<Cpu>& pool() {
  return MemoryPool<Cpu>::instance();
}
}  // namespace

BOOST_AUTO_TEST_CASE(blocks_are_aligned) {
  for (const std::size_t bytes : {1u, 63u, 64u, 65u, 1000u, 4097u, 1000003u}) {
    const auto block = allocate_bytes<Cpu>(bytes);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(block.get()) % 64 == 0u);
    MemoryTransfer<Cpu>::zero(block.get(), bytes);
    BOOST_TEST(static_cast<int>(block.get()[bytes - 1]) == 0);
  }
  BOOST_TEST((allocate_bytes<Cpu>(0) == nullptr));
}

BOOST_AUTO_TEST_CASE(freed_memory_is_used_again) {
  pool().trim();
  { const auto block = allocate_bytes<Cpu>(123456); }
  const auto before = pool().statistics();
  for (int i = 0; i < 100; ++i) {
    // Sizes that round up to the same block.
    const auto block = allocate_bytes<Cpu>(123456 + static_cast<std::size_t>(i));
  }
  const auto after = pool().statistics();
  BOOST_TEST(after.system_allocations == before.system_allocations);
  BOOST_TEST(after.held == before.held);
  BOOST_TEST(after.in_use == before.in_use);
}

BOOST_AUTO_TEST_CASE(statistics_count_what_is_used) {
  const auto before = pool().statistics();
  {
    const auto a = allocate_bytes<Cpu>(1 << 20), b = allocate_bytes<Cpu>(1 << 20);
    const auto during = pool().statistics();
    BOOST_TEST(during.in_use - before.in_use == std::size_t{2} << 20);
    BOOST_TEST(during.peak >= during.in_use);
    BOOST_TEST(during.held >= during.in_use);
  }
  BOOST_TEST(pool().statistics().in_use == before.in_use);
  BOOST_TEST(pool().statistics().held >= std::size_t{2} << 20);
  pool().trim();
  BOOST_TEST(pool().statistics().held == pool().statistics().in_use);
}

BOOST_AUTO_TEST_CASE(little_is_wasted) {
  for (std::size_t bytes = 1; bytes < (1u << 24); bytes = bytes * 5 / 4 + 1) {
    const auto before = pool().statistics().in_use;
    const auto block = allocate_bytes<Cpu>(bytes);
    const auto size = pool().statistics().in_use - before;
    BOOST_TEST(size >= bytes);
    BOOST_TEST(size <= std::max<std::size_t>(64, bytes + bytes / 8 + 64));
  }
}

BOOST_AUTO_TEST_CASE(too_much_is_an_exception_that_tells_numbers) {
  const std::size_t huge = std::numeric_limits<std::int64_t>::max();
  BOOST_CHECK_EXCEPTION(allocate_bytes<Cpu>(huge), OutOfMemory, [&](const auto& e) {
    const std::string what = e.what();
    return what.find("[cpu memory] expected 9223372036854775807 bytes, got none") == 0 &&
           what.find("in use") != std::string::npos;
  });
  BOOST_TEST((allocate_bytes<Cpu>(64) != nullptr));
}

BOOST_AUTO_TEST_CASE(several_threads) {
  const auto before = pool().statistics().in_use;
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([k] {
      for (std::size_t i = 1; i < 2000; ++i) {
        const auto block = allocate_bytes<Cpu>(i * 10);
        block.get()[i * 10 - 1] = static_cast<std::byte>(k);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(pool().statistics().in_use == before);
}

BOOST_AUTO_TEST_CASE(transfers) {
  const std::vector<int> from = {1, 2, 3};
  std::vector<int> to(3);
  MemoryTransfer<Cpu>::copy(to.data(), from.data(), 12);
  BOOST_TEST((to == from));
  MemoryTransfer<Cpu>::zero(to.data(), 8);
  BOOST_TEST((to == std::vector<int>{0, 0, 3}));
  MemoryTransfer<Cpu>::copy(nullptr, nullptr, 0);
  MemoryTransfer<Cpu>::zero(nullptr, 0);
}

BOOST_AUTO_TEST_SUITE_END()
