// SPDX-License-Identifier: MIT
/// \file
/// Allocations that fail when a test wants them to. Defines malloc and its relatives for the program, so that
/// those of the C++ library, of Eigen, libpng, libjpeg and zlib are counted as well.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

/// What runs before a sanitizer is ready must not be instrumented by it.
#if defined(__SANITIZE_ADDRESS__)
#define PIXNERD_TEST_EARLY [[gnu::no_sanitize_address, gnu::no_sanitize_undefined]]
#else
#define PIXNERD_TEST_EARLY
#endif

namespace pixnerd::test {

/// Which allocations of the program fail. Fails none until told so.
class Allocations {
 public:
  /// From now on allocation `number`, counted from 0, fails, and all after it where that is `lasting`.
  static void fail(int number, bool lasting) {
    left_ = number;
    lasting_ = lasting;
    hit_ = false;
    __atomic_store_n(&armed_, true, __ATOMIC_SEQ_CST);
  }
  /// None fails from now on. Returns whether one did.
  static bool stop() {
    __atomic_store_n(&armed_, false, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&hit_, __ATOMIC_SEQ_CST);
  }
  /// Tells of code whose allocations are left alone; null where there is none.
  static inline bool (*spares)() = nullptr;

  /// Whether the next one fails.
  PIXNERD_TEST_EARLY static bool meet() {
    if (!__atomic_load_n(&armed_, __ATOMIC_RELAXED) || (spares != nullptr && spares())) return false;
    const int left = __atomic_fetch_sub(&left_, 1, __ATOMIC_RELAXED);
    if (left > 0 || (left < 0 && !lasting_)) return false;
    __atomic_store_n(&hit_, true, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return true;
  }

 private:
  // No std::atomic: its functions would be instrumented.
  static inline bool armed_ = false, lasting_ = false, hit_ = false;
  static inline int left_ = 0;
};

enum class Shortage { one, lasting };  ///< of one allocation, or of all from some moment on

/// Does `act()` again and again, while its first allocation fails, its second, and so on, until none of them
/// does; every `stride`th only where it has many. `check(threw)` looks after each at what is left. All of it
/// for each shortage. Returns the number of times. Only exceptions may come of it.
template <class Act, class Check>
int fail_every_allocation(Act act, Check check, int stride = 1,
                          std::initializer_list<Shortage> shortages = {Shortage::one, Shortage::lasting}) {
  int times = 0;
  for (const Shortage shortage : shortages) {
    const bool lasting = shortage == Shortage::lasting;
    bool more = true;
    for (int number = 0; more; number += stride, ++times) {
      BOOST_TEST_CONTEXT((lasting ? "from allocation " : "allocation ") << number << " on") {
        bool threw = false;
        Allocations::fail(number, lasting);
        try {
          act();
        } catch (const std::exception&) {
          threw = true;
        }
        more = Allocations::stop();
        BOOST_TEST((more || !threw));
        check(threw);
      }
    }
  }
  return times;
}

}  // namespace pixnerd::test

extern "C" {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PIXNERD_TEST_REAL(name) __interceptor_##name
#else
#define PIXNERD_TEST_REAL(name) __libc_##name
#endif
void* PIXNERD_TEST_REAL(memalign)(std::size_t, std::size_t);
void* PIXNERD_TEST_REAL(malloc)(std::size_t);
void* PIXNERD_TEST_REAL(calloc)(std::size_t, std::size_t);
void* PIXNERD_TEST_REAL(realloc)(void*, std::size_t);

// Weak: several files of a program may include this.
PIXNERD_TEST_EARLY [[gnu::weak]] void* malloc(std::size_t bytes) noexcept {
  return pixnerd::test::Allocations::meet() ? nullptr : PIXNERD_TEST_REAL(malloc)(bytes);
}
PIXNERD_TEST_EARLY [[gnu::weak]] void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return pixnerd::test::Allocations::meet() ? nullptr : PIXNERD_TEST_REAL(calloc)(count, bytes);
}
PIXNERD_TEST_EARLY [[gnu::weak]] void* realloc(void* memory, std::size_t bytes) noexcept {
  return pixnerd::test::Allocations::meet() ? nullptr : PIXNERD_TEST_REAL(realloc)(memory, bytes);
}
PIXNERD_TEST_EARLY [[gnu::weak]] void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return pixnerd::test::Allocations::meet() ? nullptr : PIXNERD_TEST_REAL(memalign)(alignment, bytes);
}
PIXNERD_TEST_EARLY [[gnu::weak]] int posix_memalign(void** out, std::size_t alignment,
                                                    std::size_t bytes) noexcept {
  *out = aligned_alloc(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}

}  // extern "C"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// The sanitizers' own operators would not call the malloc above.
[[gnu::weak]] void* operator new(std::size_t bytes) {
  if (void* memory = malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::weak]] void* operator new[](std::size_t bytes) {
  return operator new(bytes);
}
[[gnu::weak]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return malloc(bytes);
}
[[gnu::weak]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::weak]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::weak]] void operator delete[](void* memory) noexcept {
  std::free(memory);
}
[[gnu::weak]] void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::weak]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
#endif
