// SPDX-License-Identifier: MIT
/// \file
/// Pictures of emoji from a font with color bitmaps (link `freetype` and `harfbuzz`).
#pragma once

#include <ft2build.h>
#include FT_FREETYPE_H
#include <hb.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>
#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// An open font. HarfBuzz turns a sequence of code points into glyphs, FreeType gives a glyph's bitmap. Not
/// safe to use from several threads at once.
class EmojiFont {
 public:
  /// Throws FileError when the file is missing, no font, or a font without color bitmaps.
  explicit EmojiFont(const std::string& path)
      : path_(path), bytes_(read_file(path, 1 << 28)), library_(open_library()), face_(open_face()) {
    const bool has_bitmaps = FT_HAS_COLOR(face_.get()) && FT_HAS_FIXED_SIZES(face_.get());
    if (!has_bitmaps)
      raise<FileError>("emoji font", str_cat("a font with color bitmaps in '", path, "'"), "one without");
    const auto* sizes = face_->available_sizes;
    const auto largest = std::max_element(sizes, sizes + face_->num_fixed_sizes,
                                          [](const auto& a, const auto& b) { return a.y_ppem < b.y_ppem; });
    check(FT_Select_Size(face_.get(), static_cast<FT_Int>(largest - sizes)));

    const Owned<hb_blob_t, hb_blob_destroy> blob(hb_blob_create(reinterpret_cast<const char*>(bytes_.data()),
                                                                static_cast<unsigned>(bytes_.size()),
                                                                HB_MEMORY_MODE_READONLY, nullptr, nullptr));
    const Owned<hb_face_t, hb_face_destroy> face(hb_face_create(blob.get(), 0));
    shaper_.reset(hb_font_create(face.get()));
  }

  /// The picture of a sequence on white, centered in the smallest square that holds the glyph. Nothing when
  /// the font draws it with no glyph, several, or one without a color bitmap.
  std::optional<Image> draw(std::u32string_view sequence) const {
    const auto glyph = single_glyph(sequence);
    if (!glyph || FT_Load_Glyph(face_.get(), *glyph, FT_LOAD_COLOR) != 0) return std::nullopt;
    const FT_Bitmap& bitmap = face_->glyph->bitmap;
    if (face_->glyph->format != FT_GLYPH_FORMAT_BITMAP || bitmap.pixel_mode != FT_PIXEL_MODE_BGRA ||
        bitmap.rows == 0 || bitmap.width == 0 || bitmap.rows > 4096 || bitmap.width > 4096) {
      return std::nullopt;
    }
    const int height = static_cast<int>(bitmap.rows);
    const int width = static_cast<int>(bitmap.width);
    const int side = std::max(height, width);
    Image image(side, side, 255);
    for (int y = 0; y < height; ++y) {
      // Blue, green, red, alpha; the colors are multiplied by alpha already.
      const std::uint8_t* from = bitmap.buffer + std::ptrdiff_t{y} * bitmap.pitch;
      std::uint8_t* to = image.pixel(y + (side - height) / 2, (side - width) / 2);
      for (int x = 0; x < width; ++x, from += 4, to += 3) {
        const int white = 255 - from[3];
        for (int c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>(std::min(from[2 - c] + white, 255));
      }
    }
    return image;
  }

 private:
  template <class T, auto destroy>
  struct Destroy {
    void operator()(T* object) const { destroy(object); }
  };
  template <class T, auto destroy>
  using Owned = std::unique_ptr<T, Destroy<T, destroy>>;
  using Library = Owned<FT_LibraryRec_, FT_Done_FreeType>;
  using Face = Owned<FT_FaceRec_, FT_Done_Face>;

  void check(FT_Error error) const {
    if (error != 0)
      raise<FileError>("emoji font", str_cat("a font in '", path_, "'"), str_cat("FreeType's error ", error));
  }

  Library open_library() const {
    FT_Library library = nullptr;
    check(FT_Init_FreeType(&library));
    return Library(library);
  }

  Face open_face() const {
    FT_Face face = nullptr;
    check(FT_New_Memory_Face(library_.get(), bytes_.data(), static_cast<FT_Long>(bytes_.size()), 0, &face));
    return Face(face);
  }

  std::optional<FT_UInt> single_glyph(std::u32string_view sequence) const {
    const Owned<hb_buffer_t, hb_buffer_destroy> buffer(hb_buffer_create());
    hb_buffer_set_flags(buffer.get(), HB_BUFFER_FLAG_REMOVE_DEFAULT_IGNORABLES);
    for (const char32_t code : sequence) hb_buffer_add(buffer.get(), code, 0);
    hb_buffer_set_content_type(buffer.get(), HB_BUFFER_CONTENT_TYPE_UNICODE);
    hb_buffer_guess_segment_properties(buffer.get());
    hb_shape(shaper_.get(), buffer.get(), nullptr, 0);
    unsigned count = 0;
    const hb_glyph_info_t* glyphs = hb_buffer_get_glyph_infos(buffer.get(), &count);
    if (count != 1 || glyphs[0].codepoint == 0) return std::nullopt;
    return glyphs[0].codepoint;
  }

  std::string path_;
  std::vector<std::uint8_t> bytes_;  // the font, which all below read from
  Library library_;
  Face face_;
  Owned<hb_font_t, hb_font_destroy> shaper_;
};

}  // namespace pixnerd
