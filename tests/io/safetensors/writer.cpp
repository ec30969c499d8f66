// SPDX-License-Identifier: MIT
/// \file
/// Writing safetensors files: what is written reads back, here and elsewhere, or is not there at all.
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/safetensors/writer.hpp>

#include "support/files.hpp"
#include "support/safetensors_tools.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;
using Type = TensorType;

BOOST_AUTO_TEST_SUITE(safetensors_writer)

namespace {

template <class T>
SafetensorsView view(const std::string& name, const Shape& shape, const std::vector<T>& values) {
  return safetensors_view(name, shape, std::span<const T>(values));
}

/// Files may not grow beyond `bytes` while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(all_types_come_back) {
  const Folder folder;
  const std::string path = folder / "all.safetensors";
  const std::vector<double> f64 = {1, -2.5, 1e300};
  const std::vector<float> f32 = {0.1f, -0.0f, 3, 4, 5, 6};
  const std::vector<bfloat16> bf16 = {bfloat16(1.5f), bfloat16(-2)};
  const std::vector<std::int64_t> i64 = {std::int64_t{-1} << 63};
  const std::vector<std::int32_t> i32 = {-1, 2};
  const std::vector<std::int16_t> i16 = {-300};
  const std::vector<std::int8_t> i8 = {-128, 127, 0};
  const std::vector<std::uint8_t> u8 = {255};
  const std::vector<std::uint8_t> half = {0x00, 0x3e}, flags = {1, 0};
  const std::vector<SafetensorsView> tensors = {
      view("u8", {1}, u8),
      view("f32", {1, 2, 3}, f32),
      view("empty", {2, 0}, std::vector<float>{}),
      view("bf16", {2}, bf16),
      view("f64", {3}, f64),
      view("i64", {}, i64),
      view("i32", {2, 1}, i32),
      view("i16", {1}, i16),
      view("i8", {3}, i8),
      {"f16", Type::f16, {1}, half},
      {"bool", Type::boolean, {2}, flags},
  };
  write_safetensors(path, tensors, {{"config", "{\"a\": \"\n\"}"}, {"ü", ""}});

  const SafetensorsFile file(path);
  BOOST_TEST(file.metadata().size() == 3);
  BOOST_TEST(file.metadata("format") == "pt");
  BOOST_TEST(file.metadata("config") == "{\"a\": \"\n\"}");
  BOOST_TEST(file.metadata("ü") == "");
  BOOST_TEST(file.read<double>("f64") == f64);
  BOOST_TEST(file.read<float>("f32") == f32);
  BOOST_TEST(std::signbit(file.read<float>("f32")[1]));
  BOOST_TEST((file.entry("f32").shape == Shape{1, 2, 3}));
  BOOST_TEST((file.entry("empty").shape == Shape{2, 0}));
  BOOST_TEST(file.read<float>("bf16") == (std::vector<float>{1.5f, -2.0f}));
  BOOST_TEST(file.read<std::int64_t>("i64") == i64);
  BOOST_TEST(file.entry("i64").shape.rank() == 0);
  BOOST_TEST(file.read<std::int32_t>("i32") == i32);
  BOOST_TEST(file.read<std::int16_t>("i16") == i16);
  BOOST_TEST(file.read<std::int8_t>("i8") == i8);
  BOOST_TEST(file.read<std::uint8_t>("u8") == u8);
  BOOST_TEST(file.read<float>("f16") == std::vector<float>{1.5f});
  BOOST_TEST(file.read<std::uint8_t>("bool") == flags);

  // The widest first, otherwise as given; every tensor begins at a multiple of its element's size.
  std::string order;
  for (const auto& entry : file.entries()) {
    order += entry.name + " ";
    BOOST_TEST(entry.begin % element_bytes(entry.type) == 0);
  }
  BOOST_TEST(order == "f64 i64 f32 empty i32 bf16 i16 f16 u8 i8 bool ");
}

BOOST_AUTO_TEST_CASE(the_bytes) {
  const Folder folder;
  const std::string path = folder / "f.safetensors";
  write_safetensors(
      path,
      {view("b", {1}, std::vector<std::uint8_t>{7}), view("a.\"w\"", {2, 1}, std::vector<float>{1, -2})},
      {{"step", "3"}});
  const std::string json =
      R"({"__metadata__":{"format":"pt","step":"3"},"a.\"w\"":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})";
  std::string padded = json;
  padded.resize(184, ' ');
  BOOST_TEST((padded.size() + 8) % 64 == 0);
  const auto data = test::from_hex("0000803f000000c007");
  BOOST_TEST(test::read_text(path) == test::safetensors_text(padded, std::string(data.begin(), data.end())));

  write_safetensors(path, {});
  BOOST_TEST(test::read_text(path) ==
             test::safetensors_text("{\"__metadata__\":{\"format\":\"pt\"}}" + std::string(24, ' ')));
}

