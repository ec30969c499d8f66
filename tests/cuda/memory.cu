// SPDX-License-Identifier: MIT
// GPU memory: the pool, arenas, pinned memory, copies and what tensors do with them.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <thread>

#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/tensor/print.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_memory)

namespace {

MemoryPool<Cuda>& pool() {
  return MemoryPool<Cuda>::instance();
}

/// Tests of the cache need it, whatever the other tests run with.
struct WithCache {
  WithCache() {
    pool().set_caching(true);
    pool().trim();
  }
  ~WithCache() { pool().set_caching(std::getenv("PIXNERD_TEST_EXACT_MEMORY") == nullptr); }
};

std::vector<float> counted(std::int64_t count) {
  std::vector<float> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(static_cast<float>(i));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(blocks_are_aligned) {
  for (const std::size_t bytes : {1u, 63u, 512u, 513u, 4097u, 1000003u}) {
    const auto block = allocate_bytes<Cuda>(bytes);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(block.get()) % 256 == 0u);
    MemoryTransfer<Cuda>::zero(block.get(), bytes);
  }
  BOOST_TEST((allocate_bytes<Cuda>(0) == nullptr));
}

BOOST_AUTO_TEST_CASE(freed_memory_is_used_again) {
  const WithCache cache;
  const std::byte* first = nullptr;
  {
    const auto block = allocate_bytes<Cuda>(1234567);
    first = block.get();
  }
  const auto before = pool().statistics();
  for (std::size_t i = 0; i < 20; ++i) {
    // Somewhat smaller ones fit, too.
    const auto block = allocate_bytes<Cuda>(1234567 - 1000 * i);
    BOOST_TEST(block.get() == first);
  }
  const auto after = pool().statistics();
  BOOST_TEST(after.system_allocations == before.system_allocations);
  BOOST_TEST(after.held == before.held);
  BOOST_TEST(after.in_use == before.in_use);
  // Half of a block is not given away for little.
  const auto small = allocate_bytes<Cuda>(600000);
  BOOST_TEST(small.get() != first);
}

BOOST_AUTO_TEST_CASE(statistics_count_what_is_used) {
  const WithCache cache;
  const auto before = pool().statistics();
  pool().reset_peak();
  BOOST_TEST(pool().statistics().peak == before.in_use);
  {
    const auto a = allocate_bytes<Cuda>(1 << 20), b = allocate_bytes<Cuda>(1 << 20);
    const auto during = pool().statistics();
    BOOST_TEST(during.in_use - before.in_use == std::size_t{2} << 20);
    BOOST_TEST(during.held >= during.in_use);
    BOOST_TEST(during.system_allocations == before.system_allocations + 2);
  }
  const auto after = pool().statistics();
  BOOST_TEST(after.in_use == before.in_use);
  BOOST_TEST(after.held == before.held + (std::size_t{2} << 20));
  BOOST_TEST(after.peak == before.in_use + (std::size_t{2} << 20));
  pool().trim();
  BOOST_TEST(pool().statistics().held == before.held);
  pool().reset_peak();
  BOOST_TEST(pool().statistics().peak == before.in_use);
}

BOOST_AUTO_TEST_CASE(little_is_wasted) {
  const WithCache cache;
  for (std::size_t bytes = 1; bytes < (1u << 24); bytes = bytes * 3 / 2 + 1) {
    pool().trim();
    const auto before = pool().statistics().in_use;
    const auto block = allocate_bytes<Cuda>(bytes);
    const auto size = pool().statistics().in_use - before;
    BOOST_TEST(size >= bytes);
    BOOST_TEST(size <= std::max<std::size_t>(512, bytes + bytes / 8 + 512));
  }
}

BOOST_AUTO_TEST_CASE(large_blocks_waste_less_than_a_page) {
  const WithCache cache;
  const auto before = pool().statistics().in_use;
  for (const std::size_t bytes :
       {(std::size_t{16} << 20) + 1, (std::size_t{54} << 20), (std::size_t{700} << 20) + 5}) {
    const auto block = allocate_bytes<Cuda>(bytes);
    BOOST_TEST(pool().statistics().in_use - before < bytes + (std::size_t{2} << 20));
  }
}

BOOST_AUTO_TEST_CASE(an_arena_leaves_no_unused_memory_beside_it) {
  const WithCache cache;
  const auto before = pool().statistics().held;
  (void)allocate_bytes<Cuda>(1 << 20);
  BOOST_TEST(pool().statistics().held > before);
  const CudaArena arena;
  BOOST_TEST(pool().statistics().held == before);
}

BOOST_AUTO_TEST_CASE(without_the_cache_sizes_are_exact_and_nothing_is_kept) {
  const WithCache cache;
  pool().set_caching(false);
  const auto before = pool().statistics();
  {
    const auto block = allocate_bytes<Cuda>(1001);
    BOOST_TEST(pool().statistics().held == before.held + 1001);
  }
  BOOST_TEST(pool().statistics().held == before.held);
}

BOOST_AUTO_TEST_CASE(an_arena_keeps_its_memory_to_itself) {
  const WithCache cache;
  const auto before = pool().statistics();
  const std::byte* in_arena = nullptr;
  {
    const CudaArena arena;
    std::shared_ptr<std::byte> other_thread;
    {
      const CudaArena::Use use(arena);
      const auto block = allocate_bytes<Cuda>(1 << 20);
      in_arena = block.get();
      std::thread([&] { other_thread = allocate_bytes<Cuda>(1 << 20); }).join();
    }
    // Nobody else gets the freed block, and trimming leaves it.
    pool().trim();
    const auto outside = allocate_bytes<Cuda>(1 << 20);
    BOOST_TEST(outside.get() != in_arena);
    BOOST_TEST(other_thread.get() != in_arena);
    BOOST_TEST(pool().statistics().held == before.held + (std::size_t{3} << 20));
    {
      const CudaArena::Use use(arena);
      {
        const CudaArena nested;
        const CudaArena::Use use_nested(nested);
        BOOST_TEST(allocate_bytes<Cuda>(1 << 20).get() != in_arena);
      }
      BOOST_TEST(allocate_bytes<Cuda>(1 << 20).get() == in_arena);
    }
  }
  // Its memory goes with it, and that of the others does not.
  BOOST_TEST(pool().statistics().held == before.held + (std::size_t{2} << 20));
  pool().trim();
  BOOST_TEST(pool().statistics().held == before.held);
}

BOOST_AUTO_TEST_CASE(memory_outlives_its_arena) {
  const WithCache cache;
  const auto before = pool().statistics();
  Tensor<float, Cuda> x;
  {
    const CudaArena arena;
    const CudaArena::Use use(arena);
    x = Tensor<float, Cuda>::full({300}, 2.5f);
  }
  BOOST_TEST((x.to_host() == std::vector<float>(300, 2.5f)));
  x = {};
  BOOST_TEST(pool().statistics().in_use == before.in_use);
  BOOST_TEST(pool().statistics().held == before.held);
}

BOOST_AUTO_TEST_CASE(several_threads) {
  const auto before = pool().statistics().in_use;
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([] {
      for (std::size_t i = 1; i < 200; ++i) {
        const auto block = allocate_bytes<Cuda>(i * 100);
        MemoryTransfer<Cuda>::zero(block.get(), i * 100);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(pool().statistics().in_use == before);
}

BOOST_AUTO_TEST_CASE(copies) {
  const auto values = counted(1000);
  const auto x = Tensor<float, Cuda>::from_host({1000}, values);
  BOOST_TEST((copy(x).to_host() == values));
  const auto y = Tensor<float, Cuda>::zeros({10, 100});
  BOOST_TEST((y.to_host() == std::vector<float>(1000)));
  copy_into(y, x.reshape({10, 100}));
  BOOST_TEST((y.to_host() == values));
  BOOST_TEST((y.rows(3, 4).to_host() == std::vector<float>(values.begin() + 300, values.begin() + 400)));
  y.rows(3, 5).zero();
  BOOST_TEST(y.rows(2, 3).to_host().back() == 299);
  BOOST_TEST(y.rows(3, 4).to_host().back() == 0);
  BOOST_TEST(y.rows(5, 6).to_host().front() == 500);
  BOOST_CHECK_THROW(copy_into(y, x), ShapeError);
  // No elements are no work.
  const Tensor<float, Cuda> none(Shape{0, 3});
  none.zero();
  BOOST_TEST(copy(none).to_host().empty());
  BOOST_TEST((Tensor<float, Cuda>::full({0}, 1.0f).to_host().empty()));
}

BOOST_AUTO_TEST_CASE(elements_of_every_type) {
  BOOST_TEST((Tensor<double, Cuda>::full({1000}, 0.1).to_host() == std::vector<double>(1000, 0.1)));
  BOOST_TEST((Tensor<std::int64_t, Cuda>::full({3}, -7).to_host() == std::vector<std::int64_t>(3, -7)));
  BOOST_TEST((Tensor<bfloat16, Cuda>::full({3}, bfloat16(1.5f)).to_host() ==
              std::vector<bfloat16>(3, bfloat16(1.5f))));
  BOOST_TEST((Tensor<float, Cuda>::full({}, 0.5f).item() == 0.5f));
  BOOST_CHECK_THROW((Tensor<float, Cuda>::full({2}, 0.5f).item()), ShapeError);
}

BOOST_AUTO_TEST_CASE(text_of_a_tensor) {
  const auto x = Tensor<float, Cuda>::from_host({2, 2}, std::vector<float>{1, 2.5f, -3, 0.1f});
  BOOST_TEST(to_string(x) == "float32 (2, 2) on cuda\n[[1, 2.5],\n[-3, 0.1]]");
  BOOST_TEST(to_string(Tensor<float, Cuda>(Shape{2, 0})) == "float32 (2, 0) on cuda\n[[],\n[]]");
}

BOOST_AUTO_TEST_CASE(pinned_memory) {
  PinnedBuffer<float> buffer(100);
  BOOST_TEST(buffer.size() == 100u);
  const auto values = counted(100);
  std::copy(values.begin(), values.end(), buffer.values().begin());
  const auto x = Tensor<float, Cuda>::zeros({100});
  buffer.send(x.data(), 60);
  CudaEvent passed;
  passed.record();
  passed.synchronize("test");
  auto expected = values;
  std::fill(expected.begin() + 60, expected.end(), 0.0f);
  BOOST_TEST((x.to_host() == expected));

  PinnedBuffer<float> back(100);
  std::fill(back.values().begin(), back.values().end(), -1.0f);
  back.receive(x.data(), 70);
  cuda_synchronize("test");
  BOOST_TEST(std::equal(expected.begin(), expected.begin() + 70, back.values().begin()));
  BOOST_TEST(back.values()[70] == -1.0f);
  back.receive(x.data(), 0);
  back.send(x.data(), 0);

  PinnedBuffer<float> moved = std::move(back);
  BOOST_TEST(moved.values()[59] == 59.0f);
  back = std::move(moved);
  BOOST_TEST(back.values()[59] == 59.0f);
  BOOST_TEST(PinnedBuffer<float>(0).values().empty());
}

BOOST_AUTO_TEST_SUITE_END()
