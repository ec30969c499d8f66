// SPDX-License-Identifier: MIT
/// \file
/// Writing checkpoints as torch.save does, for tests that need their own.
#pragma once

#include <zip.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/writer.hpp>

namespace pixnerd::test {

/// A pickle of protocol 2, opcode by opcode.
class TorchPickle {
 public:
  void raw(std::string_view opcodes) { bytes_ += opcodes; }
  void integer(std::int64_t value) {
    bytes_ += 'J';
    little_endian(static_cast<std::uint64_t>(value));
  }
  void string(std::string_view value) {
    bytes_ += 'X';
    little_endian(value.size());
    bytes_ += value;
  }
  void global(std::string_view module, std::string_view name) {
    bytes_ += str_cat("c", module, "\n", name, "\n");
  }

  /// A tuple of integers.
  void tuple(const std::vector<std::int64_t>& values) {
    bytes_ += '(';
    for (const auto value : values) integer(value);
    bytes_ += 't';
  }

  /// The call that makes a tensor of a whole storage.
  void tensor(const SafetensorsView& view, std::string_view key) {
    global("torch._utils", "_rebuild_tensor_v2");
    raw("((");
    string("storage");
    global("torch", storage_name(view.type));
    string(key);
    string("cpu");
    integer(view.shape.count());
    raw("tQ");
    integer(0);
    std::vector<std::int64_t> sizes(view.shape.begin(), view.shape.end()), strides(sizes.size());
    std::int64_t stride = 1;
    for (std::size_t i = sizes.size(); i > 0; --i) {
      strides[i - 1] = stride;
      stride *= sizes[i - 1];
    }
    tuple(sizes);
    tuple(strides);
    raw("\x89");
    global("collections", "OrderedDict");
    raw(")RtR");
  }

  const std::string& bytes() const { return bytes_; }

 private:
  static std::string_view storage_name(TensorType type) {
    constexpr std::string_view names[] = {"DoubleStorage", "FloatStorage", "HalfStorage",  "BFloat16Storage",
                                          "LongStorage",   "IntStorage",   "ShortStorage", "CharStorage",
                                          "ByteStorage",   "BoolStorage"};
    return names[static_cast<int>(type)];
  }

  void little_endian(std::uint64_t value) {
    for (int k = 0; k < 4; ++k) bytes_ += static_cast<char>(value >> 8 * k & 0xff);
  }

  std::string bytes_;
};

/// Writes what torch.save({"epoch": 3, "state_dict": {...}}) writes; the views' bytes must live until then.
inline void write_torch_file(const std::string& path, const std::vector<SafetensorsView>& tensors) {
  TorchPickle pickle;
  pickle.raw("\x80\x02}(");
  pickle.string("epoch");
  pickle.integer(3);
  pickle.string("state_dict");
  pickle.raw("}(");
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    pickle.string(tensors[i].name);
    pickle.tensor(tensors[i], str_cat(i));
  }
  pickle.raw("uu.");
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  if (archive == nullptr) raise<FileError>("write checkpoint", str_cat("a writable '", path, "'"), "none");
  const auto add = [&](const std::string& name, const void* bytes, std::size_t count) {
    zip_source_t* source = zip_source_buffer(archive, bytes, count, 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    (void)zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  };
  add("archive/data.pkl", pickle.bytes().data(), pickle.bytes().size());
  for (std::size_t i = 0; i < tensors.size(); ++i)
    add(str_cat("archive/data/", i), tensors[i].bytes.data(), tensors[i].bytes.size());
  if (zip_close(archive) != 0) {
    const std::string reason = zip_strerror(archive);
    zip_discard(archive);
    raise<FileError>("write checkpoint", str_cat("room for '", path, "'"), reason);
  }
}

}  // namespace pixnerd::test
