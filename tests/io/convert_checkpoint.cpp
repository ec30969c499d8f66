// SPDX-License-Identifier: MIT
/// \file
/// From checkpoints to safetensors files: names, types, pieces, and what cannot be converted.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/convert_checkpoint.hpp>
#include <pixnerd/io/open_tensor_file.hpp>

#include "support/files.hpp"
#include "support/torch_files.hpp"

using namespace pixnerd;
using test::check_throws;
using test::Folder;

BOOST_AUTO_TEST_SUITE(convert_checkpoint_file)

namespace {

const std::string lightning = PIXNERD_TEST_DATA "/lightning.ckpt";

std::vector<std::uint8_t> bytes_of(const TensorFile& file, const std::string& name) {
  std::vector<std::uint8_t> bytes(file.entry(name).bytes);
  file.read_bytes(file.entry(name), bytes);
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_tensor_of_a_checkpoint) {
  const Folder folder;
  const TorchCheckpoint from(lightning);
  double last = 0;
  const auto done = convert_checkpoint(from, folder / "out.safetensors", "", [&](double share) {
    BOOST_TEST(share >= last);
    last = share;
    return true;
  });
  BOOST_TEST(last == 1);
  BOOST_TEST(done.committed);
  const SafetensorsFile to(folder / "out.safetensors");
  BOOST_TEST(to.entries().size() == from.entries().size());
  BOOST_TEST(done.tensors == from.entries().size());
  BOOST_TEST(done.bytes_read == done.bytes_written);
  BOOST_TEST(to.metadata("source") == "lightning.ckpt");
  BOOST_TEST(to.metadata("format") == "pt");
  for (const auto& entry : from.entries()) {
    BOOST_TEST((to.entry(entry.name).type == entry.type));
    BOOST_TEST((to.entry(entry.name).shape == entry.shape));
    BOOST_TEST(bytes_of(from, entry.name) == bytes_of(to, entry.name), entry.name);
  }
}

BOOST_AUTO_TEST_CASE(a_prefix_is_taken_off) {
  const Folder folder;
  const TorchCheckpoint from(lightning);
  const auto done = convert_checkpoint(from, folder / "out.safetensors", "ema_denoiser.");
  const SafetensorsFile to(folder / "out.safetensors");
  BOOST_TEST(done.tensors == to.entries().size());
  BOOST_TEST(done.types.at(TensorType::f32) == done.tensors);
  BOOST_TEST(to.contains("s_embedder.proj.weight"));
  for (const auto& entry : to.entries())
    BOOST_TEST(bytes_of(to, entry.name) == bytes_of(from, "ema_denoiser." + entry.name), entry.name);

  check_throws<FileError>([&] { convert_checkpoint(from, folder / "none.safetensors", "teacher."); },
                          {"\"teacher.\"", lightning, "\"ema_denoiser.\" (", "\"denoiser.\" ("});
  // A name that is nothing but the prefix would have no name.
  check_throws<FileError>([&] { convert_checkpoint(from, folder / "none.safetensors", "extra.half"); },
                          {"\"extra.half\""});
  BOOST_TEST(folder.entries() == 1);
}

BOOST_AUTO_TEST_CASE(precisions) {
  const Folder folder;
  // More elements than a piece of a file has, so that pieces meet.
  std::vector<double> wide(200'003);
  std::vector<float> single(600'001);
  for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = 1.0 / static_cast<double>(i + 1);
  for (std::size_t i = 0; i < single.size(); ++i) single[i] = 1 + static_cast<float>(i) * 0x1p-20f;
  const std::vector<std::uint8_t> half = {0x00, 0x3e, 0x00, 0xc0};  // 1.5, -2
  const std::vector<std::int64_t> numbers = {-3, 1'000'000'007};
  const std::vector<SafetensorsView> views = {
      safetensors_view("wide", Shape{200'003}, std::span<const double>(wide)),
      safetensors_view("single", Shape{600'001}, std::span<const float>(single)),
      {"half", TensorType::f16, {2}, half},
      safetensors_view("numbers", Shape{2}, std::span<const std::int64_t>(numbers)),
      {"none", TensorType::f32, {0, 3}, {}}};
  write_safetensors(folder / "in.safetensors", views, {{"note", "kept"}});
  test::write_torch_file(folder / "in.ckpt", views);

  for (const std::string name : {"in.safetensors", "in.ckpt"}) {
    const auto from = open_tensor_file(folder / name);
    convert_checkpoint(*from, folder / "f32.safetensors", "", {}, StoredPrecision::float32);
    convert_checkpoint(*from, folder / "bf16.safetensors", "", {}, StoredPrecision::bfloat16);
    const SafetensorsFile f32(folder / "f32.safetensors"), bf16(folder / "bf16.safetensors");
    for (const auto* to : {&f32, &bf16}) {
      BOOST_TEST(to->read<std::int64_t>("numbers") == numbers);
      BOOST_TEST((to->entry("none").shape == Shape{0, 3}));
      BOOST_TEST(to->read<float>("half") == (std::vector<float>{1.5f, -2}));
    }
    BOOST_TEST((f32.entry("wide").type == TensorType::f32));
    BOOST_TEST((bf16.entry("wide").type == TensorType::bf16));
    BOOST_TEST(f32.read<float>("single") == single);
    const auto rounded_wide = bf16.read<bfloat16>("wide"), rounded = bf16.read<bfloat16>("single");
    const auto narrow = f32.read<float>("wide");
    bool equal = true;
    for (std::size_t i = 0; i < wide.size(); ++i) {
      equal = equal && narrow[i] == static_cast<float>(wide[i]);
      equal = equal && rounded_wide[i].bits == bfloat16(static_cast<float>(wide[i])).bits;
    }
    for (std::size_t i = 0; i < single.size(); ++i)
      equal = equal && rounded[i].bits == bfloat16(single[i]).bits;
    BOOST_TEST(equal);
  }
  BOOST_TEST(SafetensorsFile(folder / "f32.safetensors").metadata("epoch") == "3");
  convert_checkpoint(SafetensorsFile(folder / "in.safetensors"), folder / "again.safetensors");
  BOOST_TEST(SafetensorsFile(folder / "again.safetensors").metadata("note") == "kept");
}

BOOST_AUTO_TEST_CASE(numbers_beyond_a_precision) {
  const Folder folder;
  const std::vector<double> wide = {1, 1e300};
  const std::vector<float> large = {1, 3.4e38f, std::numeric_limits<float>::infinity()};
  write_safetensors(folder / "wide", {safetensors_view("a", Shape{2}, std::span<const double>(wide))});
  write_safetensors(folder / "large", {safetensors_view("b", Shape{3}, std::span<const float>(large))});
  const SafetensorsFile from_wide(folder / "wide"), from_large(folder / "large");
  const std::string out = folder / "out";
  check_throws<FileError>([&] { convert_checkpoint(from_wide, out, "", {}, StoredPrecision::float32); },
                          {"range of F32", "wide", "\"a\""});
  check_throws<FileError>([&] { convert_checkpoint(from_large, out, "", {}, StoredPrecision::bfloat16); },
                          {"range of BF16", "large", "3.4e+38", "\"b\""});
  BOOST_TEST(folder.entries() == 2);
}

BOOST_AUTO_TEST_CASE(stopping_leaves_nothing) {
  const Folder folder;
  const TorchCheckpoint from(lightning);
  const auto done = convert_checkpoint(from, folder / "out", "", [](double share) { return share < 0.3; });
  BOOST_TEST(!done.committed);
  BOOST_TEST(done.tensors < from.entries().size());
  BOOST_TEST(folder.entries() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
