// SPDX-License-Identifier: MIT
/// \file
/// Zip files whose entries lie, and that are no checkpoints.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "support/hostile.hpp"
#include "support/read_tensors.hpp"
#include "support/torch_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace p = pixnerd::test::pickled;

BOOST_AUTO_TEST_SUITE(malformed_torch_zip)

namespace {

enum Place { data_pkl, byteorder, storage, version };

/// A checkpoint with one entry changed.
std::string with(Place place, const std::function<void(ZipPart&)>& change) {
  auto all = small_checkpoint();
  change(all[place]);
  return make_zip(all);
}

std::string with_more(const ZipPart& part) {
  auto all = small_checkpoint();
  all.push_back(part);
  return make_zip(all);
}

/// The extra field of the directory that holds numbers of 64 bits.
std::string wide(std::initializer_list<std::uint64_t> numbers) {
  std::string out = little_endian(1, 2) + little_endian(8 * numbers.size(), 2);
  for (const auto number : numbers) out += little_endian(number, 8);
  return out;
}

constexpr std::uint64_t all_ones = 0xffff'ffff;

}  // namespace

BOOST_AUTO_TEST_CASE(entries) {
  const std::string zeros(100 << 20, '\0');
  const auto packed = [](ZipPart& part) { part.deflated = true, part.descriptor = false; };
  std::string bad_deflate = with(storage, packed);
  bad_deflate[bad_deflate.find("archive/data/0") + 15] ^= '\x7f';
  check_refused(
      {
          {"a stored entry larger than itself", with(storage, [](ZipPart& part) { part.size = 1000; }),
           "one size of the stored entry"},
          {"a stored entry smaller than itself", with(storage, [](ZipPart& part) { part.packed = 10; }),
           "one size of the stored entry"},
          {"more bytes than there are",
           with(storage, [](ZipPart& part) { part.size = part.packed = 100'000; }), "before the directory"},
          {"bytes of the next entry", with(storage, [](ZipPart& part) { part.size = part.packed = 60; }),
           "share no bytes"},
          {"2 GB", with(storage, [](ZipPart& part) { part.size = part.packed = std::uint64_t{1} << 31; }),
           "before the directory"},
          {"fewer bytes than the storage", with(storage, [](ZipPart& part) { part.size = part.packed = 8; }),
           "the 16 bytes of storage"},
          {"an entry in the directory", with(storage, [](ZipPart& part) { part.begin = 1'000'000; }),
           "before the directory"},
          {"an entry at the end", with(storage, [](ZipPart& part) { part.begin = all_ones - 1; }),
           "before the directory"},
          {"an entry at another", with(storage, [](ZipPart& part) { part.begin = 0; }), "share no bytes"},
          {"all at one place", with(data_pkl, [](ZipPart& part) { part.begin = 3; }), ""},
          {"unpacks to 2 GB",
           with(storage, [&](ZipPart& part) { packed(part), part.size = std::uint64_t{1} << 31; }),
           "one that unpacks to"},
          {"unpacks to more", with(storage, [&](ZipPart& part) { packed(part), part.size = 17; }),
           "storage \"0\""},
          {"unpacks to less", with(storage, [&](ZipPart& part) { packed(part), part.size = 15; }),
           "storage \"0\""},
          {"damaged packing", bad_deflate, "archive/data/0"},
          {"a bomb", with(storage, [&](ZipPart& part) { packed(part), part.data = zeros; }),
           "one that unpacks to 104857600"},
          {"a bomb that says less",
           with(storage, [&](ZipPart& part) { packed(part), part.data = zeros, part.size = 16; }),
           "archive/data/0"},
          {"a pickle that is a bomb", with(data_pkl, [&](ZipPart& part) { packed(part), part.data = zeros; }),
           "one that unpacks to 104857600"},
          {"a pickle that says less",
           with(data_pkl, [&](ZipPart& part) { packed(part), part.data = zeros, part.size = 4 << 20; }),
           "the 4194304 bytes of entry \"archive/data.pkl\""},
          {"encrypted", with(storage, [](ZipPart& part) { part.flags = 1; }), "not encrypted"},
          {"an encrypted pickle", with(data_pkl, [](ZipPart& part) { part.flags = 1; }), "not encrypted"},
          {"bzip2", with(storage, [](ZipPart& part) { part.method = 12; }), "got method 12"},
          {"LZMA", with(storage, [](ZipPart& part) { part.method = 14; }), "got method 14"},
          {"zstd", with(storage, [](ZipPart& part) { part.method = 93; }), "got method 93"},
          {"encrypted with AES", with(storage, [](ZipPart& part) { part.method = 99; }), "got method 99"},
          {"shrunk", with(storage, [](ZipPart& part) { part.method = 1; }), "got method 1"},
          {"another checksum of a storage", with(storage, [](ZipPart& part) { part.checksum = 1; }),
           "archive/data/0"},
          {"another checksum of the pickle", with(data_pkl, [](ZipPart& part) { part.checksum = 1; }),
           "archive/data.pkl"},
          {"no numbers of 64 bits", with(storage, [](ZipPart& part) { part.size = part.packed = all_ones; }),
           "sizes of 64 bits"},
          {"too few numbers of 64 bits",
           with(storage, [](ZipPart& part) { part.size = part.packed = all_ones, part.extra = wide({16}); }),
           "sizes of 64 bits"},
          {"2^63 bytes",
           with(storage,
                [](ZipPart& part) {
                  part.size = part.packed = all_ones,
                  part.extra = wide({std::uint64_t{1} << 63, std::uint64_t{1} << 63});
                }),
           "before the directory"},
          {"2^64 - 1 bytes",
           with(storage,
                [](ZipPart& part) {
                  part.size = part.packed = all_ones,
                  part.extra = wide({~std::uint64_t{0}, ~std::uint64_t{0}});
                }),
           "before the directory"},
          {"at 2^64 - 1",
           with(storage,
                [](ZipPart& part) { part.begin = all_ones, part.extra = wide({~std::uint64_t{0}}); }),
           "before the directory"},
          {"an extra field longer than itself",
           with(storage,
                [](ZipPart& part) {
                  part.size = part.packed = all_ones, part.extra = "\1\0\xff\xff"s + std::string(16, '\0');
                }),
           "sizes of 64 bits"},
          {"leads out", with_more({"archive/../../etc/passwd", "x"}), "\"archive/../../etc/passwd\""},
          {"leads out at once", with_more({"../x", "x"}), "\"../x\""},
          {"ends in the folder above", with_more({"archive/..", "x"}), "\"archive/..\""},
          {"at the root", with_more({"/etc/passwd", "x"}), "\"/etc/passwd\""},
          {"backslashes", with_more({"archive\\..\\x", "x"}), "names of entries within the archive"},
          {"a zero in a name", with_more({"archive/data/0\0x"s, "x"}), "names without zeros"},
          {"a zero in the pickle's name", with_more({"other/data.pkl\0x"s, "x"}), "names without zeros"},
          {"two of a name", with_more({"archive/data/0", small_elements}), "one entry of each name"},
          {"two pickles of a name", with_more({"archive/data.pkl", small_pickle}), "one entry of each name"},
      },
      "file.ckpt", read_tensors);
}

BOOST_AUTO_TEST_CASE(checkpoints) {
  const auto without = [](Place place) {
    auto all = small_checkpoint();
    all.erase(all.begin() + place);
    return make_zip(all);
  };
  const auto pickled = [](const std::string& bytes) {
    return with(data_pkl, [&](ZipPart& part) { part.data = bytes; });
  };
  check_refused(
      {
          {"no pickle", without(data_pkl), "what torch.save wrote"},
          {"two pickles", with_more({"other/data.pkl", small_pickle}), "one data.pkl"},
          {"a pickle below the other", with_more({"archive/data/data.pkl", small_pickle}), "one data.pkl"},
          {"a pickle outside of a folder", with(data_pkl, [](ZipPart& part) { part.name = "data.pkl"; }),
           "what torch.save wrote"},
          {"an empty pickle", pickled(""), "1 more bytes"},
          {"a pickle behind the pickle", pickled(small_pickle + small_pickle), "one pickle in data.pkl"},
          {"a byte behind the pickle", pickled(small_pickle + "x"), "one pickle in data.pkl"},
          {"a pickle of 33 MB", pickled(std::string(33 << 20, 'N')), "a data.pkl of at most 33554432 bytes"},
          {"big-endian", with(byteorder, [](ZipPart& part) { part.data = "big"; }), "little-endian numbers"},
          {"another order", with(byteorder, [](ZipPart& part) { part.data = "middle"; }),
           "little-endian numbers"},
          {"a long order", with(byteorder, [](ZipPart& part) { part.data = std::string(1 << 20, 'x'); }),
           "little-endian numbers"},
          {"no storage", without(storage), "an entry \"archive/data/0\""},
          {"a storage of another key", with(storage, [](ZipPart& part) { part.name = "archive/data/1"; }),
           "an entry \"archive/data/0\""},
          {"a storage of another folder", with(storage, [](ZipPart& part) { part.name = "other/data/0"; }),
           "an entry \"archive/data/0\""},
          {"a shorter storage", with(storage, [](ZipPart& part) { part.data.resize(15); }),
           "the 16 bytes of storage \"0\""},
          {"a longer storage", with(storage, [](ZipPart& part) { part.data += "x"; }),
           "the 16 bytes of storage \"0\""},
          {"an empty storage", with(storage, [](ZipPart& part) { part.data.clear(); }),
           "the 16 bytes of storage \"0\""},
          {"another zip file", make_zip({{"word/document.xml", "<x/>"}}), "what torch.save wrote"},
          {"a script",
           make_zip({{"archive/code/__torch__.py", "x"}, {"archive/constants.pkl", small_pickle}}),
           "what torch.save wrote"},
      },
      "file.ckpt", read_tensors);
}

/// 32768 entries, and as many tensors, are read in little memory and time as well.
BOOST_AUTO_TEST_CASE(the_most_that_is_read) {
  const Folder folder;
  std::string values;
  std::vector<ZipPart> all = checkpoint_parts("", {});
  for (int i = 0; i < 32'000; ++i) {
    const std::string key = std::to_string(i);
    values += p::tensor(p::storage("FloatStorage", key, 1), 0, {1}, {1});
    all.push_back({"archive/data/" + key, "abcd"});
  }
  all[0].data = p::whole("](" + values + "e");
  write_file_atomic(folder / "many.ckpt", make_zip(all));
  check_refused({{"too many values", make_zip(all), "at most 400000 values"}}, "file.ckpt", read_tensors);
}

BOOST_AUTO_TEST_CASE(packed_files_load) {
  const Folder folder;
  auto all = small_checkpoint();
  for (auto& part : all) part.deflated = true, part.descriptor = false;
  for (const bool is_wide : {false, true}) {
    ZipEnd end;
    end.wide = is_wide;
    write_file_atomic(folder / "packed.ckpt", make_zip(all, end));
    BOOST_TEST((TorchCheckpoint(folder / "packed.ckpt").read<float>("w").size() == 4));
  }
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_changed_byte) {
  const Folder folder;
  auto all = checkpoint_parts(
      p::whole(
          p::dictionary({{"w", p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1})},
                         {"v", p::tensor(p::storage("ByteStorage", "1", 3000), 0, {30, 100}, {1, 30})}})),
      {{"0", small_elements}, {"1", std::string(3000, '\2')}});
  const std::string small = make_zip(all);
  BOOST_TEST(small.size() > 4000u);
  // All that matters has a checksum: what is read is what was written.
  const auto read = [&](const std::string& path) {
    const TorchCheckpoint file(path);
    BOOST_TEST(file.entries().size() == 2u);
    for (const auto& entry : file.entries()) {
      std::vector<std::uint8_t> bytes(entry.bytes);
      file.read_bytes(entry, bytes);
      BOOST_TEST((bytes == std::vector<std::uint8_t>(entry.bytes, entry.name == "w" ? 1 : 2)));
    }
  };
  const int loaded = check_prefixes_and_flips(small, folder / "damaged.ckpt", read);
  BOOST_TEST(loaded > 0);
  BOOST_TEST(loaded <
             1000);  // in dates, versions, and the heads of entries, which say again what the directory says
}

BOOST_AUTO_TEST_CASE(the_malicious_file_does_nothing) {
  const Folder folder;
  const std::string path = std::string(PIXNERD_TEST_DATA) + "/lightning_malicious.ckpt";
  const auto bytes = read_file(path, 1 << 20);
  check_refused({{"malicious", std::string(bytes.begin(), bytes.end()), "'posix.system'"}}, "malicious.ckpt",
                read_tensors);
}

BOOST_AUTO_TEST_SUITE_END()
