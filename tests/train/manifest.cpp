// SPDX-License-Identifier: MIT
#include <pixnerd/train/manifest.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(manifest)

BOOST_AUTO_TEST_CASE(checksum_is_the_standard_one) {
  const test::Folder folder;
  write_file_atomic(folder / "check", std::string_view("123456789"));
  BOOST_TEST(file_crc32(InputFile(folder / "check")) == "cbf43926");
  write_file_atomic(folder / "empty", std::string_view());
  BOOST_TEST(file_crc32(InputFile(folder / "empty")) == "00000000");
  // Longer than one piece: the same as in one call.
  std::string large(2'500'001, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i >> 3);
  write_file_atomic(folder / "large", large);
  char digits[9];
  std::snprintf(
      digits, sizeof digits, "%08lx",
      ::crc32(0, reinterpret_cast<const unsigned char*>(large.data()), static_cast<unsigned>(large.size())));
  BOOST_TEST(file_crc32(InputFile(folder / "large")) == digits);
}

BOOST_AUTO_TEST_CASE(knows_what_is_damaged) {
  const test::Folder folder;
  const std::string path = folder.path.string();
  BOOST_TEST(manifest_problem(path).find("No such file") != std::string::npos);
  const std::string content = "some bytes of a file";
  write_file_atomic(folder / "a", content);
  write_file_atomic(folder / "b", std::string_view("more"));
  write_manifest(path, {"a", "b"});
  BOOST_TEST(manifest_problem(path) == "");
  for (std::size_t i = 0; i < content.size(); ++i) {
    std::string changed = content;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    write_file_atomic(folder / "a", changed);
    BOOST_TEST(manifest_problem(path) == "a has not the checksum in manifest.json");
  }
  write_file_atomic(folder / "a", content.substr(1));
  BOOST_TEST(manifest_problem(path) == "a has not the size in manifest.json");
  std::filesystem::remove(folder.path / "a");
  BOOST_TEST(manifest_problem(path).find("No such file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(malformed_manifests_are_problems) {
  const test::Folder folder;
  write_file_atomic(folder / "a", std::string_view("123456789"));
  const auto problem = [&](const std::string& content) {
    write_file_atomic(folder / "manifest.json", content);
    return manifest_problem(folder.path.string());
  };
  BOOST_TEST(problem(R"({"files": {"a": {"bytes": 9, "crc32": "cbf43926"}}})") == "");
  for (const std::string bad :
       {"", "{", "[]", "null", "{\"files\": 3}", "{\"files\": {}}", "{\"files\": []}"}) {
    BOOST_TEST(problem(bad) == "its manifest.json lists no files");
  }
  BOOST_TEST(problem(std::string(900000, '[')) == "its manifest.json lists no files");
  BOOST_TEST(problem(std::string(2 << 20, ' ')).find("more than") != std::string::npos);
  BOOST_TEST(problem(R"({"files": {"a": 9}})").find("size") != std::string::npos);
  BOOST_TEST(problem(R"({"files": {"a": {"bytes": "9", "crc32": "cbf43926"}}})").find("size") !=
             std::string::npos);
  BOOST_TEST(problem(R"({"files": {"a": {"bytes": 9}}})").find("checksum") != std::string::npos);
  BOOST_TEST(problem(R"({"files": {"a": {"bytes": 9, "crc32": 3}}})").find("checksum") != std::string::npos);
  BOOST_TEST(problem(R"({"files": {"../a": {"bytes": 9, "crc32": "cbf43926"}}})").find("elsewhere") !=
             std::string::npos);
  const std::string long_name(300, 'a');
  BOOST_TEST(problem(str_cat(R"({"files": {")", long_name, R"(": {"bytes": 9, "crc32": "cbf43926"}}})"))
                 .find("too long") != std::string::npos);
  BOOST_TEST(problem(R"({"files": {"..": {"bytes": 9, "crc32": "cbf43926"}}})").find("folder") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
