// SPDX-License-Identifier: MIT
/// \file
/// Formats by their first bytes, and models that load from any of them.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include <pixnerd/io/open_tensor_file.hpp>
#include <pixnerd/io/parameters.hpp>
#include <pixnerd/nn/linear.hpp>

#include "support/files.hpp"
#include "support/torch_files.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(tensor_files)

BOOST_AUTO_TEST_CASE(formats) {
  const std::string data = PIXNERD_TEST_DATA;
  for (const std::string name :
       {"lightning.ckpt", "lightning_legacy.ckpt", "lightning_expected.safetensors"}) {
    const auto file = open_tensor_file(data + "/" + name);
    BOOST_TEST(file->path() == data + "/" + name);
    BOOST_TEST(file->read<float>("extra.half").size() == 24u);
  }
  check_throws<FileError>([&] { (void)open_tensor_file(data + "/lightning_malicious.ckpt"); },
                          {"posix.system"});
  check_throws<FileError>([&] { (void)open_tensor_file(data + "/crops/00.png"); },
                          {"[open tensors]", "safetensors", "torch.save", "00.png"});
  check_throws<FileError>([&] { (void)open_tensor_file("/none/file"); }, {"/none/file", "No such file"});
  const Folder folder;
  for (const std::string begin : {"", "P", "PK", "\x80", "{", "12345678"}) {
    write_file_atomic(folder / "short", begin);
    check_throws<FileError>([&] { (void)open_tensor_file(folder / "short"); }, {folder / "short"});
  }
}

BOOST_AUTO_TEST_CASE(lengths_that_look_like_other_formats) {
  // A header of 0x4b50 bytes makes a safetensors file begin with "PK"; one of 0x80 with the first byte of a
  // pickle.
  const Folder folder;
  for (const std::size_t length : {std::size_t{0x4b50}, std::size_t{0x4b80}}) {
    std::string json = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
    json.resize(length, ' ');
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(length & 0xff);
    bytes[1] = static_cast<char>(length >> 8);
    write_file_atomic(folder / "file", bytes + json + "\x07");
    BOOST_TEST(open_tensor_file(folder / "file")->read<std::int32_t>("a") == std::vector<std::int32_t>{7});
  }
}

BOOST_AUTO_TEST_CASE(models_load_from_checkpoints) {
  const Folder folder;
  Initializer init(1);
  const Linear<On<Cpu, Full<double>>> saved(3, 5, init);
  std::vector<SafetensorsView> views;
  for_each_parameter(
      saved, [&](const std::string& name, const auto& p) { views.push_back(safetensors_view(name, p)); },
      "m");
  test::write_torch_file(folder / "m.ckpt", views);
  const auto file = open_tensor_file(folder / "m.ckpt");
  BOOST_TEST(file->metadata("epoch") == "3");
  const auto check = [&](auto& model) {
    for (std::int64_t i = 0; i < 15; ++i) {
      using T = std::remove_reference_t<decltype(*model.weight.data())>;
      BOOST_TEST((model.weight.data()[i] == static_cast<T>(static_cast<float>(saved.weight.data()[i]))));
    }
  };
  Linear<On<Cpu>> loaded(3, 5, init), filled(3, 5, init);
  Linear<On<Cpu, Mixed>> narrow(3, 5, init);
  load_parameters(*file, loaded, "m");
  fill_parameters(*file, filled, "m");
  fill_parameters(*file, narrow, "m");
  check(loaded);
  check(filled);
  check(narrow);

  // Nothing is read before everything fits.
  auto unset = Initializer::unset();
  Linear<On<Cpu>> other(3, 4, unset);
  BOOST_TEST((other.weight.slot() != nullptr));
  for (std::int64_t i = 0; i < 12; ++i) other.weight.data()[i] = 7;
  check_throws<FileError>([&] { fill_parameters(*file, other, "m"); },
                          {"2 misshapen", "\"m.weight\" (5, 3) instead of (4, 3)", folder / "m.ckpt"});
  for (std::int64_t i = 0; i < 12; ++i) BOOST_TEST(other.weight.data()[i] == 7);
}

BOOST_AUTO_TEST_CASE(entries_of_another_file) {
  const TorchCheckpoint file(PIXNERD_TEST_DATA "/lightning.ckpt");
  std::vector<std::uint8_t> bytes(8);
  check_throws<FileError>([&] { file.read_bytes({"none", TensorType::f32, {2}, 0, 8}, bytes); }, {"none"});
  check_throws<ValueError>(
      [&] {
        file.read_bytes({"extra.half", TensorType::f32, {2}, 0, 8}, bytes);
      },
      {"extra.half"});
}

BOOST_AUTO_TEST_SUITE_END()
