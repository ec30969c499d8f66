// SPDX-License-Identifier: MIT
/// \file
/// Memory runs out at every allocation of reading and writing files: an exception, nothing half changed, no
/// temporary that stays, and the next try works.
#include <filesystem>
#include <optional>
#include <vector>

#include <pixnerd/image/read_image.hpp>
#include <pixnerd/io/convert_checkpoint.hpp>
#include <pixnerd/io/gzip.hpp>
#include <pixnerd/io/torch/checkpoint.hpp>
#include <pixnerd/train/checkpoint.hpp>

#include "faults/allocations.hpp"
#include "support/files.hpp"
#include "support/image_tools.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;
namespace fs = std::filesystem;
using test::bits_of;
using test::equal_bits;
using test::fail_every_allocation;
using test::Folder;

BOOST_FIXTURE_TEST_SUITE(file_memory, test::FoldersInMemory)

namespace {

std::size_t memory_in_use() {
  return MemoryPool<Cpu>::instance().statistics().in_use;
}

/// The destructors of the JSON library need memory themselves: where there is none at all they end the
/// program.
constexpr std::initializer_list<test::Shortage> only_one = {test::Shortage::one};

/// A picture whose pixels all differ.
Image picture() {
  Image image(9, 11);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * 7);
  return image;
}

void check_same(const std::vector<std::uint8_t>& got, const std::vector<std::uint8_t>& wanted, bool threw) {
  if (!threw) BOOST_TEST((got == wanted));
}

