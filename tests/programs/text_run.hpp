// SPDX-License-Identifier: MIT
/// \file
/// A very small text-to-image model that the tests of the program train and use.
#pragma once

#include <memory>

#include "program.hpp"

namespace pixnerd::test {

inline constexpr const char* colors[] = {"red", "green", "blue"};

/// Six pictures of one color each, with two captions.
struct CaptionData : Folder {
  CaptionData() {
    std::filesystem::create_directories(path / "images");
    for (int i = 0; i < 6; ++i) {
      write_png(*this / str_cat("images/", i, ".png"), picture(i));
      const std::string color = colors[i % 3];
      write_file_atomic(*this / str_cat("images/", i, ".txt"), color + " square\nA " + color + " thing.\n");
    }
  }

  static Image picture(int i) {
    Image image(16, 16, static_cast<std::uint8_t>(20 * i));
    for (std::size_t at = static_cast<std::size_t>(i % 3); at < image.rgb.size(); at += 3)
      image.rgb[at] = 250;
    return image;
  }

  Words train(const std::string& run, const Words& more = {}) const {
    return Words{"train",
                 "--text",
                 "--data",
                 *this / "images",
                 "--run",
                 run,
                 "--size",
                 "16",
                 "--patch",
                 "8",
                 "--width",
                 "16",
                 "--heads",
                 "2",
                 "--depth",
                 "1",
                 "--batch",
                 "4",
                 "--words",
                 "4",
                 "--warmup",
                 "5",
                 "--lr",
                 "0.01",
                 "--ema",
                 "0.9",
                 "--field-depth",
                 "1",
                 "--word-rows",
                 "64",
                 "--word-parts",
                 "6",
                 "--text-depth",
                 "1",
                 "--field-features",
                 "8"} +
           more;
  }
};

/// A trained run, made once.
struct TextRun {
  CaptionData data;
  std::string run = data / "run";

  TextRun() {
    run_well(data.train(
        run, {"--steps", "40", "--checkpoint-every", "20", "--sample-every", "20", "--keep", "9"}));
  }

  static const TextRun& instance() {
    static const auto made = std::make_unique<TextRun>();
    return *made;
  }

  Words sample(const std::string& out, const Words& more) const {
    return Words{"sample", "--run", run, "--out", out, "--zoom", "1", "--steps", "6"} + more;
  }
};

}  // namespace pixnerd::test
