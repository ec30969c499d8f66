// SPDX-License-Identifier: MIT
/// \file
/// The text-to-image model that comes with the program: found without being named, small, and it draws what
/// it is told.
#include <array>

#include <pixnerd/image/read_image.hpp>
#include <pixnerd/io/safetensors/file.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(bundled_model)

namespace {

/// Mean of each color over the middle of the images in a row, 32 x 32 pixels each.
std::vector<std::array<double, 3>> middles(const std::string& path, int count) {
  const Image picture = read_image(path);
  std::vector<std::array<double, 3>> out;
  for (int i = 0; i < count; ++i) {
    std::array<double, 3> sum{};
    for (int y = 12; y < 20; ++y) {
      for (int x = 12; x < 20; ++x) {
        for (std::size_t c = 0; c < 3; ++c) sum[c] += picture.pixel(2 + y, 2 + i * 34 + x)[c] / 64.0;
      }
    }
    out.push_back(sum);
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(draws_what_it_is_told) {
  const Folder folder;
  const std::string out = folder / "hearts.png";
  const auto said =
      run_well({"sample", "--prompt", "red heart", "--prompt", "green heart", "--prompt", "blue heart",
                "--count", "3", "--columns", "3", "--zoom", "1", "--steps", "10", "--out", out})
          .out;
  BOOST_TEST(said.find("emoji.safetensors") != said.npos, said);
  const auto colors = middles(out, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t other = 0; other < 3; ++other) {
      if (other != i) BOOST_TEST(colors[i][i] > colors[i][other] + 20, "heart " << i << ", color " << other);
    }
  }
  // Words that it never saw, of any script, and larger pictures.
  run_well({"sample", "--prompt", "zyxwv \xe7\x8c\xab 42", "--size", "64", "--scale-decoder", "--steps", "2",
            "--count", "1", "--out", folder / "any.png"});
}

BOOST_AUTO_TEST_CASE(named_models_come_first) {
  const Folder folder;
  check_refused({"sample", "--out", folder / "s.png"},
                {"--run DIR or --weights FILE, or --prompt TEXT", "neither"});
  check_refused({"sample", "--prompt", "cat", "--run", folder / "none", "--out", folder / "s.png"},
                {folder / "none"});
  BOOST_TEST(!fs::exists(folder / "s.png"));
}

BOOST_AUTO_TEST_CASE(is_small) {
  const std::string path = PIXNERD_TEST_DATA "/../../examples/models/emoji.safetensors";
  BOOST_TEST(fs::file_size(path) < 8'000'000u);
  const SafetensorsFile file(path);
  for (const auto& entry : file.entries()) BOOST_TEST((entry.type == TensorType::bf16), entry.name);
  BOOST_TEST(file.metadata().contains("pixnerd.configuration"));
}

BOOST_AUTO_TEST_SUITE_END()
