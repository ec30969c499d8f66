// SPDX-License-Identifier: MIT
/// \file
/// Damaged files of the format that torch.save wrote before version 1.6.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "support/hostile.hpp"
#include "support/read_tensors.hpp"
#include "support/torch_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace p = pixnerd::test::pickled;

BOOST_AUTO_TEST_SUITE(malformed_torch_legacy)

namespace {

const std::string elements(16, '\1');
const std::string object =
    p::whole(p::dictionary({{"w", p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1})},
                            {"v", p::tensor(p::storage("FloatStorage", "1", 2), 0, {2}, {1})}}));
const std::string first = p::string("0"), second = p::string("1");
const std::string keys = p::whole("](" + first + second + "e");
const std::string right = make_legacy(object, keys, {{4, elements}, {2, elements.substr(8)}});
const std::string system_facts = p::whole(p::dictionary({{"little_endian", "\x88"}}));

std::string with_keys(const std::string& items) {
  return make_legacy(object, p::whole(items), {{4, elements}, {2, elements.substr(8)}});
}
std::string with_system(const std::string& value) {
  return make_legacy(object, keys, {{4, elements}, {2, elements.substr(8)}}, p::whole(value));
}
std::string with_version(const std::string& value) {
  return make_legacy(object, keys, {{4, elements}, {2, elements.substr(8)}}, system_facts, p::whole(value));
}
std::string with_magic(const std::string& value) {
  return p::whole(value) + right.substr(p::whole("\x8a\x0a" + std::string(10, 'x')).size());
}
std::string with_counts(std::uint64_t one, std::uint64_t two) {
  return make_legacy(object, keys, {{one, elements}, {two, elements.substr(8)}});
}
std::string little(const std::string& value) {
  return with_system("}" + p::string("little_endian") + value + "s");
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_right_loads) {
  const Folder folder;
  write_file_atomic(folder / "right.pt", right);
  BOOST_TEST(TorchCheckpoint(folder / "right.pt").entries().size() == 2u);
}