BOOST_AUTO_TEST_CASE(what_python_wrote_is_written_the_same) {
  const Folder folder;
  const std::string theirs = folder / "theirs.safetensors", ours = folder / "ours.safetensors";
  write_file_atomic(theirs, std::string_view(test::python_file()));
  const SafetensorsFile file(theirs);
  SafetensorsWriter writer(ours, file.entries(), file.metadata());
  for (const auto& entry : writer.entries()) {
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(file.entry(entry.name), bytes);
    writer.write(entry.name, bytes);
  }
  writer.commit();
  std::string header(test::python_header);
  header.replace(header.find("\"},\"long\""), 2, "\",\"format\":\"pt\"}");
  header.resize((header.size() + 8 + 63) / 64 * 64 - 8, ' ');
  const auto data = test::from_hex(test::python_data);
  BOOST_TEST(test::read_text(ours) == test::safetensors_text(header, std::string(data.begin(), data.end())));
}

BOOST_AUTO_TEST_CASE(tensors) {
  const Folder folder;
  const std::string path = folder / "f.safetensors";
  const auto tensor = Tensor<float>::from_host({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  write_safetensors(path, {safetensors_view("whole", tensor), safetensors_view("row", tensor.rows(1, 2)),
                           safetensors_view("none", Tensor<double>(Shape{0}))});
  const SafetensorsFile file(path);
  BOOST_TEST(file.tensor<float>("whole").to_host() == tensor.to_host());
  BOOST_TEST((file.entry("row").shape == Shape{1, 3}));
  BOOST_TEST(file.read<float>("row") == (std::vector<float>{4, 5, 6}));
  BOOST_TEST(file.tensor<double>("none").count() == 0);
}

BOOST_AUTO_TEST_CASE(what_no_file_can_hold) {
  const Folder folder;
  const std::string path = folder / "f.safetensors";
  const auto start = [&](std::vector<TensorEntry> entries, TensorMetadata metadata = {}) {
    SafetensorsWriter(path, std::move(entries), std::move(metadata));
  };
  constexpr std::int64_t many = std::int64_t{1} << 31;
  check_throws<ValueError>(
      [&] {
        start({{"a", Type::f32, {1}}, {"b", Type::f64, {1}}, {"a", Type::u8, {2}}});
      },
      {"one tensor of each name", path, "two \"a\""});
  check_throws<ValueError>([&] { start({{"\xff", Type::f32, {1}}}); }, {"names in UTF-8", path});
  check_throws<ValueError>([&] { start({{"__metadata__", Type::f32, {1}}}); }, {"a name other than", path});
  check_throws<ValueError>(
      [&] {
        start({{"a", Type::f32, {many, many}}});
      },
      {"fewer than 2^63 bytes", path, "\"a\" (F32 (2147483648, 2147483648))"});
  check_throws<ValueError>(
      [&] {
        start({{"a", Type::u8, {many, many}}, {"b", Type::u8, {many, many}}});
      },
      {"fewer than 2^63 bytes", "\"b\""});
  check_throws<ValueError>(
      [&] {
        start({{"a", Type::f32, {many, many, 0}}});
      },
      {"fewer than 2^63 bytes", path, "\"a\""});
  check_throws<ValueError>([&] { start({}, {{"a", "\xff"}}); }, {"metadata in UTF-8", path});
  check_throws<ValueError>([&] { start({}, {{"\xff", "a"}}); }, {"metadata in UTF-8", path});
  check_throws<ValueError>(
      [&] {
        start({}, {{"a", std::string(100'000'000, 'x')}});
      },
      {"a header of at most 100000000 bytes", path});
  BOOST_TEST(folder.entries() == 0);
}

BOOST_AUTO_TEST_CASE(tensors_out_of_order) {
  const Folder folder;
  const std::string path = folder / "f.safetensors";
  const std::vector<std::uint8_t> four(4), five(5);
  {
    SafetensorsWriter writer(path, {{"a", Type::f32, {1}}, {"b", Type::f32, {1}}});
    check_throws<ValueError>([&] { writer.write("b", four); }, {"\"a\" (F32 (1)) next", path, "\"b\""});
    check_throws<ValueError>([&] { writer.write("a", five); }, {"4 bytes of tensor \"a\"", path, "got 5"});
    writer.write("a", four);
    check_throws<ValueError>([&] { writer.commit(); }, {"2 tensors", path, "got 1"});
    writer.write("b", four);
    check_throws<ValueError>([&] { writer.write("b", four); }, {"no further tensor next", path, "\"b\""});
    BOOST_TEST(folder.entries() == 1);  // the temporary
    BOOST_TEST(!std::filesystem::exists(path));
  }
  BOOST_TEST(folder.entries() == 0);
}

BOOST_AUTO_TEST_CASE(a_full_disk) {
  const Folder folder;
  const std::string path = folder / "f.safetensors";
  const std::vector<std::uint8_t> old(100'000, 1), large(100'001, 2);
  write_safetensors(path, {view("a", {100'000}, old)});
  {
    const FileSizeLimit limit(50'000);
    check_throws<FileError>([&] { write_safetensors(path, {view("a", {100'001}, large)}); },
                            {path, "room for the 100129 bytes", "File too large"});
  }
  BOOST_TEST(folder.entries() == 1);
  BOOST_TEST(SafetensorsFile(path).read<std::uint8_t>("a") == old);
  check_throws<FileError>([&] { write_safetensors(folder / "no/f", {}); }, {folder / "no/f", "No such file"});
}

BOOST_AUTO_TEST_SUITE_END()
