// SPDX-License-Identifier: MIT
#include "compare.cuh"

#include <cstdlib>

#include <pixnerd/cuda/graph_capture.cuh>
#include <pixnerd/cuda/upload.cuh>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_graph_capture)

namespace {

Tensor<float, Cuda> numbers(float first) {
  return Tensor<float, Cuda>::from_host({3}, std::vector<float>{first, first + 1, first + 2});
}

/// What silu(silu(x)) is on the CPU.
std::vector<float> expected(float first) {
  std::vector<float> out;
  for (int i = 0; i < 3; ++i) out.push_back(silu_value(silu_value(first + static_cast<float>(i))));
  return out;
}

void check_near(const Tensor<float, Cuda>& got, const std::vector<float>& wanted) {
  const auto host = got.to_host();
  for (std::size_t i = 0; i < wanted.size(); ++i) BOOST_TEST(std::abs(host[i] - wanted[i]) < 1e-6f);
}

}  // namespace

BOOST_AUTO_TEST_CASE(repeats_what_the_third_call_asked_for) {
  const auto x = numbers(0), y = numbers(0);
  GraphCapture<Cuda> replay;
  int calls = 0;
  const auto work = [&] {
    ++calls;
    copy_into(y, silu(silu(x)));
  };
  for (int i = 0; i < 6; ++i) {
    copy_into(x, numbers(static_cast<float>(i)));
    replay(work);
    check_near(y, expected(static_cast<float>(i)));
    BOOST_TEST(calls == std::min(i + 1, 3));
  }
  replay.reset();
  const auto other = numbers(7);
  for (int i = 0; i < 4; ++i) {
    replay([&] { copy_into(y, silu(silu(other))); });
    check_near(y, expected(7));
  }
}

BOOST_AUTO_TEST_CASE(memory_may_go_back_to_the_system_meanwhile) {
  const auto x = numbers(1), y = numbers(0);
  std::vector<std::shared_ptr<std::byte>> others(3);
  for (auto& other : others) other = allocate_bytes<Cuda>(1000);
  auto& pool = MemoryPool<Cuda>::instance();
  pool.set_caching(false);
  GraphCapture<Cuda> replay;
  for (int i = 0; i < 5; ++i) {
    replay([&] {
      copy_into(y, silu(silu(x)));
      others.pop_back();
    });
  }
  pool.set_caching(std::getenv("PIXNERD_TEST_EXACT_MEMORY") == nullptr);
  BOOST_TEST(others.empty());
  check_near(y, expected(1));
}

BOOST_AUTO_TEST_CASE(calls_each_time_when_told_not_to_record) {
  const auto x = numbers(1), y = numbers(0);
  GraphCapture<Cuda> replay(false);
  int calls = 0;
  for (int i = 0; i < 5; ++i) replay([&] { ++calls, copy_into(y, silu(silu(x))); });
  BOOST_TEST(calls == 5);
  check_near(y, expected(1));
}

BOOST_AUTO_TEST_CASE(a_steady_state_allocates_nothing_and_keeps_its_memory_from_others) {
  auto& pool = MemoryPool<Cuda>::instance();
  const Tensor<float, Cuda> x({1000}), y({1000}), z({1000});
  x.zero();
  {
    GraphCapture<Cuda> first, second(true, first);
    const auto run = [&](GraphCapture<Cuda>& replay, const Tensor<float, Cuda>& to) {
      replay([&] { copy_into(to, silu(silu(x))); });
    };
    for (int i = 0; i < 3; ++i) run(first, y), run(second, z);
    const auto before = pool.statistics();
    for (int i = 0; i < 3; ++i) run(first, y), run(second, z);
    // Nobody gets what the recordings write to.
    std::vector<Tensor<float, Cuda>> others;
    for (int i = 0; i < 20; ++i) others.push_back(Tensor<float, Cuda>::full({1000}, 5.0f));
    copy_into(x, Tensor<float, Cuda>::full({1000}, 1.0f));
    run(first, y), run(second, z);
    for (const auto& other : others) BOOST_TEST((other.to_host() == std::vector<float>(1000, 5.0f)));
    BOOST_TEST((y.to_host() == z.to_host()));
    BOOST_TEST(std::abs(y.to_host()[999] - silu_value(silu_value(1.0f))) < 1e-6f);
    others.clear();
    BOOST_TEST(pool.statistics().in_use == before.in_use);
  }
  pool.trim();
  const auto held = pool.statistics().held;
  {
    GraphCapture<Cuda> again;
    for (int i = 0; i < 3; ++i) again([&] { copy_into(y, silu(silu(x))); });
    BOOST_TEST(pool.statistics().held > held);
  }
  BOOST_TEST(pool.statistics().held == held);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_recorded_is_an_error_that_names_it) {
  const auto x = numbers(1);
  const auto fails = [&](auto work, const char* word) {
    GraphCapture<Cuda> replay;
    replay(work);
    replay(work);
    for (int again = 0; again < 2; ++again) {
      BOOST_CHECK_EXCEPTION(replay(work), CudaError, [&](const auto& error) {
        return std::string(error.what()).find(word) != std::string::npos;
      });
    }
    // The stream goes on.
    check_near(silu(silu(x)), expected(1));
  };
  fails([&] { (void)silu(x).to_host(); }, "[copy to the host]");
  fails([&] { (void)numbers(3); }, "[copy from the host]");
}

BOOST_AUTO_TEST_CASE(an_exception_ends_the_recording) {
  const auto x = numbers(1), y = numbers(0);
  GraphCapture<Cuda> replay;
  bool bad = false;
  const auto work = [&] {
    copy_into(y, silu(silu(x)));
    if (bad) throw std::runtime_error("bad");
  };
  replay(work);
  replay(work);
  bad = true;
  BOOST_CHECK_THROW(replay(work), std::runtime_error);
  bad = false;
  y.zero();
  replay(work);
  check_near(y, expected(1));
}

BOOST_AUTO_TEST_CASE(uploads_have_read_the_host_when_they_return) {
  Upload<Cuda> upload;
  std::vector<Tensor<float, Cuda>> got;
  std::vector<float> host;
  // Growing, shrinking, of several pieces of work, none.
  for (const std::int64_t count : {10, 1'000'003, 0, 7, 2'000'000}) {
    host.assign(static_cast<std::size_t>(count), static_cast<float>(count));
    got.emplace_back(Shape{count});
    upload(got.back().data(), host.data(), got.back().bytes());
    std::fill(host.begin(), host.end(), -1.0f);
  }
  for (const auto& x : got) {
    BOOST_TEST((x.to_host() ==
                std::vector<float>(static_cast<std::size_t>(x.count()), static_cast<float>(x.count()))));
  }
}

BOOST_AUTO_TEST_SUITE_END()