BOOST_AUTO_TEST_CASE(defects) {
  const std::string magic = p::whole("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
  const std::string version = p::whole("M\xe9\x03");
  const std::string evil = "cposix\nsystem\n(" + p::string("true") + "tR";
  check_refused(
      {
          {"nothing", "", "what torch.save wrote"},
          {"one byte", "\x80", "what torch.save wrote"},
          {"a protocol alone", "\x80\2", "more bytes"},
          {"protocol 0", p::whole("N").substr(2), "what torch.save wrote"},
          {"another magic number", with_magic("\x8a\x0a" + std::string(10, 'x')), "what torch.save wrote"},
          {"a magic number of 64 bits", with_magic("\x8a\x08" + std::string(8, 'x')),
           "what torch.save wrote"},
          {"a longer magic number", with_magic("\x8a\x0b\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\0"s),
           "what torch.save wrote"},
          {"the magic number as bytes", with_magic("C\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"),
           "what torch.save wrote"},
          {"the magic number in a list",
           with_magic("](\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
                      "e"),
           "what torch.save wrote"},
          {"a pickle of something else", with_magic("}"), "what torch.save wrote"},
          {"a call in place of the magic number", with_magic(evil), "'posix.system'"},
          {"version 1000", with_version("M\xe8\x03"), "version 1001"},
          {"version -1001", with_version(p::integer(-1001)), "version 1001"},
          {"no version", with_version("N"), "version 1001"},
          {"a version in letters", with_version(p::string("1001")), "version 1001"},
          {"a version whose bits are 1001", with_version("G\0\0\0\0\0\0\3\xe9"s), "version 1001"},
          {"a version in a tuple", with_version("M\xe9\x03\x85"), "version 1001"},
          {"a call in place of the version", with_version(evil), "'posix.system'"},
          {"a big-endian machine", little("\x89"), "little-endian numbers"},
          {"an unknown machine", with_system("}"), "little-endian numbers"},
          {"no machine", with_system("N"), "little-endian numbers"},
          {"a machine in a list",
           with_system("](" + p::string("little_endian") +
                       "\x88"
                       "e"),
           "little-endian numbers"},
          {"a machine that says 1", little("K\1"), "little-endian numbers"},
          {"a machine that says none", little("N"), "little-endian numbers"},
          {"a machine in letters", little(p::string("True")), "little-endian numbers"},
          {"a machine that says two things",
           with_system("}(" + p::string("little_endian") + "\x88" + p::string("little_endian") + "\x89u"),
           "little-endian numbers"},
          {"a call in place of the machine", with_system(evil), "'posix.system'"},
          {"the machine alone", magic + version + system_facts, "more bytes"},
          {"an object without its end", magic + version + system_facts + object.substr(0, object.size() - 1),
           "more bytes"},
          {"an object alone", magic + version + system_facts + object, "more bytes"},
          {"a call in place of the object", make_legacy(p::whole(evil), keys, {}), "'posix.system'"},
          {"a call in the object", make_legacy(p::whole(p::dictionary({{"w", evil}})), keys, {}),
           "'posix.system'"},
          {"no keys", with_keys("N"), "a list of storages"},
          {"keys in a tuple", with_keys("(" + first + second + "t"), "a list of storages"},
          {"keys in a dictionary", with_keys("}(" + first + second + "u"), "a list of storages"},
          {"no key in the list", with_keys("]"), "every storage of the tensors"},
          {"one key", with_keys("](" + first + "e"), "every storage of the tensors"},
          {"keys that are numbers", with_keys("](K\0K\1e"s), "storages of the tensors alone"},
          {"an unknown key", with_keys("](" + first + p::string("2") + "e"), "storages of the tensors alone"},
          {"a key of many characters", with_keys("](" + p::string(std::string(1 << 20, '0')) + "e"),
           "storages of the tensors alone"},
          {"a key three times", with_keys("](" + first + second + first + "e"), ""},
          {"a key twice",
           make_legacy(object, p::whole("](" + first + first + "e"), {{4, elements}, {4, elements}}),
           "one storage of each key"},
          {"keys the other way round", with_keys("](" + second + first + "e"),
           "the 2 elements of storage \"1\""},
          {"a call in place of the keys", with_keys(evil), "'posix.system'"},
          {"keys without their end", make_legacy(object, keys.substr(0, keys.size() - 1), {}), "more bytes"},
          {"a count too large", with_counts(5, 2), "the 4 elements of storage \"0\""},
          {"a count too small", with_counts(3, 2), "the 4 elements of storage \"0\""},
          {"a count of zero", with_counts(0, 2), "the 4 elements of storage \"0\""},
          {"a count of 2^63", with_counts(std::uint64_t{1} << 63, 2), "9223372036854775808"},
          {"a count of 2^64 - 1", with_counts(~std::uint64_t{0}, 2), "18446744073709551615"},
          {"a count of bytes", with_counts(4, 8), "the 2 elements of storage \"1\""},
          {"no count", make_legacy(object, keys, {}), "storage \"0\""},
          {"half a count", make_legacy(object, keys, {}) + "\4\0\0\0"s, "storage \"0\""},
          {"no elements", make_legacy(object, keys, {{4, ""}}), "the 4 elements of storage \"0\""},
          {"elements of one storage", make_legacy(object, keys, {{4, elements}}), "storage \"1\""},
          {"an element missing", right.substr(0, right.size() - 4), "the 2 elements of storage \"1\""},
          {"a byte missing", right.substr(0, right.size() - 1), "the 2 elements of storage \"1\""},
          {"a byte too many", right + "x", "nothing behind the last storage"},
          {"a file behind the file", right + right, "nothing behind the last storage"},
          {"a gigabyte of a storage",
           make_legacy(p::whole(p::dictionary(
                           {{"w", p::tensor(p::storage("FloatStorage", "0", 1 << 28), 0, {1 << 28}, {1})}})),
                       p::whole("](" + first + "e"), {{1 << 28, elements}}),
           "the end of the file"},
      },
      "file.pt", read_tensors);
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_changed_byte) {
  const Folder folder;
  std::string small = make_legacy(
      p::whole(
          p::dictionary({{"w", p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1})},
                         {"v", p::tensor(p::storage("ByteStorage", "1", 3600), 0, {36, 100}, {1, 36})}})),
      keys, {{4, elements}, {3600, std::string(3600, '\2')}});
  BOOST_TEST(small.size() > 4000u);
  const int loaded = check_prefixes_and_flips(small, folder / "damaged.pt", read_tensors);
  BOOST_TEST(loaded > 7000);  // numbers of tensors have no checksum
}

BOOST_AUTO_TEST_SUITE_END()
