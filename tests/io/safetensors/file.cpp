// SPDX-License-Identifier: MIT
/// \file
/// Reading safetensors files: what other programs wrote, and what is left of a file after damage.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>

#include "support/files.hpp"
#include "support/safetensors_tools.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(safetensors)

/// A file that the package for Python wrote, opened.
struct PythonFile {
  Folder folder;
  std::string path = folder / "python.safetensors";
  PythonFile() { write_file_atomic(path, std::string_view(test::python_file())); }
};

namespace {

const std::string data_folder = std::string(PIXNERD_TEST_DATA) + "/";

/// Opens the file and reads every tensor. True if that went well, false for a FileError that names the file;
/// anything else is a failure of the test.
bool reads_or_refuses(const std::string& path) {
  try {
    const SafetensorsFile file(path);
    for (const auto& entry : file.entries()) {
      std::vector<std::uint8_t> bytes(entry.bytes);
      file.read_bytes(entry, bytes);
      if (detail::is_readable_as<float>(entry.type)) {
        (void)file.read<float>(entry.name);
      } else {
        (void)file.read<std::int64_t>(entry.name);
      }
    }
    return true;
  } catch (const FileError& error) {
    BOOST_TEST_REQUIRE(std::string(error.what()).find(path) != std::string::npos, error.what());
    return false;
  }
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_python_writes, PythonFile) {
  const SafetensorsFile file(path);
  BOOST_TEST(file.path() == path);
  BOOST_TEST(file.entries().size() == 11);
  BOOST_TEST(file.metadata().size() == 1);
  BOOST_TEST(file.metadata("config") == "{\"a\": \"ü\\n\"}");
  BOOST_TEST(file.entries().front().name == "long");
  BOOST_TEST(file.entries().back().name == "flags");

  const auto& single = file.entry("single");
  BOOST_TEST((single.type == TensorType::f32));
  BOOST_TEST((single.shape == Shape{2, 2}));
  BOOST_TEST(single.begin == 24);
  BOOST_TEST(single.bytes == 16);
  BOOST_TEST(file.read<float>("single") == (std::vector<float>{1, -0.5, 3.25, 1e-3f}));
  BOOST_TEST(file.read<double>("single")[3] == static_cast<double>(1e-3f));
  BOOST_TEST(file.read<float>("half") == (std::vector<float>{1.5f, -2.0f, 0x1p-24f}));
  BOOST_TEST(file.read<float>("brain") == (std::vector<float>{1.5f, -2.0f}));
  BOOST_TEST((file.read<bfloat16>("brain")[1] == bfloat16(-2.0f)));
  BOOST_TEST(file.read<double>("double") == std::vector<double>{3.141592653589793});
  BOOST_TEST(file.entry("double").shape.rank() == 0);
  BOOST_TEST(file.read<std::int64_t>("long") == (std::vector<std::int64_t>{-3, std::int64_t{1} << 40}));
  BOOST_TEST(file.read<std::int32_t>("int") == std::vector<std::int32_t>{-70000});
  BOOST_TEST(file.read<std::int16_t>("short") == std::vector<std::int16_t>{-300});
  BOOST_TEST(file.read<std::int8_t>("ä\"\n") == (std::vector<std::int8_t>{-1, 5}));
  BOOST_TEST(file.read<std::uint8_t>("byte") == std::vector<std::uint8_t>{254});
  BOOST_TEST(file.read<std::uint8_t>("flags") == (std::vector<std::uint8_t>{1, 0, 1}));
  BOOST_TEST(file.read<float>("none").empty());
  BOOST_TEST((file.entry("none").shape == Shape{0, 4}));

  const Tensor<float> tensor = file.tensor<float>("single");
  BOOST_TEST((tensor.shape() == Shape{2, 2}));
  BOOST_TEST(tensor.to_host() == file.read<float>("single"));
  BOOST_TEST(file.tensor<float>("none").count() == 0);
  BOOST_TEST(file.tensor<double>("double").item() == 3.141592653589793);
}

BOOST_FIXTURE_TEST_CASE(what_is_asked_wrongly, PythonFile) {
  const SafetensorsFile file(path);
  BOOST_TEST(file.contains("half"));
  BOOST_TEST(!file.contains("Half"));
  check_throws<FileError>([&] { file.read<float>("Half"); },
                          {"a tensor \"Half\"", path, "got 11 tensors of other names"});
  check_throws<FileError>([&] { file.metadata("step"); }, {"metadata \"step\"", path});
  check_throws<FileError>([&] { file.read<float>("long"); }, {"read as F32", path, "\"long\" (I64 (2))"});
  check_throws<FileError>([&] { file.read<std::int64_t>("half"); },
                          {"read as I64", path, "\"half\" (F16 (3))"});
  check_throws<FileError>([&] { file.read<bfloat16>("single"); },
                          {"read as BF16", path, "\"single\" (F32 (2, 2))"});
  check_throws<FileError>([&] { file.read<float>("flags"); }, {"read as F32", path, "\"flags\" (BOOL (3))"});
  check_throws<FileError>([&] { file.tensor<float>("long"); }, {"read as F32"});
  check_throws<FileError>([&] { file.read<std::int32_t>("long"); }, {"range of I32", path, "\"long\""});
  check_throws<FileError>([&] { file.read<std::uint8_t>("ä\"\n"); }, {"range of U8", path, "\"ä\\\"\\n\""});

  std::vector<std::uint8_t> bytes(15);
  check_throws<ValueError>([&] { file.read_bytes(file.entry("single"), bytes); },
                           {"16 bytes", "\"single\"", "got 15"});
  std::vector<float> values(5);
  check_throws<ValueError>([&] { file.read<float>(file.entry("single"), values); },
                           {"\"single\"", "got 5 elements"});
}

BOOST_AUTO_TEST_CASE(numbers_beyond_the_type_read) {
  const Folder folder;
  const std::string path = folder / "f.safetensors";
  const auto write = [&](const std::string& type, const std::string& hex) {
    const auto bytes = test::from_hex(hex);
    write_file_atomic(path, std::string_view(test::safetensors_text(
                                str_cat("{\"x\":{\"dtype\":\"", type, "\",\"shape\":[1],\"data_offsets\":[0,",
                                        bytes.size(), "]}}"),
                                std::string(bytes.begin(), bytes.end()))));
  };
  write("BOOL", "02");
  check_throws<FileError>([&] { SafetensorsFile(path).read<std::uint8_t>("x"); },
                          {"numbers within the range of U8", path, "\"x\" (BOOL (1))"});
  write("F64", "000000000000e07f");  // 2^1023
  check_throws<FileError>([&] { SafetensorsFile(path).read<float>("x"); },
                          {"numbers within the range of F32", path, "\"x\" (F64 (1))"});
  write("F64", "000000000000f07f");
  BOOST_TEST(SafetensorsFile(path).read<float>("x")[0] == std::numeric_limits<float>::infinity());
}

BOOST_AUTO_TEST_CASE(reference_files) {
  struct Reference {
    const char* name;
    std::size_t tensors;
    const char* some_tensor;
    Shape shape;
  };
  for (const auto& reference : std::vector<Reference>{
           {"c2i_square", 91, "in.x", {2, 3, 16, 16}},
           {"c2i_rect", 91, "out.v", {2, 3, 12, 20}},
           {"samplers", 85, "adams1.x", {7, 2, 3, 16, 16}},
           {"training_repa", 212, "losses", {4, 3}},
           {"schedules", 14, "t", {33}},
       }) {
    const SafetensorsFile file(data_folder + reference.name + ".safetensors");
    BOOST_TEST(file.entries().size() == reference.tensors);
    BOOST_TEST(file.metadata("config").front() == '{');
    BOOST_TEST_REQUIRE(file.contains(reference.some_tensor), reference.name);
    BOOST_TEST((file.entry(reference.some_tensor).shape == reference.shape), reference.name);
    for (const auto& entry : file.entries()) {
      if (entry.type == TensorType::i64) {
        for (const auto value : file.read<std::int64_t>(entry.name)) BOOST_TEST(value >= 0);
      } else {
        for (const auto value : file.tensor<float>(entry.name).to_host())
          BOOST_TEST_REQUIRE(std::isfinite(value));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(values_of_a_reference_file) {
  const SafetensorsFile file(data_folder + "schedules.safetensors");
  const auto t = file.read<float>("t"), alpha = file.read<float>("linear.alpha");
  const auto sigma = file.read<double>("linear.sigma"), cosine = file.read<double>("gvp.alpha");
  BOOST_TEST(alpha == t);
  for (std::size_t i = 0; i < t.size(); ++i) {
    BOOST_TEST(sigma[i] == static_cast<double>(1.0f - t[i]));
    BOOST_TEST(std::abs(cosine[i] - std::cos(std::acos(0.0) * static_cast<double>(t[i]))) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(a_large_tensor_is_converted_piece_by_piece) {
  const Folder folder;
  const std::string path = folder / "large.safetensors";
  constexpr int count = 200'003;  // three pieces and a bit
  std::string data;
  for (int i = 0; i < count; ++i) {
    data += static_cast<char>(i % 251);
    data += static_cast<char>(i % 127);
  }
  write_file_atomic(
      path, std::string_view(test::safetensors_text(str_cat("{\"x\":{\"dtype\":\"I16\",\"shape\":[", count,
                                                            "],\"data_offsets\":[0,", 2 * count, "]}}"),
                                                    data)));
  const auto values = SafetensorsFile(path).read<std::int64_t>("x");
  int wrong = 0;
  for (int i = 0; i < count; ++i) wrong += values[static_cast<std::size_t>(i)] != i % 251 + 256 * (i % 127);
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(files_that_are_none) {
  const Folder folder;
  check_throws<FileError>([&] { SafetensorsFile{folder / "missing"}; }, {folder / "missing", "No such file"});
  check_throws<FileError>([&] { SafetensorsFile{folder.path.string()}; }, {folder.path.string(), "a folder"});
  check_throws<FileError>([&] { SafetensorsFile{"/dev/zero"}; }, {"/dev/zero", "a device"});
  // 100 MB and a byte of header in a file that really has them, as a hole.
  const std::string path = folder / "huge";
  write_file_atomic(path, std::string_view(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8)));
  std::filesystem::resize_file(path, 200'000'000);
  check_throws<FileError>([&] { SafetensorsFile{path}; },
                          {path, "a header of at most 100000000 bytes", "got 100000001"});
}

BOOST_FIXTURE_TEST_CASE(a_file_that_shrinks_while_open, PythonFile) {
  const SafetensorsFile file(path);
  std::filesystem::resize_file(path, 735);
  BOOST_TEST(file.read<std::int64_t>("long").size() == 2);
  check_throws<FileError>([&] { file.read<float>("single"); }, {path, "its end after 735 bytes"});
}

// The next two change the file in place: writing it anew 15,000 times would take minutes on some disks.

BOOST_FIXTURE_TEST_CASE(every_beginning_of_a_file, PythonFile) {
  BOOST_TEST(reads_or_refuses(path));
  for (std::size_t length = test::python_file().size(); length-- > 0;) {
    std::filesystem::resize_file(path, length);
    BOOST_TEST_REQUIRE(!reads_or_refuses(path), "the first " << length << " bytes were read");
  }
}

BOOST_FIXTURE_TEST_CASE(every_byte_changed, PythonFile) {
  const std::string whole = test::python_file();
  std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t i, char value) {
    stream.seekp(static_cast<std::streamoff>(i)).put(value).flush();
    BOOST_TEST_REQUIRE(stream.good());
  };
  int read = 0, refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string values = {'\0', '\xff', ' ', '"', '0', '9', '}', ',', '\\'};
    for (int bit = 0; bit < 8; ++bit) values += static_cast<char>(whole[i] ^ 1 << bit);
    for (const char value : values) {
      put(i, value);
      ++(reads_or_refuses(path) ? read : refused);
    }
    put(i, whole[i]);
  }
  // Names and data may be anything; most of the rest may not.
  BOOST_TEST_MESSAGE(read << " read, " << refused << " refused");
  BOOST_TEST(read > 1000);
  BOOST_TEST(refused > 5000);
}

BOOST_AUTO_TEST_SUITE_END()
