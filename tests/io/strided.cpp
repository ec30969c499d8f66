// SPDX-License-Identifier: MIT
#include <pixnerd/io/strided.hpp>

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <vector>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(strided)

namespace {

template <class T>
std::vector<T> gathered(const Shape& shape, const std::vector<std::uint64_t>& strides, std::size_t elements) {
  std::vector<T> from(elements), to(static_cast<std::size_t>(shape.count()), T{99});
  std::iota(from.begin(), from.end(), T{0});
  detail::gather_strided(shape, strides, sizeof(T), reinterpret_cast<const std::uint8_t*>(from.data()),
                         std::span(reinterpret_cast<std::uint8_t*>(to.data()), to.size() * sizeof(T)));
  return to;
}

template <class T>
void check_all() {
  using Values = std::vector<T>;
  BOOST_TEST((gathered<T>({2, 3}, {3, 1}, 6) == Values{0, 1, 2, 3, 4, 5}));
  BOOST_TEST((gathered<T>({3, 2}, {1, 3}, 6) == Values{0, 3, 1, 4, 2, 5}));
  BOOST_TEST((gathered<T>({2, 2, 2}, {1, 0, 4}, 6) == Values{0, 4, 0, 4, 1, 5, 1, 5}));
  BOOST_TEST((gathered<T>({3}, {2}, 5) == Values{0, 2, 4}));
  BOOST_TEST((gathered<T>({}, {}, 1) == Values{0}));
  BOOST_TEST((gathered<T>({2, 0}, {1, 7}, 1) == Values{}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_width) {
  check_all<std::uint8_t>();
  check_all<std::int16_t>();
  check_all<float>();
  check_all<std::int64_t>();
}

BOOST_AUTO_TEST_SUITE_END()
