// SPDX-License-Identifier: MIT
/// \file
/// PNG files through libpng (link `png`).
///
/// libpng reports errors by longjmp. A jump may not pass over C++ objects that need destruction, so each call
/// of setjmp sits in a function of its own whose locals are trivial, and everything that owns memory lives in
/// its caller.
#pragma once

#include <png.h>

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>
#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// Keys and values stored in a PNG's text chunks.
using PngText = std::vector<std::pair<std::string, std::string>>;

namespace detail {

/// The state of libpng's callbacks. Trivial, because they leave by longjmp.
struct PngContext {
  std::span<const std::uint8_t> input;
  std::size_t position = 0;
  std::vector<std::uint8_t>* output = nullptr;
  char message[160] = "";

  static PngContext& of(png_structp png) { return *static_cast<PngContext*>(png_get_error_ptr(png)); }

  static void on_error(png_structp png, png_const_charp message) {
    std::snprintf(of(png).message, sizeof(PngContext::message), "%s", message);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}

  static void on_read(png_structp png, png_bytep out, std::size_t count) {
    PngContext& context = of(png);
    if (count > context.input.size() - context.position)
      png_error(png, "the file ends in the middle of the image");
    std::memcpy(out, context.input.data() + context.position, count);
    context.position += count;
  }

  static void on_write(png_structp png, png_bytep bytes, std::size_t count) {
    bool stored = true;
    try {
      auto& output = *of(png).output;
      output.insert(output.end(), bytes, bytes + count);
    } catch (...) {
      stored = false;
    }
    if (!stored) png_error(png, "out of memory");
  }
  static void on_flush(png_structp) {}
};

/// Owns libpng's state for reading.
struct PngReader {
  PngContext context;
  png_structp png = nullptr;
  png_infop info = nullptr;
  int passes = 1;

  explicit PngReader(std::span<const std::uint8_t> bytes) {
    context.input = bytes;
    png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, &context, PngContext::on_error, PngContext::on_warning);
    info = png == nullptr ? nullptr : png_create_info_struct(png);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  bool read_header() {
    if (info == nullptr) return false;
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    png_set_user_limits(png, max_image_side, max_image_side);
    // Only the chunks that pixels need are read: profiles and texts may unpack to gigabytes.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_benign_errors(png, 1);
    png_set_read_fn(png, &context, PngContext::on_read);
    png_read_info(png, info);
    return true;
  }

  /// Requests 8-bit RGB output for every color type. Returns the bytes per row, 0 on error.
  std::size_t choose_rgb() {
    if (setjmp(png_jmpbuf(png)) != 0) return 0;
    const int type = png_get_color_type(png, info);
    png_set_strip_16(png);  // v >> 8
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return png_get_rowbytes(png, info);
  }

  /// Reads to the last chunk, since a file without it is truncated.
  bool read_rows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
  }

  /// The same, discarding the pixels.
  bool skip_rows(std::uint64_t height) {
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    for (int pass = 0; pass < passes; ++pass) {
      for (std::uint64_t y = 0; y < height; ++y) png_read_row(png, nullptr, nullptr);
    }
    png_read_end(png, nullptr);
    return true;
  }
};

/// Owns libpng's state for writing.
struct PngWriter {
  PngContext context;
  png_structp png = nullptr;
  png_infop info = nullptr;

  explicit PngWriter(std::vector<std::uint8_t>& bytes) {
    context.output = &bytes;
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &context, PngContext::on_error,
                                  PngContext::on_warning);
    info = png == nullptr ? nullptr : png_create_info_struct(png);
  }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }

  bool write(const Image& image, std::span<const png_text> texts) {
    if (info == nullptr) return false;
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    png_set_write_fn(png, &context, PngContext::on_write, PngContext::on_flush);
    png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_text(png, info, texts.data(), static_cast<int>(texts.size()));
    png_write_info(png, info);
    for (int y = 0; y < image.height; ++y) png_write_row(png, image.pixel(y, 0));
    png_write_end(png, info);
    return true;
  }
};

