// SPDX-License-Identifier: MIT
/// \file
/// .npz files that want to do harm: each is refused soon and with little memory.
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/numpy/npz.hpp>

#include "support/hostile.hpp"
#include "support/npz_tools.hpp"

using namespace pixnerd;
using namespace std::string_literals;
using test::Defect;
using test::npy_of;
using test::zip_of;
using test::ZipBytes;
using test::ZipEntry;

BOOST_AUTO_TEST_SUITE(malformed_npz)

namespace {

void read_all(const std::string& path) {
  const NpzFile file(path);
  for (const auto& entry : file.entries()) {
    file.check_before_allocating(entry);
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(entry, bytes);
  }
}

std::string chars(const ZipBytes& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

const std::string good_text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
const ZipBytes good = npy_of(good_text, "12345678");

/// A file with the one array "x".
std::string one(const ZipBytes& npy) {
  return chars(zip_of({{"x.npy", npy}}));
}

/// The same of version 1.0 with that header and eight bytes of elements.
std::string text_of(const std::string& header) {
  return one(npy_of(header, "12345678"));
}

std::string fields(const std::string& descr, const std::string& order, const std::string& shape) {
  return text_of("{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n");
}

/// Raw deflate, as zip files have it.
ZipBytes deflated(const ZipBytes& bytes) {
  z_stream stream{};
  BOOST_REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  ZipBytes out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

ZipEntry packed(const ZipBytes& npy) {
  ZipEntry entry{"x.npy", deflated(npy)};
  entry.method = 8;
  entry.size = static_cast<std::int64_t>(npy.size());
  entry.checksum = static_cast<std::int64_t>(::crc32(0, npy.data(), static_cast<unsigned>(npy.size())));
  return entry;
}

template <class Change>
std::string with(ZipEntry entry, Change change) {
  change(entry);
  return chars(zip_of({entry}));
}

/// A zip file with bytes changed in the record at its end.
std::string with_end(std::size_t at, const std::string& bytes) {
  std::string out = one(good);
  return out.replace(out.size() - 22 + at, bytes.size(), bytes);
}

std::string zeros_of(const std::string& count) {
  return "{'descr': '|u1', 'fortran_order': False, 'shape': (" + count + ",), }\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_twins_of_the_refused_load) {
  const test::Folder folder;
  const std::string path = folder / "good.npz";
  for (const auto& bytes :
       {one(good), fields("\"<f8\"", "True", "()"), fields("'|u1'", "False", "(2, 2, 2)"),
        one(npy_of(good_text, "12345678", 2)), one(npy_of(good_text, "12345678", 3)),
        text_of("{'shape':(2,),'descr':'<f4','fortran_order':False}    \n"), chars(zip_of({packed(good)})),
        chars(zip_of({})), fields("'|b1'", "False", "(1,1,1,1,1,1,1,8)")}) {
    write_file_atomic(path, std::string_view(bytes));
    BOOST_CHECK_NO_THROW(read_all(path));
  }
}

BOOST_AUTO_TEST_CASE(zip_files) {
  const ZipEntry x{"x.npy", good};
  const auto entry = [&](auto change) { return with(x, change); };
  const auto deflate = [&](auto change) { return with(packed(good), change); };
  const std::string whole = one(good);
  test::check_refused(
      {
          {"nothing", "", "a zip file"},
          {"text", std::string(100, 't'), "zip file"},
          {"an .npy file", chars(good) + std::string(30, 'x'), "zip file"},
          {"no directory", whole.substr(0, 60), "zip file"},
          {"half of the end", whole.substr(0, whole.size() - 4), "zip file"},
          {"bytes behind", whole + "x", "the last 22 bytes"},
          {"bytes before", "x" + whole, "directory"},
          {"two files, one behind the other", whole + whole, "directory"},
          {"a comment", with_end(20, "\5\0"s), "comment"},
          {"more entries than there are", with_end(8, "\2\0\2\0"s), "entr"},
          {"fewer entries", with_end(8, "\0\0\0\0"s), "entr"},
          {"65535 entries", with_end(8, "\xff\xff\xff\xff"), "entr"},
          {"two numbers of entries", with_end(8, "\2\0\1\0"s), "entr"},
          {"a disk", with_end(4, "\1\0"s), "one disk"},
          {"a directory that is longer", with_end(12, "\xff\xff\0\0"s), "directory"},
          {"a directory of 4 GB", with_end(12, "\xff\xff\xff\xff"), "directory"},
          {"a directory behind the end", with_end(16, "\xff\xff\xff\x7f"), "directory"},
          {"a directory at the beginning", with_end(16, "\0\0\0\0"s), "directory"},
          {"no .npy", entry([](ZipEntry& e) { e.name = "x"; }), "arrays called NAME.npy"},
          {"a pickle", entry([](ZipEntry& e) { e.name = "data.pkl"; }), "arrays called NAME.npy"},
          {"a way out", entry([](ZipEntry& e) { e.name = "../x.npy"; }), "within the archive"},
          {"an absolute name", entry([](ZipEntry& e) { e.name = "/etc/x.npy"; }), "within the archive"},
          {"a name of Windows", entry([](ZipEntry& e) { e.name = "..\\x.npy"; }), "within the archive"},
          {"a zero in a name", entry([](ZipEntry& e) { e.name = "x\0.npy"s; }), "names without zeros"},
          {"two of one name", chars(zip_of({x, x})), "one entry of each name"},
          {"an encrypted one", entry([](ZipEntry& e) { e.flags = 1; }), "encrypted"},
          {"LZMA", entry([](ZipEntry& e) { e.method = 14; }), "stored or deflated"},
          {"bzip2", entry([](ZipEntry& e) { e.method = 12; }), "stored or deflated"},
          {"two sizes of a stored one", entry([](ZipEntry& e) { e.size = 1 << 30; }),
           "one size of the stored entry"},
          {"bytes behind the end", entry([](ZipEntry& e) { e.packed = e.size = 1 << 20; }),
           "before the directory"},
          {"a place behind the end", entry([](ZipEntry& e) { e.begin = 1 << 20; }), "before the directory"},
          {"a place that is none", entry([](ZipEntry& e) { e.begin = 3; }), "x.npy"},
          {"another checksum", entry([](ZipEntry& e) { e.checksum = 1; }), "CRC"},
          {"another checksum, packed", deflate([](ZipEntry& e) { e.checksum = 1; }), "CRC"},
          {"deflate that is none", deflate([](ZipEntry& e) { e.content.assign(60, 0xff); }), "x.npy"},
          {"deflate cut short", deflate([](ZipEntry& e) { e.content.resize(e.content.size() / 2); }),
           "x.npy"},
          {"deflate for something stored", entry([](ZipEntry& e) { e.method = 8; }), "x.npy"},
          {"more than is there", deflate([](ZipEntry& e) { e.size += 10; }), "x"},
          {"less than is there", deflate([](ZipEntry& e) { e.size -= 1; }), "bytes of elements"},
          {"two entries in one place",
           [&] {
             ZipEntry second = x;
             second.name = "y.npy";
             second.begin = 0;
             return chars(zip_of({x, second}));
           }(),
           "share no bytes"},
      },
      "bad.npz", read_all);
}

BOOST_AUTO_TEST_CASE(headers) {
  std::vector<Defect> defects;
  const auto add = [&](const std::string& name, const std::string& bytes, const std::string& word) {
    defects.push_back({name, bytes, word});
  };
  for (std::size_t size = 0; size < good.size(); size += size < 12 ? 1 : 9) {
    add(str_cat("cut at ", size),
        one(ZipBytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), " \"x\" of");
  }
  add("another magic", one([] {
        auto b = good;
        b[0] = 0x92;
        return b;
      }()),
      "a NumPy array");
  for (const int version : {0, 4, 255}) {
    add(str_cat("version ", version), one([&] {
          auto b = good;
          b[6] = static_cast<std::uint8_t>(version);
          return b;
        }()),
        "version");
  }
  add("version 1.1", one([] {
        auto b = good;
        b[7] = 1;
        return b;
      }()),
      "got 1.1");
  add("a header of 64 KB", one([] {
        auto b = good;
        b[8] = b[9] = 0xff;
        return b;
      }()),
      "at most 10000 bytes");
  add("a header of 4 GB", one([] {
        auto b = npy_of(good_text, "12345678", 2);
        b[11] = 0xff;
        return b;
      }()),
      "at most 10000");
  add("a header longer than the file", one([] {
        auto b = good;
        b[9] = 1;
        return b;
      }()),
      "in all");
  for (const std::string descr : {"'>f4'", "'=f4'", "'f4'", "'|f4'", "'<f16'", "'<c8'", "'<u2'", "'<u4'",
                                  "'<u8'", "'|S4'", "'<U1'", "'<M8[ns]'", "'|V4'", "'<i1'", "''"}) {
    add("descr " + descr, fields(descr, "False", "(2,)"), "a 'descr' of <f8");
  }
  add("a pickled object", fields("'|O'", "False", "(2,)"), "got \"|O\"");
  for (const std::string descr : {"[('a', '<f4')]", "4", "None", "<f4", "('<f4',)"}) {
    add("descr " + descr, fields(descr, "False", "(2,)"), "a plain element type in quotes");
  }
  for (const std::string order : {"0", "false", "'False'", "None", "", "(False)"}) {
    add("fortran_order " + order, fields("'<f4'", order, "(2,)"), "True or False");
  }
  for (const std::string shape :
       {"(-2,)", "(2.0,)", "('2',)", "(None,)", "(2L,)", "(02,)", "((2,),)", "(,)", "(0x2,)", "(2 3)"}) {
    add("shape " + shape, fields("'<f4'", "False", shape), "header of array");
  }
  for (const std::string shape : {"2", "[2]", "None", "'(2,)'", ""}) {
    add("shape " + shape, fields("'<f4'", "False", shape), "expected '('");
  }
  add("a number in parentheses", fields("'<f4'", "False", "(2)"), "a tuple");
  for (const std::string shape :
       {"(3,)", "(1,)", "(0,)", "(2, 2)", "(1000000000,)", "(4611686018427387903,)"}) {
    if (shape.size() > 15) {
      add("shape " + shape, fields("'<f4'", "False", shape), "fewer than 2^63 bytes");
    } else {
      add("shape " + shape, fields("'<f4'", "False", shape), "bytes of elements (<f4");
    }
  }
  add("2^63", fields("'<f4'", "False", "(9223372036854775808,)"), "integers below 2^63");
  add("a number of 9000 digits", fields("'<f4'", "False", "(" + std::string(9000, '9') + ",)"),
      "integers below 2^63");
  add("an overflow to the right size", fields("'<f4'", "False", "(4611686018427387906,)"),
      "fewer than 2^63 bytes");
  add("an overflow behind a zero", fields("'<f4'", "False", "(0, 4294967296, 4294967296)"),
      "fewer than 2^63 bytes");
  add("nine axes", fields("'<f4'", "False", "(1,1,1,1,1,1,1,1,2)"), "at most 8 numbers");
  add("no descr", text_of("{'fortran_order': False, 'shape': (2,), }\n"), "expected 'descr'");
  add("no order", text_of("{'descr': '<f4', 'shape': (2,), }\n"), "expected 'fortran_order'");
  add("no shape", text_of("{'descr': '<f4', 'fortran_order': False, }\n"), "expected 'shape'");
  add("two shapes", text_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,), }\n"),
      "one 'shape'");
  add("another key", text_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1, }\n"),
      "got \"x\"");
  add("no line break", text_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"), "a line break");
  add("something behind", text_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } 1\n"),
      "a line break");
  add("no commas", text_of("{'descr': '<f4' 'fortran_order': False 'shape': (2,)}\n"), "expected '}'");
  add("code", text_of("__import__('os').system('true')\n"), "expected '{'");
  add("9000 parentheses", fields("'<f4'", "False", std::string(9000, '(')), "non-negative integers");
  add("9000 braces", text_of(std::string(9000, '{')), "a key in quotes");
  add("a quote without its twin", text_of("{'descr: <f4}\n"), "no second quote");
  test::check_refused(defects, "bad.npz", read_all);
}

