// SPDX-License-Identifier: MIT
/// \file
/// Encodes text as token ids of a text encoder, and decodes ids to text (component `tokenizer`).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/text/byte_pairs.hpp>
#include <pixnerd/text/split_pattern.hpp>
#include <pixnerd/text/tokenizer_json.hpp>
#include <pixnerd/text/unicode_form.hpp>

namespace pixnerd {

namespace detail {

/// Finds added tokens in text: leftmost first, the longest at each position.
class AddedTokenSearch {
 public:
  void add(std::string content, std::uint32_t id) { tokens_.emplace_back(std::move(content), id); }

  /// Before the first search.
  void finish() {
    std::sort(tokens_.begin(), tokens_.end());
    for (const auto& [content, id] : tokens_) begins_[static_cast<unsigned char>(content[0])] = true;
  }

  /// Calls `between(text)` for what lies between tokens, where it is not empty, and `found(id)` for tokens,
  /// in order.
  template <class Between, class Found>
  void split(std::string_view characters, Between between, Found found) const {
    std::size_t done = 0;
    for (std::size_t at = 0; at < characters.size();) {
      const auto* token =
          begins_[static_cast<unsigned char>(characters[at])] ? longest(characters.substr(at)) : nullptr;
      if (token == nullptr) {
        ++at;
        continue;
      }
      if (at > done) between(characters.substr(done, at - done));
      found(token->second);
      done = at += token->first.size();
    }
    if (done < characters.size()) between(characters.substr(done));
  }

 private:
  using Token = std::pair<std::string, std::uint32_t>;

  /// The longest token that `characters` begin with. Tokens are short, see TokenizerReader, so this is too.
  const Token* longest(std::string_view characters) const {
    const Token* best = nullptr;
    auto begin = tokens_.begin(), end = tokens_.end();
    for (std::size_t i = 0; begin != end; ++i) {
      if (begin->first.size() == i) best = &*begin;  // tokens from begin to end agree in i bytes
      // Two may be the same, where normalizing made them so; the one of lower id is found.
      while (begin != end && begin->first.size() == i) ++begin;
      if (i == characters.size()) break;
      const auto byte = static_cast<unsigned char>(characters[i]);
      begin = std::partition_point(
          begin, end, [&](const Token& t) { return static_cast<unsigned char>(t.first[i]) < byte; });
      end = std::partition_point(
          begin, end, [&](const Token& t) { return static_cast<unsigned char>(t.first[i]) == byte; });
    }
    return best;
  }

  std::vector<Token> tokens_;
  std::array<bool, 256> begins_{};
};

}  // namespace detail

/// A byte-level byte-pair tokenizer, such as Qwen's: added tokens are found first; the text between is
/// brought to normalization form C, cut into words by a regular expression, and each word's bytes are joined
/// by the learned rules. Every text can be encoded, and decodes to its normalized form. Safe to use from
/// several threads.
///
/// Ids are those of Hugging Face's `tokenizers` 0.23 for characters up to Unicode 13; its tables and those of
/// PCRE2 and utf8proc may disagree on younger ones. "truncation" and "padding" of the file do nothing: see
/// fit_tokens().
class Tokenizer {
 public:
  /// Reads a tokenizer.json. Throws FileError; see parse_tokenizer().
  explicit Tokenizer(const std::string& path) : Tokenizer(read_definition(path), path) {}

  /// From a definition; `path` says in messages where it came from.
  Tokenizer(TokenizerDefinition definition, const std::string& path)
      : pattern_(definition.pattern, path),
        nfc_(definition.nfc),
        bytes_(definition.byte_tokens),
        place_(definition.size, none),
        rules_(std::move(definition.rules), definition.size) {
    if (const auto rank = rules_.duplicate(); rank >= 0) {
      raise<FileError>("tokenizer", str_cat("one merge of each pair in '", path, "'"),
                       str_cat("a second, number ", rank));
    }
    for (const auto& [spelling, id] : definition.vocabulary) {
      place_[id] = static_cast<std::uint32_t>(tokens_.size());
      tokens_.push_back({spelling, detail::bytes_of_token(spelling), false});
    }
    for (auto& added : definition.added) {
      (added.normalized ? in_normalized_ : in_raw_)
          .add(nfc_ && added.normalized ? normalize_nfc(added.content) : added.content, added.id);
      if (place_[added.id] == none) {
        place_[added.id] = static_cast<std::uint32_t>(tokens_.size());
        tokens_.emplace_back();
      }
      tokens_[place_[added.id]] = {added.content, added.content, added.special};
      added_.emplace_back(std::move(added.content), added.id);
    }
    in_raw_.finish();
    in_normalized_.finish();
    vocabulary_ = std::move(definition.vocabulary);
  }

  /// The largest id plus one.
  std::int64_t size() const { return static_cast<std::int64_t>(place_.size()); }

