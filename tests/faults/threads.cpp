// SPDX-License-Identifier: MIT
/// \file
/// Threads that cannot be started: what there is does the work, or an exception says so.
#include <dlfcn.h>
#include <pthread.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <new>
#include <numeric>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/data/loader.hpp>

#include "support/files.hpp"

namespace {

int threads_left = -1;  ///< that may be started; -1 for any number

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                              void* argument) noexcept {
  using Create = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static auto* const real = reinterpret_cast<Create*>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_left == 0) return EAGAIN;
  if (threads_left > 0) --threads_left;
  return real(thread, attributes, run, argument);
}

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(thread_faults)

namespace {

/// While it lives, so many threads can be started.
struct ThreadLimit {
  explicit ThreadLimit(int count) { threads_left = count; }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;
  ~ThreadLimit() { threads_left = -1; }
};

/// Images that are numbers.
struct Numbered {
  std::int64_t size() const { return 10; }
  std::int64_t class_count() const { return 10; }
  std::string class_name(std::int64_t label) const { return str_cat(label); }
  std::int64_t label(std::int64_t index) const { return index; }
  Example read(std::int64_t index, int size) const {
    Image image(size, size);
    image.rgb.assign(image.rgb.size(), static_cast<std::uint8_t>(index));
    return {image, index};
  }
};

/// Every one of 1000 is counted once, by as many threads as there are.
void check_loop() {
  std::vector<int> counted(1000);
  parallel_for(1000, [&](std::int64_t i) { ++counted[static_cast<std::size_t>(i)]; });
  BOOST_TEST((counted == std::vector<int>(1000, 1)));
}

}  // namespace

BOOST_AUTO_TEST_CASE(loops_run_on_the_threads_that_there_are) {
  for (const int count : {0, 1, 3, 10}) {
    set_thread_count(1);
    set_thread_count(8);
    {
      const ThreadLimit limit(count);
      for (int again = 0; again < 3; ++again) check_loop();
      BOOST_CHECK_THROW(parallel_for(100,
                                     [](std::int64_t i) {
                                       if (i % 10 == 7) throw std::bad_alloc();
                                     }),
                        std::bad_alloc);
    }
    check_loop();
    BOOST_TEST(thread_count() == 8);
  }
  set_thread_count(1);
}

BOOST_AUTO_TEST_CASE(a_loader_works_with_the_threads_that_there_are) {
  LoaderOptions options;
  options.size = 4;
  options.batch_size = 5;
  options.workers = 4;
  const auto labels = [&] {
    Loader loader(Numbered{}, options);
    auto out = loader.next().labels;
    const auto more = loader.next().labels;
    out.insert(out.end(), more.begin(), more.end());
    return out;
  };
  const auto expected = labels();
  for (const int count : {1, 3}) {
    const ThreadLimit limit(count);
    BOOST_TEST(labels() == expected, boost::test_tools::per_element());
  }
  const ThreadLimit none(0);
  test::check_throws<Error>([&] { (void)labels(); },
                            {"[loader] expected 4 threads, got none: ", "unavailable"});
}

BOOST_AUTO_TEST_SUITE_END()
