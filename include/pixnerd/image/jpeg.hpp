// SPDX-License-Identifier: MIT
/// \file
/// JPEG files through libjpeg (link `jpeg`).
///
/// libjpeg reports errors through a callback that must not return; ours calls longjmp, under the same rule as
/// in image/png.hpp: only functions with trivial locals stand between setjmp and longjmp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>

// jpeglib.h needs the names of <cstdio>, and jerror.h those of jpeglib.h.
#include <jpeglib.h>

#include <jerror.h>

#include <algorithm>
#include <csetjmp>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>

namespace pixnerd {
namespace detail {

/// Owns libjpeg's decompression state.
class JpegReader {
 public:
  explicit JpegReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    state_.err = jpeg_std_error(&errors_);
    state_.client_data = this;
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    progress_.progress_monitor = on_progress;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&state_); }

  const jpeg_decompress_struct& state() const { return state_; }
  const char* message() const { return message_; }
  bool has_multiple_scans() { return jpeg_has_multiple_scans(&state_) != FALSE; }

  bool read_header() {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_decompress(&state_);
    jpeg_mem_src(&state_, bytes_.data(), bytes_.size());
    state_.progress = &progress_;
    // Files of several scans are held as coefficients, 128 bytes of each block. The first scan takes a bit or
    // more of a block, its refinement another: no real file needs more memory than this.
    state_.mem->max_memory_to_use = static_cast<long>((std::uint64_t{64} << 20) + 256 * bytes_.size());
    jpeg_read_header(&state_, TRUE);
    return true;
  }

  /// Requests RGB output, or CMYK for CMYK files, which libjpeg does not convert.
  bool start() {
    most_scans_ = std::min(200.0, most_scanned_pixels / state_.image_width / state_.image_height);
    if (setjmp(jump_) != 0) return false;
    const bool cmyk = state_.jpeg_color_space == JCS_CMYK || state_.jpeg_color_space == JCS_YCCK;
    state_.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&state_);
    return true;
  }

  /// Decodes all rows and discards them; `row` has room for one.
  bool skip_rows(std::uint8_t* row) {
    if (setjmp(jump_) != 0) return false;
    while (state_.output_scanline < state_.output_height) jpeg_read_scanlines(&state_, &row, 1);
    return true;
  }

  bool read_row(std::uint8_t* row) {
    if (setjmp(jump_) != 0) return false;
    jpeg_read_scanlines(&state_, &row, 1);
    return true;
  }

  bool finish() {
    if (setjmp(jump_) != 0) return false;
    jpeg_finish_decompress(&state_);
    return true;
  }

 private:
  static JpegReader& of(j_common_ptr state) { return *static_cast<JpegReader*>(state->client_data); }

  static void on_error(j_common_ptr state) {
    if (state->err->msg_code == JERR_NO_BACKING_STORE) {
      std::snprintf(of(state).message_, sizeof of(state).message_,
                    "more memory than a file of its size needs");
    } else {
      (*state->err->format_message)(state, of(state).message_);
    }
    std::longjmp(of(state).jump_, 1);
  }

  /// libjpeg substitutes gray for missing or corrupt data and goes on. Accept only warnings that lose no
  /// pixel.
  static void on_message(j_common_ptr state, int level) {
    const int code = state->err->msg_code;
    const bool harmless =
        code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_NOT_SEQUENTIAL;
    if (level < 0 && !harmless) on_error(state);
  }

  /// A small progressive file can hold thousands of scans of a large image; real ones have about ten.
  static void on_progress(j_common_ptr state) {
    JpegReader& reader = of(state);
    if (reader.state_.input_scan_number <= reader.most_scans_) return;
    std::snprintf(reader.message_, sizeof reader.message_, "more than %d scans",
                  static_cast<int>(reader.most_scans_));
    std::longjmp(reader.jump_, 1);
  }

  static constexpr double most_scanned_pixels = 16.0 * max_image_pixels;

  std::span<const std::uint8_t> bytes_;
  jpeg_decompress_struct state_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  double most_scans_ = 200;
  std::jmp_buf jump_{};
  char message_[JMSG_LENGTH_MAX] = "";
};

/// Whether a JPEG with a single scan decodes to its end. One with several scans has been read in full once
/// decompression has started.
inline bool skip_jpeg(JpegReader& reader) {
  if (!reader.read_header() || !reader.start()) return false;
  if (reader.has_multiple_scans()) return true;
  std::vector<std::uint8_t> row(std::size_t{reader.state().output_width} * 4);
  return reader.skip_rows(row.data()) && reader.finish();
}

/// Photoshop stores inverted CMYK, and Pillow takes every CMYK file as such: with inverted values s,
/// color = k - round((255 - s) * k / 255), where k is the inverted black.
inline void cmyk_row_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, int width) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int black = cmyk[3];
    for (int c = 0; c < 3; ++c)
      rgb[c] = static_cast<std::uint8_t>(black - ((255 - cmyk[c]) * black + 127) / 255);
  }
}

}  // namespace detail

/// Decodes a JPEG, gray, YCbCr, RGB, CMYK or YCCK, baseline or progressive, to RGB; CMYK as Pillow converts
/// it. Orientation tags and color profiles are ignored. `name` is for messages. Throws FileError on anything
/// but a whole, undamaged image within the limits of image/image.hpp.
inline Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name) {
  detail::JpegReader reader(bytes);
  const auto require_of = [&](const detail::JpegReader& from, bool good) {
    if (good) return;
    raise<FileError>("read JPEG", str_cat("a JPEG image in '", name, "'"),
                     str_cat("a damaged one: ", from.message()));
  };
  const auto require = [&](bool good) { require_of(reader, good); };
  require(reader.read_header());
  // Every 8 x 8 block of the finest component takes at least one bit.
  detail::check_image_size("read JPEG", name, reader.state().image_height, reader.state().image_width,
                           bytes.size() * 8 * 64);
  const bool is_large =
      std::uint64_t{reader.state().image_height} * reader.state().image_width * 3 > max_unchecked_image_bytes;
  if (is_large && !reader.has_multiple_scans()) {
    detail::JpegReader check(bytes);
    require_of(check, detail::skip_jpeg(check));
  }
  require(reader.start());

  const int channels = reader.state().output_components;
  Image image(static_cast<int>(reader.state().output_height), static_cast<int>(reader.state().output_width));
  std::vector<std::uint8_t> cmyk(channels == 4 ? static_cast<std::size_t>(image.width) * 4 : 0);
  for (int y = 0; y < image.height; ++y) {
    require(reader.read_row(channels == 4 ? cmyk.data() : image.pixel(y, 0)));
    if (channels == 4) detail::cmyk_row_to_rgb(cmyk.data(), image.pixel(y, 0), image.width);
  }
  require(reader.finish());
  return image;
}

}  // namespace pixnerd
