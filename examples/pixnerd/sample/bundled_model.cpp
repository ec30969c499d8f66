// SPDX-License-Identifier: MIT
#include "sample/bundled_model.hpp"

#include <filesystem>
#include <system_error>

namespace pixnerd::program {

std::string bundled_model() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = program.parent_path().parent_path() / "share/pixnerd";
  for (const fs::path& folder : {installed, fs::path(PIXNERD_MODELS)}) {
    const fs::path file = folder / "emoji.safetensors";
    if (!file.is_absolute()) continue;  // where the program lies is not known
    if (fs::is_regular_file(file, error)) return file.string();
  }
  return {};
}

}  // namespace pixnerd::program
