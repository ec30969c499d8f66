// SPDX-License-Identifier: MIT
/// \file
/// Names, sizes and lookup of tensors as files list them.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/io/tensor_entry.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(tensor_entry)

BOOST_AUTO_TEST_CASE(types_have_names_and_sizes) {
  BOOST_TEST(type_name(TensorType::f32) == "F32");
  BOOST_TEST(type_name(TensorType::bf16) == "BF16");
  BOOST_TEST(type_name(TensorType::boolean) == "BOOL");
  BOOST_TEST(element_bytes(TensorType::i64) == 8u);
  BOOST_TEST(element_bytes(TensorType::f16) == 2u);
}

BOOST_AUTO_TEST_CASE(bytes_of_a_tensor) {
  using Sizes = std::vector<std::int64_t>;
  BOOST_TEST(*detail::tensor_bytes(TensorType::f32, Sizes{2, 3}) == 24u);
  BOOST_TEST(*detail::tensor_bytes(TensorType::f64, Sizes{}) == 8u);
  BOOST_TEST(*detail::tensor_bytes(TensorType::u8, Sizes{5, 0}) == 0u);
  const std::int64_t large = std::int64_t{1} << 40;
  BOOST_TEST(!detail::tensor_bytes(TensorType::u8, Sizes{large, large}).has_value());
  BOOST_TEST(!detail::tensor_bytes(TensorType::u8, Sizes{large, 0, large}).has_value());
}

BOOST_AUTO_TEST_CASE(finds_entries_by_name) {
  TensorDirectory directory;
  for (const auto* name : {"b", "a", "c"}) directory.entries.push_back({name, TensorType::f32, {1}});
  directory.index_names();
  BOOST_TEST(directory.find("a") == &directory.entries[1]);
  BOOST_TEST(directory.find("d") == nullptr);
}

BOOST_AUTO_TEST_CASE(messages) {
  BOOST_TEST(detail::describe({"w", TensorType::f32, {2, 3}}) == "\"w\" (F32 (2, 3))");
  BOOST_TEST(detail::quoted_name("a\nb") == "\"a\\nb\"");
  BOOST_TEST(detail::quoted_name(std::string(300, 'x')).size() == 205u);
}

BOOST_AUTO_TEST_SUITE_END()
