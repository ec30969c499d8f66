// SPDX-License-Identifier: MIT
/// \file
/// Shared by tests of text encoders: a very small Qwen3 in a folder with Hugging Face's layout.
#pragma once

#include <filesystem>
#include <string>

#include <pixnerd/zoo/qwen3_files.hpp>

#include "support/files.hpp"

namespace pixnerd::test {

/// The Qwen3 of the reference file, with 512 tokens and 48 features per token.
inline Qwen3<On<Cpu>> reference_qwen3() {
  const SafetensorsFile file(str_cat(PIXNERD_TEST_DATA, "/qwen3.safetensors"));
  const auto config = qwen3_config_of(nlohmann::json::parse(file.metadata("config")), file.path());
  return model_from_file<Qwen3<On<Cpu>>>(file, config, "param");
}

/// The same with the tests' tokenizer, which pads with "<|endoftext|>", in a new folder.
struct Qwen3Folder : Folder {
  Qwen3Folder() {
    const SafetensorsFile file(str_cat(PIXNERD_TEST_DATA, "/qwen3.safetensors"));
    write_file_atomic(*this / "config.json", file.metadata("config"));
    save_parameters(*this / "model.safetensors", reference_qwen3(), "model");
    std::filesystem::copy_file(str_cat(PIXNERD_TEST_DATA, "/tokenizer/tokenizer.json"),
                               path / "tokenizer.json");
    write_file_atomic(*this / "tokenizer_config.json", R"({"pad_token": "<|endoftext|>"})");
  }
};

}  // namespace pixnerd::test
