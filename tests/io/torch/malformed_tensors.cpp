// SPDX-License-Identifier: MIT
/// \file
/// Tensors that cannot be: sizes, strides and storages that contradict each other or the file. In both
/// formats of torch.save.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "support/hostile.hpp"
#include "support/read_tensors.hpp"
#include "support/torch_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace p = pixnerd::test::pickled;

BOOST_AUTO_TEST_SUITE(malformed_tensors)

namespace {

constexpr std::int64_t huge = std::int64_t{1} << 62;

/// Defects of the value of key "w" in a file with a storage "0" of four floats.
std::vector<Defect> defects() {
  const std::string floats = p::storage("FloatStorage", "0", 4);
  const auto with = [&](std::int64_t offset, std::initializer_list<std::int64_t> sizes,
                        std::initializer_list<std::int64_t> strides) {
    return p::tensor(floats, offset, sizes, strides);
  };
  const std::string rebuild = p::global("torch._utils", "_rebuild_tensor_v2");
  const auto call = [&](const std::string& offset, const std::string& sizes, const std::string& strides) {
    return rebuild + p::tensor_call(floats, offset, sizes, strides);
  };
  const auto of_storage = [&](const std::string& storage) { return p::tensor(storage, 0, {4}, {1}); };
  const auto id = [&](const std::string& items) { return of_storage("(" + items + "tQ"); };
  const std::string tag = p::string("storage"), type = p::global("torch", "FloatStorage"),
                    key = p::string("0"), place = p::string("cpu"), zero = p::integer(0),
                    four = p::integer(4);
  const std::string fits = "a tensor \"w\" that fits its storage", storage = "a storage of tensor \"w\"";
  const std::string one = with(0, {4}, {1});
  const auto again = [&](const std::string& other) { return "](" + one + of_storage(other) + "e"; };
  return {
      {"a billion elements", with(0, {1'000'000'000}, {1}), fits},
      {"a billion of one", with(0, {1'000'000'000}, {0}), "1000000000 elements seen in a storage of 4"},
      {"a billion in axes", with(0, {1000, 1000, 1000}, {1'000'000, 1000, 1}), fits},
      {"2^62 elements", with(0, {huge}, {1}), "sizes beyond 2^48"},
      {"2^62 elements of one", with(0, {huge}, {0}), "sizes beyond 2^48"},
      {"sizes whose product overflows", with(0, {1 << 30, 1 << 30, 1 << 30}, {0, 0, 0}), "sizes beyond 2^48"},
      {"2^64 elements", with(0, {huge, 4}, {0, 0}), "sizes beyond 2^48"},
      {"sizes beside a zero", with(0, {0, huge, huge}, {1, 1, 1}), "sizes beyond 2^48"},
      {"one element too many", with(0, {5}, {1}), "element 4 of a storage of 4"},
      {"an offset too large", with(1, {4}, {1}), "element 4 of a storage of 4"},
      {"an offset behind the end", with(4, {}, {}), "element 4 of a storage of 4"},
      {"an offset of 2^63 - 1", with(INT64_MAX, {4}, {1}), fits},
      {"a stride too large", with(0, {2, 2}, {3, 1}), "element 4 of a storage of 4"},
      {"a stride of 2^62", with(0, {2}, {huge}), "sizes beyond 2^48"},
      {"strides that overflow together", with(0, {9, 9, 9, 9}, {huge, huge, huge, huge}),
       "sizes beyond 2^48"},
      {"a size and stride that overflow", with(0, {1LL << 40}, {1LL << 40}), "sizes beyond 2^48"},
      {"a negative size", with(0, {-1}, {1}), "an offset, size or stride that is no number"},
      {"a negative stride", with(3, {4}, {-1}), "an offset, size or stride that is no number"},
      {"a negative offset", with(-1, {4}, {1}), "an offset, size or stride that is no number"},
      {"the smallest offset", with(INT64_MIN, {4}, {1}), "an offset, size or stride that is no number"},
      {"nine axes", with(0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}), "up to 8 axes"},
      {"more sizes than strides", with(0, {2, 2}, {1}), fits},
      {"more strides than sizes", with(0, {4}, {1, 1}), fits},
      {"sizes in a list", call(zero, "](" + four + "e", p::integers({1})), fits},
      {"no sizes", call(zero, "N", "N"), fits},
      {"a size that is a fraction", call(zero, "(G\x40\x10\0\0\0\0\0\0t"s, p::integers({1})),
       "that is no number"},
      {"a size that is true", call(zero, "(\x88t", p::integers({1})), "that is no number"},
      {"a size of 65 bits", call(zero, "(\x8a\x09\0\0\0\0\0\0\0\0\1t"s, p::integers({1})),
       "that is no number"},
      {"a size in letters", call(zero, "(" + p::string("4") + "t", p::integers({1})), "that is no number"},
      {"an offset that is none", call("N", p::integers({4}), p::integers({1})), "that is no number"},
      {"three arguments", rebuild + "(" + floats + zero + p::integers({4}) + "tR", "too few arguments"},
      {"no arguments", rebuild + ")R", "too few arguments"},
      {"a parameter of nothing", p::global("torch._utils", "_rebuild_parameter") + ")R",
       "a parameter with a tensor"},
      {"no storage", of_storage("N"), storage},
      {"a storage that is a tensor", of_storage(one), storage},
      {"an id that is no tuple", of_storage(key + "Q"), storage},
      {"an id in a list", of_storage("](" + tag + type + key + place + four + "eQ"), storage},
      {"a short id", id(tag + type + key + place), storage},
      {"an empty id", of_storage(")Q"), storage},
      {"an id of something else", id(p::string("module") + type + key + place + four), storage},
      {"a type in letters", id(tag + p::string("FloatStorage") + key + place + four), storage},
      {"a type that is no storage", id(tag + p::global("collections", "OrderedDict") + key + place + four),
       "a type of elements of tensor \"w\""},
      {"a type that is not known", of_storage(p::storage("QInt8Storage", "0", 4)), "'torch.QInt8Storage'"},
      {"complex numbers", of_storage(p::storage("ComplexFloatStorage", "0", 2)),
       "'torch.ComplexFloatStorage'"},
      {"a key that is a number", id(tag + type + zero + place + four), storage},
      {"a key of many characters", of_storage(p::storage("FloatStorage", std::string(1 << 20, '0'), 4)),
       storage},
      {"a negative number of elements", of_storage(p::storage("FloatStorage", "0", -4)), storage},
      {"2^60 elements in a storage", of_storage(p::storage("FloatStorage", "0", std::int64_t{1} << 60)),
       storage},
      {"a number of elements that is none", id(tag + type + key + place + "N"), storage},
      {"a view of a storage", id(tag + type + key + place + four + "(" + p::string("1") + zero + four + "t"),
       "a view of another storage"},
      {"two types of a storage", again(p::storage("IntStorage", "0", 4)),
       "one type and size of storage \"0\""},
      {"two sizes of a storage", again(p::storage("FloatStorage", "0", 5)),
       "one type and size of storage \"0\""},
      {"a storage of fewer bytes", of_storage(p::storage("DoubleStorage", "0", 4)), "storage \"0\""},
      {"a storage of more bytes", of_storage(p::storage("HalfStorage", "0", 4)), ""},
      {"a storage of more elements", of_storage(p::storage("FloatStorage", "0", 1'000'000'000)),
       "storage \"0\""},
      {"a storage of fewer elements", p::tensor(p::storage("FloatStorage", "0", 3), 0, {3}, {1}),
       "storage \"0\""},
      {"a storage that is not there", of_storage(p::storage("FloatStorage", "7", 4)), ""},
      {"a storage elsewhere", of_storage(p::storage("FloatStorage", "../../0", 4)), ""},
      {"a storage without a key", of_storage(p::storage("FloatStorage", "", 4)), ""},
  };
}

const std::string elements(16, '\1');

std::string as_zip(const std::string& value) {
  return make_zip(checkpoint_parts(p::whole(value), {{"0", elements}}));
}
std::string as_legacy(const std::string& value) {
  return make_legacy(p::whole(value), p::whole("](" + p::string("0") + "e"), {{4, elements}});
}

void check(std::string (*as_file)(const std::string& value)) {
  std::vector<Defect> files;
  for (const auto& [name, value, word] : defects()) {
    files.push_back({name, as_file("}" + p::string("w") + value + "s"), word});
  }
  check_refused(files, "file.ckpt", read_tensors);
}

/// A file with `count` tensors that see all of one storage of a megabyte.
std::vector<Defect> shared(std::size_t count,
                           std::string (*as_file)(const std::string&, const std::string&)) {
  const std::string tensor = p::tensor(p::storage("FloatStorage", "0", 1 << 18), 0, {1 << 18}, {1});
  return {{"tensors that share",
           as_file("](" + tensor + std::string(count - 1, '2') + "e", std::string(1 << 20, '\1')),
           "more, in shared storages"}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(in_a_zip_file) {
  check(as_zip);
}

BOOST_AUTO_TEST_CASE(in_the_format_before) {
  check(as_legacy);
}

BOOST_AUTO_TEST_CASE(many_tensors_of_one_storage) {
  check_refused(shared(30'000,
                       [](const std::string& value, const std::string& data) {
                         return make_zip(checkpoint_parts(p::whole(value), {{"0", data}}));
                       }),
                "zip.ckpt", read_tensors);
  check_refused(
      shared(30'000,
             [](const std::string& value, const std::string& data) {
               return make_legacy(p::whole(value), p::whole("](" + p::string("0") + "e"), {{1 << 18, data}});
             }),
      "legacy.ckpt", read_tensors);
}

/// The same builders make files that load.
BOOST_AUTO_TEST_CASE(what_is_right_loads) {
  const Folder folder;
  std::string data;
  for (const float value : {1.0f, 2.0f, 3.0f, 4.0f}) {
    data.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  const std::string floats = p::storage("FloatStorage", "0", 4);
  const std::string pickle = p::whole(p::dictionary({{"whole", p::tensor(floats, 0, {2, 2}, {2, 1})},
                                                     {"turned", p::tensor(floats, 0, {2, 2}, {1, 2})},
                                                     {"part", p::parameter(p::tensor(floats, 1, {2}, {2}))},
                                                     {"same", p::tensor(floats, 2, {3}, {0})},
                                                     {"number", p::tensor(floats, 3, {}, {})},
                                                     {"empty", p::tensor(floats, 9, {0, 7}, {7, 1})}}));
  write_file_atomic(folder / "zip.ckpt", make_zip(checkpoint_parts(pickle, {{"0", data}})));
  write_file_atomic(folder / "legacy.ckpt",
                    make_legacy(pickle, p::whole("](" + p::string("0") + "e"), {{4, data}}));
  for (const std::string name : {"zip.ckpt", "legacy.ckpt"}) {
    const TorchCheckpoint file(folder / name);
    BOOST_TEST((file.read<float>("whole") == std::vector<float>{1, 2, 3, 4}));
    BOOST_TEST((file.read<float>("turned") == std::vector<float>{1, 3, 2, 4}));
    BOOST_TEST((file.read<float>("part") == std::vector<float>{2, 4}));
    BOOST_TEST((file.read<float>("same") == std::vector<float>{3, 3, 3}));
    BOOST_TEST((file.read<float>("number") == std::vector<float>{4}));
    BOOST_TEST(file.read<float>("empty").empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