  /// The id of a token by its spelling in the file, if it has one.
  std::optional<std::int64_t> id(std::string_view spelling) const {
    const auto found = vocabulary_.find(spelling);
    if (found != vocabulary_.end()) return found->second;
    for (const auto& [content, id] : added_) {
      if (content == spelling) return id;
    }
    return {};
  }

  /// The tokens of `characters`, none of "". Throws ValueError, naming the byte, when it is not UTF-8.
  std::vector<std::int64_t> encode(std::string_view characters) const {
    check_utf8(characters, "tokenizer");
    std::vector<std::int64_t> out;
    BytePairs::Scratch scratch;
    std::vector<std::uint32_t> word;
    const auto add_word = [&](std::string_view piece) {
      word.clear();
      for (const char byte : piece) word.push_back(bytes_[static_cast<unsigned char>(byte)]);
      rules_.join(word, scratch, out);
    };
    const auto add_token = [&](std::uint32_t id) { out.push_back(id); };
    in_raw_.split(
        characters,
        [&](std::string_view raw) {
          const std::string normalized = nfc_ ? normalize_nfc(raw) : std::string(raw);
          in_normalized_.split(
              normalized, [&](std::string_view part) { pattern_.split(part, add_word); }, add_token);
        },
        add_token);
    return out;
  }

  /// The text of tokens. Bytes that are not UTF-8, as where a character is cut, become U+FFFD. `skip_special`
  /// leaves out tokens such as "<|endoftext|>". Throws ValueError for an id that no token has.
  std::string decode(std::span<const std::int64_t> ids, bool skip_special = false) const {
    std::string bytes;
    for (const std::int64_t id : ids) {
      const auto* token = id >= 0 && id < size() ? find(static_cast<std::size_t>(id)) : nullptr;
      if (token == nullptr)
        raise<ValueError>("tokenizer", str_cat("an id of a token, below ", size()), str_cat(id));
      if (!skip_special || !token->special) bytes += token->bytes;
    }
    return repair_utf8(bytes);
  }

 private:
  static constexpr std::uint32_t none = 0xffff'ffff;
  struct Token {
    std::string spelling, bytes;
    bool special = false;
  };

  static TokenizerDefinition read_definition(const std::string& path) {
    const auto file = read_file(path, detail::tokenizer_json_limits.bytes);
    return parse_tokenizer({reinterpret_cast<const char*>(file.data()), file.size()}, path);
  }

  const Token* find(std::size_t id) const { return place_[id] == none ? nullptr : &tokens_[place_[id]]; }

  SplitPattern pattern_;
  bool nfc_;
  std::array<std::uint32_t, 256> bytes_;
  std::vector<Token> tokens_;
  std::vector<std::uint32_t> place_;  ///< in tokens_, by id
  BytePairs rules_;
  detail::AddedTokenSearch in_raw_, in_normalized_;
  std::vector<std::pair<std::string, std::uint32_t>> added_;
  std::map<std::string, std::uint32_t, std::less<>> vocabulary_;
};

/// Token ids padded or cut to a fixed length.
struct FittedTokens {
  std::vector<std::int64_t> ids;
  std::int64_t count = 0;    ///< how many of them are tokens of the text; the rest is padding
  std::int64_t dropped = 0;  ///< tokens of the text that were cut off
};

/// Makes `ids` exactly `length` long: cuts their end, or pads on the right with `pad`. An empty text becomes
/// padding alone. The published PixNerd program pads its prompts this way.
inline FittedTokens fit_tokens(std::vector<std::int64_t> ids, std::int64_t length, std::int64_t pad) {
  if (length < 1) raise<ValueError>("fit_tokens", "a length of at least 1", str_cat(length));
  const auto given = static_cast<std::int64_t>(ids.size());
  FittedTokens out;
  out.count = std::min(given, length);
  out.dropped = given - out.count;
  out.ids = std::move(ids);
  out.ids.resize(static_cast<std::size_t>(length), pad);
  return out;
}

/// The id of the "pad_token" in the tokenizer_config.json beside the tokenizer. Throws FileError when the
/// file has none or names a token that `tokenizer` does not have.
inline std::int64_t read_pad_token(const std::string& path, const Tokenizer& tokenizer) {
  const auto root = read_json_file(path, "tokenizer", detail::tokenizer_json_limits);
  const auto refuse = [&](std::string_view got) {
    raise<FileError>("tokenizer", str_cat("a token of the tokenizer as \"pad_token\" in '", path, "'"), got);
  };
  if (!root.is_object() || !root.contains("pad_token")) refuse("none");
  const auto* token = &root["pad_token"];
  if (token->is_object() && token->contains("content")) token = &(*token)["content"];
  if (!token->is_string()) refuse(str_cat("a value of type ", token->type_name()));
  const auto& name = token->get_ref<const std::string&>();
  const auto id = tokenizer.id(name);
  if (!id) refuse(detail::quoted_name(name));
  return *id;
}

}  // namespace pixnerd
