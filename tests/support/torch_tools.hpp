// SPDX-License-Identifier: MIT
/// \file
/// Builds what torch.save writes, and what it never would: pickles instruction by instruction, zip files in
/// which every number can be wrong.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pixnerd::test {

using namespace std::string_literals;

/// `value` as `width` bytes, lowest first.
inline std::string little_endian(std::uint64_t value, int width) {
  std::string out;
  for (int i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

/// Instructions that push a value, as Python's pickle module writes them.
namespace pickled {

inline std::string integer(std::int64_t value) {
  return "\x8a\x08" + little_endian(static_cast<std::uint64_t>(value), 8);
}
inline std::string string(std::string_view value) {
  return "X" + little_endian(value.size(), 4) + std::string(value);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string integers(std::initializer_list<std::int64_t> values) {
  std::string out = "(";
  for (const auto value : values) out += integer(value);
  return out + "t";
}
/// A dictionary of pushed values under their names.
inline std::string dictionary(std::initializer_list<std::pair<std::string, std::string>> items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += string(key) + value;
  return out + "u";
}

inline std::string storage(const std::string& type, const std::string& key, std::int64_t count) {
  return "(" + string("storage") + global("torch", type) + string(key) + string("cpu") + integer(count) +
         "tQ";
}
/// What follows the name of a function that rebuilds a tensor.
inline std::string tensor_call(const std::string& storage, const std::string& offset,
                               const std::string& sizes, const std::string& strides) {
  return "(" + storage + offset + sizes + strides + "\x89" + global("collections", "OrderedDict") + ")RtR";
}
inline std::string tensor(const std::string& storage, std::int64_t offset,
                          std::initializer_list<std::int64_t> sizes,
                          std::initializer_list<std::int64_t> strides) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tensor_call(storage, integer(offset), integers(sizes), integers(strides));
}
inline std::string parameter(const std::string& tensor) {
  return global("torch._utils", "_rebuild_parameter") + "(" + tensor + "\x88" +
         global("collections", "OrderedDict") + ")RtR";
}

/// The whole pickle.
inline std::string whole(const std::string& value) {
  return "\x80\x02" + value + ".";
}

}  // namespace pickled

/// An entry of a zip file. Values given here are written instead of the true ones.
struct ZipPart {
  std::string name;
  std::string data;
  bool deflated = false;
  int method = -1;
  int flags = 0;
  std::optional<std::uint32_t> checksum = {};
  std::optional<std::uint64_t> packed = {}, size = {}, begin = {};
  std::string extra = {};    ///< extra field of the directory
  std::string comment = {};  ///< of the entry
  bool descriptor = false;   ///< sizes and checksum after the data, as torch.save writes them
};

struct ZipEnd {
  bool wide = true;  ///< with records of 64 bits, as torch.save writes them
  std::string comment = {};
  std::optional<std::uint64_t> entries = {}, bytes = {}, begin = {};  ///< of the directory
  std::optional<std::uint64_t> wide_entries = {}, wide_bytes = {}, wide_begin = {}, locator = {};
  int disk = 0;
  std::string before_end = {};  ///< bytes between directory and end
};

inline std::string deflate_raw(const std::string& data) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string out(::compressBound(data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string make_zip(const std::vector<ZipPart>& parts, const ZipEnd& end = {}) {
  std::string out, directory;
  for (const auto& part : parts) {
    const std::string packed = part.deflated ? deflate_raw(part.data) : part.data;
    const auto checksum = part.checksum.value_or(static_cast<std::uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(part.data.data()), static_cast<uInt>(part.data.size()))));
    const auto method = static_cast<std::uint64_t>(part.method >= 0 ? part.method : part.deflated ? 8 : 0);
    const auto flags = static_cast<std::uint64_t>(part.flags | (part.descriptor ? 8 : 0));
    const std::uint64_t packed_size = part.packed.value_or(packed.size());
    const std::uint64_t size = part.size.value_or(part.data.size());
    const auto facts = [&](bool known) {
      return little_endian(known ? checksum : 0, 4) + little_endian(known ? packed_size : 0, 4) +
             little_endian(known ? size : 0, 4);
    };
    const std::string head = little_endian(flags, 2) + little_endian(method, 2) + little_endian(0, 4);
    directory += "PK\1\2\0\0\0\0"s + head + facts(true) + little_endian(part.name.size(), 2) +
                 little_endian(part.extra.size(), 2) + little_endian(part.comment.size(), 2) +
                 little_endian(0, 8) + little_endian(part.begin.value_or(out.size()), 4) + part.name +
                 part.extra + part.comment;
    out += "PK\3\4\0\0"s + head + facts(!part.descriptor) + little_endian(part.name.size(), 2) +
           little_endian(0, 2) + part.name + packed;
    if (part.descriptor) out += "PK\7\x08" + facts(true);
  }
  const std::uint64_t begin = out.size();
  out += directory + end.before_end;
  if (end.wide) {
    const std::uint64_t at = out.size();
    const std::string entries = little_endian(end.wide_entries.value_or(parts.size()), 8);
    out += "PK\6\6" + little_endian(44, 8) + little_endian(0, 4) + little_endian(0, 8) + entries + entries +
           little_endian(end.wide_bytes.value_or(directory.size()), 8) +
           little_endian(end.wide_begin.value_or(begin), 8);
    out += "PK\6\7" + little_endian(0, 4) + little_endian(end.locator.value_or(at), 8) + little_endian(1, 4);
  }
  const std::string entries = little_endian(end.entries.value_or(parts.size()), 2);
  return out + "PK\5\6" + little_endian(static_cast<std::uint64_t>(end.disk), 4) + entries + entries +
         little_endian(end.bytes.value_or(directory.size()), 4) +
         little_endian(end.begin.value_or(begin), 4) + little_endian(end.comment.size(), 2) + end.comment;
}

/// The entries of a checkpoint: its pickle and its storages.
inline std::vector<ZipPart> checkpoint_parts(
    const std::string& pickle, std::initializer_list<std::pair<std::string, std::string>> storages) {
  std::vector<ZipPart> parts;
  const auto add = [&](const std::string& name, const std::string& data) {
    ZipPart part{"archive/" + name, data};
    part.descriptor = true;
    parts.push_back(part);
  };
  add("data.pkl", pickle);
  add("byteorder", "little");
  for (const auto& [key, data] : storages) add("data/" + key, data);
  add("version", "3\n");
  return parts;
}

/// The pickle of a tensor "w" of four floats, their bytes, and the checkpoint of both.
inline const std::string small_elements(16, '\1');
inline const std::string small_pickle = pickled::whole(
    pickled::dictionary({{"w", pickled::tensor(pickled::storage("FloatStorage", "0", 4), 0, {4}, {1})}}));
inline std::vector<ZipPart> small_checkpoint() {
  return checkpoint_parts(small_pickle, {{"0", small_elements}});
}

/// The format before 1.6: the pickle of the object, the keys of the storages, then counts and elements.
inline std::string make_legacy(
    const std::string& pickle, const std::string& keys,
    std::initializer_list<std::pair<std::uint64_t, std::string>> storages,
    const std::string& system = pickled::whole(pickled::dictionary({{"little_endian", "\x88"}})),
    const std::string& version = pickled::whole("M\xe9\x03")) {
  std::string out =
      pickled::whole("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + version + system + pickle + keys;
  for (const auto& [count, data] : storages) out += little_endian(count, 8) + data;
  return out;
}

}  // namespace pixnerd::test
