// SPDX-License-Identifier: MIT
/// \file
/// Texts of images. The first byte of an input says what the rest is: L, a list in JSON lines; T, the text
/// beside the one image of a folder. A list may name any file of the machine, so images are not opened.
#include <cstdint>
#include <string>

#include <pixnerd/data/captioned_images.hpp>
#include <pixnerd/text/words.hpp>

#include "target.hpp"

namespace {

using pixnerd::fuzz::finding;

void read_captions(const std::string& path) {
  const pixnerd::CaptionedImages data(path);
  if (data.size() == 0) finding("a data set without images");
  for (std::int64_t i = 0; i < data.size(); ++i) {
    if (data.path(i).empty()) finding("an image without a path");
    if (data.captions(i).empty()) finding("an image without a text");
    for (const auto& caption : data.captions(i)) {
      if (caption.find_first_not_of(" \t\r\n") == caption.npos) finding("an empty text");
      for (const auto id : pixnerd::word_ids(caption)) {
        if (id < 0 || id >= pixnerd::WordIdOptions().rows) finding("a number that no word has");
      }
    }
  }
}

/// A folder with an image, its text, and a list.
struct ImageFolder : pixnerd::fuzz::MemoryFolder {
  ImageFolder() {
    for (const char* name : {"/a.png", "/a.txt", "/list.jsonl"}) pixnerd::write_file_atomic(path + name, "");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span content(data + 1, size - 1);
  static ImageFolder texts, listed;
  if (data[0] == 'T') {
    static const std::string name = texts.path + "/a.txt";
    pixnerd::fuzz::overwrite(name, content);
    return pixnerd::fuzz::run(size, name, [] { read_captions(texts.path); });
  }
  if (data[0] != 'L') return 0;
  static const std::string list = listed.path + "/list.jsonl";
  pixnerd::fuzz::overwrite(list, content);
  return pixnerd::fuzz::run(size, list, [] { read_captions(list); });
}
