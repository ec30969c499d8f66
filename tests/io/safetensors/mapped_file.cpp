// SPDX-License-Identifier: MIT
/// \file
/// Tensors where they lie in a mapped file.
#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/io/safetensors/mapped_file.hpp>
#include <pixnerd/nn/linear.hpp>

#include "support/files.hpp"
#include "support/safetensors_tools.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(mapped_safetensors)

BOOST_AUTO_TEST_CASE(elements_equal_what_is_read) {
  const std::string path = PIXNERD_TEST_DATA "/c2i_square.safetensors";
  const SafetensorsFile file(path);
  MappedSafetensors first(path);
  const MappedSafetensors mapped(std::move(first));
  for (const auto& entry : file.entries()) {
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(entry, bytes);
    const auto seen = mapped.bytes(entry.name);
    BOOST_TEST(std::vector<std::uint8_t>(seen.begin(), seen.end()) == bytes, entry.name);
    if (entry.type != TensorType::f32) continue;
    const auto elements = mapped.elements<float>(entry.name);
    BOOST_TEST(std::vector<float>(elements.begin(), elements.end()) == file.read<float>(entry.name));
  }
}

BOOST_AUTO_TEST_CASE(models_load_from_it) {
  const Folder folder;
  Initializer init(1);
  const Linear<On<Cpu>> saved(3, 5, init);
  Linear<On<Cpu>> loaded(3, 5, init);
  save_parameters(folder / "a", saved);
  load_parameters(MappedSafetensors(folder / "a"), loaded);
  BOOST_TEST(loaded.weight.to_host() == saved.weight.to_host());
}

BOOST_AUTO_TEST_CASE(refusals) {
  const Folder folder;
  // The second tensor lies at an odd byte.
  write_file_atomic(folder / "odd",
                    test::safetensors_text(R"({"byte":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                           R"("word":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                           std::string("\x01\x00\x00\x80\x3f", 5)));
  const MappedSafetensors file(folder / "odd");
  const auto begin = reinterpret_cast<std::uintptr_t>(file.bytes("word").data());
  BOOST_TEST(file.read<float>("word") == std::vector<float>{1.0f});
  BOOST_TEST(file.elements<std::uint8_t>("byte")[0] == 1);
  if (begin % 4 != 0)
    check_throws<FileError>([&] { (void)file.elements<float>("word"); },
                            {"multiple of 4", folder / "odd", "\"word\""});
  check_throws<FileError>([&] { (void)file.elements<float>("byte"); }, {"type F32", "\"byte\" (U8 (1))"});
  check_throws<FileError>([&] { (void)file.bytes("none"); }, {"\"none\""});
  check_throws<FileError>([&] { MappedSafetensors(folder / "missing"); }, {folder / "missing"});
}

BOOST_AUTO_TEST_SUITE_END()