inline std::string png_reason(const PngContext& context) {
  return context.message[0] != '\0' ? str_cat("a damaged one: ", context.message) : "no memory";
}

}  // namespace detail

/// Decodes a PNG of any color type and depth to RGB. Alpha and transparency are dropped, 16 bits become v >>
/// 8, palettes and small depths are expanded; gamma and color profiles are ignored, as Pillow does. `name` is
/// for messages. Throws FileError on anything but a whole, undamaged image within the limits of
/// image/image.hpp.
inline Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  const auto damaged = [&](const detail::PngContext& context) {
    raise<FileError>("read PNG", str_cat("a PNG image in '", name, "'"), detail::png_reason(context));
  };
  detail::PngReader reader(bytes);
  if (!reader.read_header()) damaged(reader.context);
  const std::uint64_t height = png_get_image_height(reader.png, reader.info);
  const std::uint64_t width = png_get_image_width(reader.png, reader.info);
  const std::uint64_t bits =
      std::uint64_t{png_get_bit_depth(reader.png, reader.info)} * png_get_channels(reader.png, reader.info);
  // Deflate shrinks data to no less than 1/1032.
  detail::check_image_size("read PNG", name, height, width, (bytes.size() * 8 * 1032) / bits);

  if (height * width * 3 > max_unchecked_image_bytes) {
    detail::PngReader check(bytes);
    if (!check.read_header() || check.choose_rgb() == 0 || !check.skip_rows(height)) damaged(check.context);
  }
  if (reader.choose_rgb() != width * 3) damaged(reader.context);
  Image image(static_cast<int>(height), static_cast<int>(width));
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = image.pixel(static_cast<int>(y), 0);
  if (!reader.read_rows(rows.data())) damaged(reader.context);
  return image;
}

/// Encodes an 8-bit RGB PNG. Keys are 1-79 Latin characters; values are UTF-8.
/// Throws ValueError for an empty image, pixels that do not fit its size, or a key that PNG does not allow.
inline std::vector<std::uint8_t> encode_png(const Image& image, const PngText& texts = {}) {
  if (image.height <= 0 || image.width <= 0 ||
      image.rgb.size() !=
          static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width) * 3) {
    raise<ValueError>("write PNG", "an image with height x width x 3 bytes",
                      str_cat(image.height, " x ", image.width, " and ", image.rgb.size(), " bytes"));
  }
  std::vector<png_text> chunks;
  for (const auto& [key, value] : texts) {
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    bool valid = !key.empty() && key.size() <= 79 && key.front() != ' ' && key.back() != ' ' &&
                 key.find("  ") == std::string::npos && value.find('\0') == std::string::npos;
    bool ascii = true;
    for (const char c : key) valid = valid && printable(c);
    for (const char c : value) ascii = ascii && (printable(c) || c == '\n');
    if (!valid)
      raise<ValueError>("write PNG", "a text key of 1-79 printable characters", str_cat("'", key, "'"));
    png_text chunk{};
    chunk.compression = ascii ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    chunk.key = const_cast<char*>(key.c_str());
    chunk.text = const_cast<char*>(value.c_str());
    chunk.text_length = ascii ? value.size() : 0;
    chunk.itxt_length = ascii ? 0 : value.size();
    chunks.push_back(chunk);
  }
  std::vector<std::uint8_t> bytes;
  detail::PngWriter writer(bytes);
  if (!writer.write(image, chunks)) {
    raise<Error>("write PNG", "an encoded image", detail::png_reason(writer.context));
  }
  return bytes;
}

/// Writes an 8-bit RGB PNG atomically. Throws like `encode_png`, and FileError when the file cannot be
/// written.
inline void write_png(const std::string& path, const Image& image, const PngText& texts = {}) {
  write_file_atomic(path, encode_png(image, texts));
}

}  // namespace pixnerd