/// Reads all tensors of a file that is opened for it; returns their bytes.
template <class File>
std::vector<std::uint8_t> read_all(const std::string& path) {
  const File file(path);
  std::vector<std::uint8_t> all;
  for (const auto& entry : file.entries()) {
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(entry, bytes);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

template <class File>
void check_reading(const std::string& path) {
  const auto expected = read_all<File>(path);
  std::vector<std::uint8_t> got;
  BOOST_TEST(fail_every_allocation([&] { got = read_all<File>(path); },
                                   [&](bool threw) { check_same(got, expected, threw); }) > 20);
}

}  // namespace

BOOST_AUTO_TEST_CASE(parameters_are_loaded_all_or_none) {
  const Folder folder;
  const std::string path = folder / "model.safetensors", prefix = "names_that_take_memory_of_their_own";
  const test::TinyModel saved(1);
  save_parameters(path, saved, prefix);
  test::TinyModel model(2);
  const auto numbers = [](const test::TinyModel& from) {
    std::vector<float> out;
    for_each_parameter(from, [&](const std::string&, const Tensor<float>& parameter) {
      out.insert(out.end(), parameter.data(), parameter.data() + parameter.count());
    });
    return out;
  };
  const auto before = numbers(model), after = numbers(saved);
  const auto in_use = memory_in_use();
  fail_every_allocation([&] { load_parameters(path, model, prefix); },
                        [&](bool threw) {
                          BOOST_TEST(equal_bits(numbers(model), threw ? before : after));
                          BOOST_TEST(memory_in_use() == in_use);
                          const float* from = before.data();
                          for_each_parameter(model, [&](const std::string&, const Tensor<float>& parameter) {
                            std::copy_n(from, parameter.count(), parameter.data());
                            from += parameter.count();
                          });
                          MemoryPool<Cpu>::instance().trim();
                        });
}

BOOST_AUTO_TEST_CASE(parameters_are_saved_all_or_none) {
  const Folder folder;
  const test::TinyModel model(1);
  fail_every_allocation([&] { save_parameters(folder / "a", model); },
                        [&](bool threw) {
                          BOOST_TEST(folder.entries() == (threw ? 0 : 1));
                          fs::remove(folder / "a");
                        });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_saved_all_or_none) {
  const Folder folder;
  const std::string run = folder / "run";
  test::TinyModel model(1);
  test::Store store(model);
  store.start_average();
  const TrainState state{{2, 4, 3}, {{"width", 7}}};
  save_checkpoint(run, store, {{1, 2, 3}, {}});
  fail_every_allocation([&] { save_checkpoint(run, store, state); },
                        [&](bool threw) {
                          const auto newest = newest_checkpoint(run);
                          BOOST_TEST(newest.damaged.empty());
                          BOOST_TEST(newest.path == checkpoint_path(run, threw ? 1 : 2));
                          fs::remove_all(checkpoint_path(run, 2));
                          open_run_folder(run);
                          int entries = 0;
                          for ([[maybe_unused]] const auto& entry : fs::directory_iterator(run)) ++entries;
                          BOOST_TEST(entries == 1);
                        },
                        1, only_one);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_loaded_all_or_not) {
  const Folder folder;
  test::TinyModel model(1), other(2);
  test::Store store(model), loaded(other);
  store.start_average();
  loaded.start_average();
  test::fill_store(store, 1);
  test::fill_store(loaded, 2);
  const auto path = save_checkpoint(folder / "run", store, {{1, 2, 3}, {{"width", 7}}});
  const auto before = bits_of(loaded), after = bits_of(store);
  std::optional<TrainState> state;
  fail_every_allocation([&] { state.emplace(load_checkpoint(path, loaded, AdamW{})); },
                        [&](bool threw) {
                          BOOST_TEST(equal_bits(bits_of(loaded), threw ? before : after));
                          test::fill_store(loaded, 2);
                          MemoryPool<Cpu>::instance().trim();
                          state.reset();
                        },
                        1, only_one);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_found) {
  const Folder folder;
  const std::string run = folder / "run";
  test::TinyModel model(1);
  test::Store store(model);
  for (const int step : {1, 2}) save_checkpoint(run, store, {step, 2, 3, {}});
  std::string found;
  // Never the older one, because there was no memory to read the newer.
  fail_every_allocation(
      [&] {
        found.clear();
        found = newest_checkpoint(run).path;
      },
      [&](bool threw) { BOOST_TEST(found == (threw ? "" : checkpoint_path(run, 2))); }, 1, only_one);
}

BOOST_AUTO_TEST_CASE(safetensors_files) {
  const Folder folder;
  save_parameters(folder / "a", test::TinyModel(1));
  check_reading<SafetensorsFile>(folder / "a");
}

BOOST_AUTO_TEST_CASE(torch_files) {
  const TorchCheckpoint from(PIXNERD_TEST_DATA "/lightning.ckpt");
  // Their thousands of allocations are of few kinds.
  for (const std::string name : {"/lightning.ckpt", "/lightning_legacy.ckpt"}) {
    const std::string path = PIXNERD_TEST_DATA + name;
    std::size_t entries = 0;
    fail_every_allocation([&] { entries = TorchCheckpoint(path).entries().size(); },
                          [&](bool threw) { BOOST_TEST((threw || entries == from.entries().size())); }, 17);
  }
  const Folder folder;
  fail_every_allocation([&] { convert_checkpoint(from, folder / "a"); },
                        [&](bool threw) {
                          BOOST_TEST(folder.entries() == (threw ? 0 : 1));
                          fs::remove(folder / "a");
                        },
                        17);
}

BOOST_AUTO_TEST_CASE(pictures) {
  const Image image = picture();
  const auto png = encode_png(image, {{"Title", "a text"}});
  std::vector<std::uint8_t> got;
  fail_every_allocation(
      [&] {
        got = encode_png(image, {{"Title", "a text"}});
      },
      [&](bool threw) { check_same(got, png, threw); });
  fail_every_allocation([&] { got = decode_png(png, "a.png").rgb; },
                        [&](bool threw) { check_same(got, image.rgb, threw); });
  const auto jpeg = test::make_jpeg(image.height, image.width, JCS_RGB, JCS_YCbCr, image.rgb, 90, true);
  const auto expected = decode_jpeg(jpeg, "a.jpg").rgb;
  fail_every_allocation([&] { got = decode_jpeg(jpeg, "a.jpg").rgb; },
                        [&](bool threw) { check_same(got, expected, threw); });
}

BOOST_AUTO_TEST_SUITE_END()
