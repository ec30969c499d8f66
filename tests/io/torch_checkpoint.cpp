/// \file
/// Checkpoints that PyTorch wrote, against the tensors that were put into them.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include <pixnerd/io/safetensors.hpp>
#include <pixnerd/io/torch_checkpoint.hpp>

using namespace pixnerd;

namespace {

std::string data(const std::string& name) {
  return std::string(PIXNERD_TEST_DATA) + "/" + name;
}

std::string message_of(const std::string& path) {
  try {
    const TorchCheckpoint file(path);
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
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

BOOST_AUTO_TEST_SUITE(torch_checkpoint)

BOOST_AUTO_TEST_CASE(zip_equals_what_was_saved) {
  check_equals_expected(TorchCheckpoint(data("lightning.ckpt")));
}

BOOST_AUTO_TEST_CASE(legacy_equals_what_was_saved) {
  check_equals_expected(TorchCheckpoint(data("lightning_legacy.ckpt")));
}

BOOST_AUTO_TEST_CASE(malicious_is_refused_by_name) {
  const std::string message = message_of(data("lightning_malicious.ckpt"));
  BOOST_TEST(message.find("posix.system") != message.npos, message);
  BOOST_TEST(message.find("lightning_malicious.ckpt") != message.npos, message);
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
  BOOST_TEST(message_of(data("lightning_expected.safetensors")).find("torch.save") != std::string::npos);
  BOOST_TEST(message_of("/no/such/file").find("/no/such/file") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
