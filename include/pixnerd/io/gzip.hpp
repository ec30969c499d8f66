/// \file
/// Unpacking gzip data held in memory (link `z`).
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// Unpacks one gzip stream of at most `limit` bytes; `name` is for messages.
/// Throws FileError when the data are damaged, end early, go on behind the stream, or unpack to more.
inline std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> packed, std::uint64_t limit,
                                        const std::string& name) {
  const auto damaged = [&](std::string_view got) {
    raise<FileError>("gunzip", text("whole gzip data in '", name, "'"), got);
  };
  struct Stream : z_stream {
    Stream() : z_stream{} {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream() { inflateEnd(this); }
  } stream;
  constexpr int gzip_format = 16 + MAX_WBITS;
  if (inflateInit2(&stream, gzip_format) != Z_OK) damaged("no memory");
  if (packed.size() > UINT32_MAX) damaged(text(packed.size(), " bytes, more than zlib takes at once"));
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());

  std::vector<std::uint8_t> out;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    // A byte beyond the limit tells too much data from just enough.
    const std::uint64_t room =
        std::min<std::uint64_t>(std::max<std::uint64_t>(out.size(), 1 << 16), limit + 1 - out.size());
    const std::size_t done = out.size();
    out.resize(done + room);
    stream.next_out = out.data() + done;
    stream.avail_out = static_cast<uInt>(std::min<std::uint64_t>(room, 1u << 30));
    const uInt asked = stream.avail_out;
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(done + asked - stream.avail_out);
    if (out.size() > limit) damaged(text("more than ", limit, " bytes"));
    if (state == Z_BUF_ERROR || (state == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      damaged("data that end early");
    }
    if (state != Z_OK && state != Z_STREAM_END) {
      damaged(stream.msg != nullptr ? text("damaged data: ", stream.msg) : "damaged data");
    }
  }
  if (stream.avail_in != 0) damaged(text(stream.avail_in, " bytes too many"));
  return out;
}

}  // namespace pixnerd