BOOST_AUTO_TEST_CASE(bombs) {
  const auto zeros = npy_of(zeros_of("100000000"), std::string(100'000'000, '\0'));
  std::vector<ZipEntry> many;
  for (int i = 0; i < 40'000; ++i) many.push_back({std::to_string(i) + ".npy", {}});
  test::check_refused(
      {
          {"100 million zeros with another checksum",
           with(packed(zeros), [](ZipEntry& e) { e.checksum = 1; }), "CRC"},
          {"a billion that are 100 million",
           with(packed(npy_of(zeros_of("536870000"), std::string(100'000'000, '\0'))),
                [](ZipEntry& e) { e.size += 436'870'000; }),
           "x.npy"},
          {"four billion in 100 KB",
           with(packed(npy_of(zeros_of("4000000000"), std::string(100'000'000, '\0'))),
                [](ZipEntry& e) { e.size = 4'000'000'000 + e.size - 100'000'000; }),
           "at most 536870912 bytes"},
          {"40,000 entries", chars(zip_of(many)), "at most 32768 entries"},
      },
      "bad.npz", read_all);
}

BOOST_AUTO_TEST_CASE(every_prefix_and_flip) {
  const test::Folder folder;
  const std::string path = folder / "damaged.npz";
  for (const auto* name : {"numpy.npz", "numpy_compressed.npz"}) {
    const auto bytes = read_file(std::string(PIXNERD_TEST_DATA) + "/" + name, 1 << 20);
    const std::string whole(bytes.begin(), bytes.end());
    BOOST_TEST(whole.size() > 2700);
    const int loaded = test::check_prefixes_and_flips(whole, path, read_all);
    // Times, attributes and what the format says twice may change.
    BOOST_TEST(loaded > 0);
    BOOST_TEST(loaded < static_cast<int>(whole.size()));
  }
}

BOOST_AUTO_TEST_SUITE_END()
