// SPDX-License-Identifier: MIT
/// \file
/// JSON in the folder of a text encoder. The first byte of an input says which: C, config.json beside the
/// weights of a small model; P, tokenizer_config.json; I, model.safetensors.index.json beside two files of
/// tensors.
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/zoo/qwen3_files.hpp>

#include "support/tokenizer_tools.hpp"
#include "target.hpp"

namespace {

using pixnerd::fuzz::finding;

struct ModelFolder : pixnerd::fuzz::MemoryFolder {
  std::string config = path + "/config.json";

  ModelFolder() {
    pixnerd::write_file_atomic(config, "");
    pixnerd::Initializer init(3);
    const pixnerd::Qwen3Config sizes{
        .vocabulary = 7, .width = 4, .hidden = 6, .depth = 1, .heads = 4, .key_heads = 2, .head_width = 2};
    pixnerd::save_parameters(path + "/model.safetensors",
                             pixnerd::Qwen3<pixnerd::On<pixnerd::Cpu>>(sizes, init));
  }
};

struct Shards : pixnerd::fuzz::MemoryFolder {
  std::string index = path + "/model.safetensors.index.json";

  Shards() {
    pixnerd::write_file_atomic(index, "");
    write("one", {{"a", pixnerd::TensorType::f32, {2}}, {"b", pixnerd::TensorType::bf16, {}}});
    write("two", {{"a", pixnerd::TensorType::f32, {1, 3}}, {"c", pixnerd::TensorType::f64, {0}}});
  }

  void write(const std::string& file, std::vector<pixnerd::TensorEntry> entries) {
    pixnerd::SafetensorsWriter writer(path + "/" + file, std::move(entries));
    for (const auto& entry : writer.entries()) {
      writer.write(entry.name, std::vector<std::uint8_t>(entry.bytes, 63));
    }
    writer.commit();
  }
};

void read_config(const std::string& folder, const std::string& path) {
  const auto config = pixnerd::qwen3_config_of(pixnerd::read_json_file(path, "Qwen3 configuration"), path);
  if (config.depth < 1 || config.heads % config.key_heads != 0) finding("sizes that do not go together");
  (void)pixnerd::load_qwen3<pixnerd::On<pixnerd::Cpu>>(folder);
}

void read_pad(const std::string& path) {
  static const auto tokenizer = pixnerd::test::make_tokenizer(pixnerd::test::small_tokenizer());
  const auto id = pixnerd::read_pad_token(path, tokenizer);
  if (id < 0 || id >= tokenizer.size()) finding("an id that no token has");
}

void read_index(const std::string& path) {
  const pixnerd::ShardedSafetensors file(path);
  if (file.shards() > 2) finding("more files than the folder has");
  for (const auto& entry : file.entries()) {
    const auto values = file.read<float>(entry.name);
    if (static_cast<std::int64_t>(values.size()) != entry.shape.count())
      finding("another number of elements");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span content(data + 1, size - 1);
  switch (data[0]) {
    case 'C': {
      static const ModelFolder files;
      pixnerd::fuzz::overwrite(files.config, content);
      return pixnerd::fuzz::run(size, files.path, [] { read_config(files.path, files.config); });
    }
    case 'P': {
      static pixnerd::fuzz::MemoryFile memory;
      memory.fill(content);
      return pixnerd::fuzz::run(size, memory.path(), [] { read_pad(memory.path()); });
    }
    case 'I': {
      static const Shards files;
      pixnerd::fuzz::overwrite(files.index, content);
      return pixnerd::fuzz::run(size, files.path, [] { read_index(files.index); });
    }
    default:
      return 0;
  }
}
