// SPDX-License-Identifier: MIT
/// \file
/// Checkpoints that PyTorch wrote, against the tensors that were put into them.
#include <boost/test/unit_test.hpp>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/torch/checkpoint.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(torch_checkpoint)

namespace {

std::string data(const std::string& name) {
  return std::string(PIXNERD_TEST_DATA) + "/" + name;
}

/// Opens a file and reads all of its tensors: FileError or no error at all is what any file may give.
bool loads(const std::string& path) {
  try {
    const TorchCheckpoint file(path);
    for (const auto& entry : file.entries()) {
      std::vector<std::uint8_t> bytes(entry.bytes);
      file.read_bytes(entry, bytes);
    }
    return true;
  } catch (const FileError& error) {
    BOOST_TEST(std::string(error.what()).find(path) != std::string::npos, error.what());
    return false;
  }
}

/// Damages one byte of every `step`, then cuts the file short at as many places.
void check_damaged(const std::string& name, std::size_t step) {
  const test::Folder folder;
  const auto whole = read_file(data(name), 1 << 20);
  const std::string path = folder / "damaged.ckpt";
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); at += step) {
    auto bytes = whole;
    bytes[at] ^= 0x41;
    write_file_atomic(path, bytes);
    refused += loads(path) ? 0 : 1;
    write_file_atomic(path, std::span(whole).first(at));
    BOOST_TEST(!loads(path), name << " cut to " << at << " bytes");
  }
  BOOST_TEST(refused > 0);
}

void check_equals_expected(const TorchCheckpoint& file) {
  const SafetensorsFile expected(data("lightning_expected.safetensors"));
  std::size_t compared = 0;
  for (const auto& entry : expected.entries()) {
    BOOST_TEST_CONTEXT(entry.name) {
      const auto& found = file.entry(entry.name);
      BOOST_TEST((found.type == entry.type));
      BOOST_TEST((found.shape == entry.shape));
      BOOST_TEST_REQUIRE(found.bytes == entry.bytes);
      std::vector<std::uint8_t> ours(entry.bytes), theirs(entry.bytes);
      file.read_bytes(found, ours);
      expected.read_bytes(entry, theirs);
      BOOST_TEST(ours == theirs);
      ++compared;
    }
  }
  BOOST_TEST(compared > 90);
  // What the file holds beside them: the optimizer's state, and a tensor without elements.
  for (const auto& entry : file.entries()) {
    if (expected.contains(entry.name)) continue;
    BOOST_TEST((entry.name.starts_with("optimizer_states.") || entry.shape.count() == 0), entry.name);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(zip_equals_what_was_saved) {
  check_equals_expected(TorchCheckpoint(data("lightning.ckpt")));
}

BOOST_AUTO_TEST_CASE(legacy_equals_what_was_saved) {
  check_equals_expected(TorchCheckpoint(data("lightning_legacy.ckpt")));
}

BOOST_AUTO_TEST_CASE(malicious_is_refused_by_name) {
  test::check_throws<FileError>([] { TorchCheckpoint(data("lightning_malicious.ckpt")); },
                                {"posix.system", "lightning_malicious.ckpt"});
}

BOOST_AUTO_TEST_CASE(damaged_files_load_or_are_refused) {
  check_damaged("lightning.ckpt", 1999);
  check_damaged("lightning_legacy.ckpt", 1499);
}

BOOST_AUTO_TEST_CASE(conversions) {
  const TorchCheckpoint file(data("lightning.ckpt"));
  const auto half = file.read<float>("extra.half");
  const auto expected = SafetensorsFile(data("lightning_expected.safetensors")).read<float>("extra.half");
  BOOST_TEST(half == expected);
  BOOST_CHECK_THROW((void)file.read<std::int64_t>("extra.half"), FileError);
  BOOST_CHECK_THROW((void)file.entry("no such tensor"), FileError);
}

BOOST_AUTO_TEST_CASE(other_files) {
  test::check_throws<FileError>([] { TorchCheckpoint(data("lightning_expected.safetensors")); },
                                {"torch.save"});
  test::check_throws<FileError>([] { TorchCheckpoint("/no/such/file"); }, {"/no/such/file"});
}

BOOST_AUTO_TEST_SUITE_END()
