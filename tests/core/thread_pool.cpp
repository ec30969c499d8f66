// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(thread_pool)

namespace {

// Sets the number of threads for one test.
struct Threads {
  explicit Threads(int count) : before(thread_count()) { set_thread_count(count); }
  ~Threads() { set_thread_count(before); }
  int before;
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_index_runs_once) {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads setting(threads);
    BOOST_TEST(thread_count() == threads);
    for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      parallel_for(count, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
      BOOST_TEST(std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; }));
    }
  }
}

BOOST_AUTO_TEST_CASE(ranges_cover_everything_once) {
  for (const std::int64_t grain : {1, 3, 10, 100}) {
    std::vector<std::atomic<int>> runs(100);
    std::atomic<int> calls = 0;
    parallel_ranges(100, grain, [&](std::int64_t begin, std::int64_t end) {
      ++calls;
      for (std::int64_t i = begin; i < end; ++i) ++runs[static_cast<std::size_t>(i)];
    });
    BOOST_TEST(calls == (100 + grain - 1) / grain);
    BOOST_TEST(std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; }));
  }
  parallel_ranges(0, 5, [](std::int64_t, std::int64_t) { BOOST_TEST(false, "there is nothing to run"); });
}

BOOST_AUTO_TEST_CASE(several_threads_take_part) {
  const Threads setting(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  std::atomic<int> arrived = 0;
  // Each waits for the two others, which only three threads can do.
  parallel_for(3, [&](std::int64_t) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  BOOST_TEST(seen.size() == 3u);
}

BOOST_AUTO_TEST_CASE(an_exception_reaches_the_caller_and_the_pool_lives_on) {
  for (const int threads : {1, 2, 5}) {
    const Threads setting(threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::atomic<int> runs = 0;
      BOOST_CHECK_EXCEPTION(parallel_for(1000,
                                         [&](std::int64_t i) {
                                           ++runs;
                                           if (i == 5) throw std::runtime_error("number five");
                                         }),
                            std::runtime_error,
                            [](const auto& e) { return std::string(e.what()) == "number five"; });
      BOOST_TEST(runs >= 1);
      std::atomic<std::int64_t> sum = 0;
      parallel_for(100, [&](std::int64_t i) { sum += i; });
      BOOST_TEST(sum == 4950);
    }
    // Everyone throws: one exception arrives.
    BOOST_CHECK_THROW(parallel_for(50, [](std::int64_t) { throw std::logic_error("all"); }),
                      std::logic_error);
  }
}

BOOST_AUTO_TEST_CASE(loops_inside_loops_run_serially) {
  const Threads setting(4);
  std::atomic<int> moved = 0;
  std::vector<std::int64_t> sums(64);
  parallel_for(64, [&](std::int64_t i) {
    const auto outer = std::this_thread::get_id();
    parallel_for(10, [&](std::int64_t j) {
      moved += std::this_thread::get_id() == outer ? 0 : 1;
      sums[static_cast<std::size_t>(i)] += j;  // not atomic: only this thread runs it
    });
  });
  BOOST_TEST(moved == 0);
  BOOST_TEST((sums == std::vector<std::int64_t>(64, 45)));
}

BOOST_AUTO_TEST_CASE(loops_beside_loops) {
  const Threads setting(3);
  std::vector<std::int64_t> sums(4);
  std::vector<std::thread> callers;
  for (std::size_t k = 0; k < sums.size(); ++k) {
    callers.emplace_back([&sums, k] {
      for (int repeat = 0; repeat < 200; ++repeat) {
        std::atomic<std::int64_t> sum = 0;
        parallel_for(50, [&](std::int64_t i) { sum += i; });
        sums[k] += sum;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  BOOST_TEST((sums == std::vector<std::int64_t>(4, 200 * 1225)));
}

BOOST_AUTO_TEST_CASE(a_body_that_is_const_or_a_temporary) {
  std::atomic<int> runs = 0;
  const auto body = [&](std::int64_t) { ++runs; };
  parallel_for(3, body);
  parallel_for(3, [&](std::int64_t) mutable { ++runs; });
  BOOST_TEST(runs == 6);
}

BOOST_AUTO_TEST_CASE(counts_that_cannot_be) {
  BOOST_CHECK_EXCEPTION(set_thread_count(0), ValueError, [](const auto& e) {
    return std::string(e.what()) == "[set_thread_count] expected at least 1 thread, got 0";
  });
  const Threads setting(2);
  BOOST_CHECK_THROW(parallel_for(2, [](std::int64_t) { set_thread_count(3); }), Error);
  BOOST_TEST(thread_count() == 2);
}

BOOST_AUTO_TEST_CASE(the_default_is_at_least_one) {
  const int available = detail::available_processors();
  BOOST_TEST(available >= 1);
  BOOST_TEST(available <= static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
}

BOOST_AUTO_TEST_SUITE_END()
