#include "bundled_model.hpp"

#include <filesystem>
#include <system_error>

namespace pixnerd::program {

std::string bundled_model() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const fs::path& folder :
       {program.parent_path().parent_path() / "share/pixnerd", fs::path(PIXNERD_MODELS)}) {
    const fs::path file = folder / "emoji.safetensors";
    if (fs::is_regular_file(file, error)) return file.string();
  }
  return {};
}

}  // namespace pixnerd::program
