// SPDX-License-Identifier: MIT
/// \file
/// .npz files that NumPy wrote, stored and compressed.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <pixnerd/io/numpy/npz.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(npz)

namespace {

std::string data(const std::string& name) {
  return std::string(PIXNERD_TEST_DATA) + "/" + name;
}

/// numpy.npz holds, in arrays of each type, (0 .. 5) - 2 as 2 x 3, or 0 .. 5 where there is no sign.
template <class T>
void check_numbers(const NpzFile& file, const std::string& name, TensorType type, int first = -2) {
  BOOST_TEST_CONTEXT(name) {
    BOOST_TEST((file.entry(name).type == type));
    BOOST_TEST((file.entry(name).shape == Shape{2, 3}));
    std::vector<T> expected(6);
    std::iota(expected.begin(), expected.end(), static_cast<T>(first));
    BOOST_TEST(file.read<T>(name) == expected, boost::test_tools::per_element());
    const std::vector<T> middle(expected.begin() + 2, expected.begin() + 5);
    std::vector<T> part(3);
    file.read(file.entry(name), 2, std::span(part));
    BOOST_TEST(part == middle, boost::test_tools::per_element());
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(all_types) {
  for (const auto* name : {"numpy.npz", "numpy_compressed.npz"}) {
    const NpzFile file(data(name));
    BOOST_TEST(file.entries().size() == 14);
    check_numbers<double>(file, "double", TensorType::f64);
    check_numbers<float>(file, "double", TensorType::f64);
    check_numbers<float>(file, "single", TensorType::f32);
    check_numbers<double>(file, "single", TensorType::f32);
    check_numbers<float>(file, "half", TensorType::f16);
    check_numbers<std::int64_t>(file, "long", TensorType::i64);
    check_numbers<std::int32_t>(file, "int", TensorType::i32);
    check_numbers<std::int64_t>(file, "int", TensorType::i32);
    check_numbers<std::int16_t>(file, "short", TensorType::i16);
    check_numbers<std::int8_t>(file, "char", TensorType::i8);
    check_numbers<std::uint8_t>(file, "byte", TensorType::u8, 0);
    BOOST_TEST((file.read<std::uint8_t>("flags") == std::vector<std::uint8_t>{0, 1, 0, 1, 0, 1}));
    test::check_throws<FileError>([&] { (void)file.read<float>("long"); },
                                  {"read as F32", "\"long\" (I64 (2, 3))"});
    test::check_throws<FileError>([&] { (void)file.read<std::uint8_t>("long"); },
                                  {"range of U8", "\"long\""});
  }
}

BOOST_AUTO_TEST_CASE(shapes_orders_and_values) {
  for (const auto* name : {"numpy.npz", "numpy_compressed.npz"}) {
    const NpzFile file(data(name));
    BOOST_TEST((file.entry("scalar").shape == Shape{}));
    BOOST_TEST(file.tensor<double>("scalar").item() == 2.5);
    BOOST_TEST((file.entry("none").shape == Shape{0, 4}));
    BOOST_TEST(file.read<float>("none").empty());
    BOOST_TEST((file.read<float>("vector") == std::vector<float>{0, 1, 2}));

    // Column by column in the file, row by row here: element (i, j, k) is 12 i + 4 j + k.
    const auto& columns = file.entry("columns");
    BOOST_TEST(columns.fortran_order);
    std::vector<std::int32_t> expected(24);
    std::iota(expected.begin(), expected.end(), 0);
    BOOST_TEST(file.read<std::int32_t>("columns") == expected, boost::test_tools::per_element());
    std::int32_t element = 0;
    BOOST_CHECK_THROW(file.read(columns, 1, std::span(&element, 1)), ValueError);

    const auto special = file.read<double>("special");
    BOOST_TEST(std::isnan(special[0]));
    BOOST_TEST(special[1] == std::numeric_limits<double>::infinity());
    BOOST_TEST(special[2] == -std::numeric_limits<double>::infinity());
    BOOST_TEST(std::signbit(special[3]));
    BOOST_TEST(special[4] == 5e-324);
    BOOST_TEST(special[5] == std::numeric_limits<double>::max());
  }
}

BOOST_AUTO_TEST_CASE(images_of_the_reference) {
  const NpzFile file(data("fid_images.npz"));
  BOOST_TEST(file.entries().size() == 1);
  const auto& entry = file.entry("arr_0");
  BOOST_TEST((entry.type == TensorType::u8));
  BOOST_TEST((entry.shape == Shape{4, 8, 8, 3}));
  const auto images = file.tensor<std::uint8_t>("arr_0");
  // The file stores it as it is, from byte 34 + 5 + 128 on at the earliest.
  const auto bytes = read_file(file.path(), 1 << 20);
  const std::vector<std::uint8_t> whole(images.data(), images.data() + images.count());
  BOOST_TEST((std::search(bytes.begin(), bytes.end(), whole.begin(), whole.end()) != bytes.end()));
  std::vector<std::uint8_t> last(8 * 8 * 3);
  file.read(entry, 3 * 8 * 8 * 3, std::span(last));
  BOOST_TEST(std::equal(last.begin(), last.end(), whole.end() - 8 * 8 * 3));
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_wrongly) {
  const NpzFile file(data("numpy.npz"));
  test::check_throws<FileError>([&] { (void)file.entry("sigma"); }, {"an array \"sigma\"", "numpy.npz"});
  BOOST_TEST(!file.contains("sigma"));
  BOOST_TEST(file.contains("scalar"));
  std::vector<std::uint8_t> bytes(47);
  BOOST_CHECK_THROW(file.read_bytes(file.entry("double"), bytes), ValueError);
  std::vector<double> numbers(7);
  BOOST_CHECK_THROW(file.read(file.entry("double"), std::span(numbers)), ValueError);
  BOOST_CHECK_THROW(file.read(file.entry("double"), 0, std::span(numbers)), ValueError);
  BOOST_CHECK_THROW(file.read(file.entry("double"), 7, std::span(numbers).first(0)), ValueError);
  BOOST_CHECK_NO_THROW(file.read(file.entry("double"), 6, std::span(numbers).first(0)));
  test::check_throws<FileError>([] { NpzFile("/no/such/file.npz"); }, {"/no/such/file.npz"});
}

BOOST_AUTO_TEST_SUITE_END()
