// SPDX-License-Identifier: MIT
/// \file
/// Writing PNG and JPEG files of kinds that the library only reads.
#pragma once

#include <png.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <jpeglib.h>

#include <pixnerd/image/image.hpp>

namespace pixnerd::test {

using Bytes = std::vector<std::uint8_t>;

struct PngKind {
  int color_type = PNG_COLOR_TYPE_RGB;
  int depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  Bytes palette_alpha = {};
};

/// A PNG of the given rows of packed samples.
inline Bytes make_png(int height, int width, const PngKind& kind, std::vector<Bytes> rows) {
  Bytes bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, std::size_t n) {
        auto& out = *static_cast<Bytes*>(png_get_io_ptr(p));
        out.insert(out.end(), data, data + n);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), kind.depth,
               kind.color_type, kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
  if (!kind.palette.empty())
    png_set_PLTE(png, info, kind.palette.data(), static_cast<int>(kind.palette.size()));
  if (!kind.palette_alpha.empty()) {
    png_set_tRNS(png, info, kind.palette_alpha.data(), static_cast<int>(kind.palette_alpha.size()), nullptr);
  }
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

/// A JPEG of interleaved samples given in `in` and stored in `stored` space; of these scans, if there are
/// any.
inline Bytes make_jpeg(int height, int width, J_COLOR_SPACE in, J_COLOR_SPACE stored, const Bytes& samples,
                       int quality = 100, bool progressive = false,
                       const std::vector<jpeg_scan_info>& scans = {}) {
  const int channels = in == JCS_GRAYSCALE ? 1 : in == JCS_CMYK ? 4 : 3;
  jpeg_compress_struct state{};
  jpeg_error_mgr errors{};
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&state, &out, &size);
  state.image_width = static_cast<JDIMENSION>(width);
  state.image_height = static_cast<JDIMENSION>(height);
  state.input_components = channels;
  state.in_color_space = in;
  jpeg_set_defaults(&state);
  jpeg_set_colorspace(&state, stored);
  jpeg_set_quality(&state, quality, TRUE);
  for (int c = 0; c < channels; ++c) state.comp_info[c].h_samp_factor = state.comp_info[c].v_samp_factor = 1;
  if (progressive) jpeg_simple_progression(&state);
  if (!scans.empty()) {
    state.scan_info = scans.data();
    state.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&state, TRUE);
  for (int y = 0; y < height; ++y) {
    auto* row = const_cast<std::uint8_t*>(samples.data() + static_cast<std::size_t>(y * width * channels));
    jpeg_write_scanlines(&state, &row, 1);
  }
  jpeg_finish_compress(&state);
  jpeg_destroy_compress(&state);
  const Bytes bytes(out, out + size);
  std::free(out);
  return bytes;
}

/// A smooth image with all channels different; the same for the same size.
inline Image test_image(int height, int width) {
  Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixel(y, x)[c] = static_cast<std::uint8_t>((x * (5 + c) + y * (9 - 2 * c) + 60 * c) % 256);
      }
    }
  }
  return image;
}

}  // namespace pixnerd::test
