// SPDX-License-Identifier: MIT
/// \file
/// The JSON of a training run: state.json with the program's configuration in it, manifest.json, and the same
/// settings alone. The first byte of an input says which: S, M, C.
#include <cstdint>
#include <string>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/train/manifest.hpp>
#include <pixnerd/train/train_state.hpp>

#include "pixnerd/files/trained_model.hpp"
#include "target.hpp"

namespace {

using pixnerd::fuzz::finding;

/// What a program does with state.json; what it accepts must come back when it is written.
void read_state(const std::string& path) {
  const pixnerd::TrainState state = pixnerd::read_train_state(path);
  const std::string written = pixnerd::format_train_state(state);
  static pixnerd::fuzz::MemoryFile again;
  again.fill({reinterpret_cast<const std::uint8_t*>(written.data()), written.size()});
  const pixnerd::TrainState same = pixnerd::read_train_state(again.path());
  if (same.step != state.step || same.samples != state.samples || same.seed != state.seed ||
      same.configuration != state.configuration) {
    finding("a state that is another one once it was written");
  }
  (void)pixnerd::program::configuration_from_json(state.configuration, path);
}

void read_configuration(const std::string& path) {
  const auto json = pixnerd::read_json_file(path, "configuration");
  const auto run = pixnerd::program::configuration_from_json(json, path);
  const auto written = pixnerd::program::configuration_to_json(run);
  const auto again = pixnerd::program::configuration_from_json(written, path);
  if (pixnerd::program::configuration_to_json(again) != written) {
    finding("a configuration that is another one once it was written");
  }
}

/// A folder in memory with the file "a" of nine bytes and a manifest.
struct ManifestFolder : pixnerd::fuzz::MemoryFolder {
  ManifestFolder() {
    pixnerd::write_file_atomic(path + "/a", "123456789");
    pixnerd::write_file_atomic(path + "/manifest.json", "");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span content(data + 1, size - 1);
  if (data[0] == 'M') {
    static ManifestFolder folder;
    static const std::string name = folder.path + "/manifest.json";
    pixnerd::fuzz::overwrite(name, content);
    // Damage is what it returns, not an exception.
    return pixnerd::fuzz::run(size, "no exception at all",
                              [] { (void)pixnerd::manifest_problem(folder.path); });
  }
  static pixnerd::fuzz::MemoryFile memory;
  memory.fill(content);
  return pixnerd::fuzz::run(size, memory.path(), [&] {
    if (data[0] == 'S') read_state(memory.path());
    if (data[0] == 'C') read_configuration(memory.path());
  });
}
