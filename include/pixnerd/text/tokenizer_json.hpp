// SPDX-License-Identifier: MIT
/// \file
/// tokenizer.json as Hugging Face's `tokenizers` writes it, of the one family that the text encoder needs:
/// byte-level byte-pair encoding behind a regular expression. Everything that would change a token is read or
/// refused by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/io/tensor_entry.hpp>
#include <pixnerd/text/byte_pairs.hpp>
#include <pixnerd/text/byte_symbols.hpp>

namespace pixnerd {

/// A token that is found in text as it stands, before anything is split: "<|endoftext|>".
struct AddedToken {
  std::string content;
  std::uint32_t id = 0;
  bool special = false;     ///< no text, so left out of decoded text if asked
  bool normalized = false;  ///< looked for in normalized text
};

/// The contents of a tokenizer.json.
struct TokenizerDefinition {
  std::string pattern;  ///< regular expression that cuts text into words
  bool nfc = false;     ///< text is brought to normalization form C first
  std::map<std::string, std::uint32_t, std::less<>> vocabulary;  ///< spelled in byte symbols
  std::vector<AddedToken> added;
  std::vector<BytePairRule> rules;
  std::array<std::uint32_t, 256> byte_tokens{};  ///< the token of each byte
  std::uint32_t size = 0;                        ///< one more than the largest id
};

namespace detail {

/// Qwen3's tokenizer.json has 11 MB and 0.6 million values.
inline constexpr JsonLimits tokenizer_json_limits{.bytes = 128 << 20, .values = 8'000'000};

/// Reads a definition member by member; every message names the file.
class TokenizerReader {
 public:
  using json = nlohmann::json;

  TokenizerReader(const json& root, const std::string& path) : root_(root), path_(path) {}

  TokenizerDefinition read() {
    if (!root_.is_object()) refuse("an object", kind(root_));
    read_normalizer();
    read_pre_tokenizer();
    read_post_processor();
    read_decoder();
    const json& model = read_model_settings();
    read_vocabulary(model);
    read_added_tokens();
    read_bytes();
    read_merges(model);
    return std::move(out_);
  }

 private:
  static constexpr std::uint32_t most_tokens = 1u << 22;  ///< published vocabularies stay below 2^19
  static constexpr std::size_t most_added_bytes = 256;    ///< of one added token

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>("tokenizer", str_cat(expected, " in '", path_, "'"), got);
  }

  static std::string kind(const json& value) {
    return str_cat(value.is_object() || value.is_array() ? "an "
                   : value.is_null()                     ? ""
                                                         : "a ",
                   value.type_name());
  }

  const json& member(const json& object, const char* key) const {
    static const json null;
    const auto found = object.find(key);
    return found == object.end() ? null : *found;
  }

  /// "NFC" for {"type": "NFC", …}, "null" for null; throws for anything that has no type.
  std::string type_of(const json& value, std::string_view what) const {
    if (value.is_null()) return "null";
    if (!value.is_object()) refuse(str_cat(what, " as an object"), kind(value));
    const json& type = member(value, "type");
    if (!type.is_string()) refuse(str_cat("a \"type\" of the ", what), kind(type));
    return type.get<std::string>();
  }

  bool flag(const json& object, const char* key, bool missing, std::string_view what) const {
    const json& value = member(object, key);
    if (value.is_null()) return missing;
    if (!value.is_boolean()) refuse(str_cat("true or false as \"", key, "\" of ", what), kind(value));
    return value.get<bool>();
  }

  void read_normalizer() {
    const std::string type = type_of(member(root_, "normalizer"), "normalizer");
    if (type != "NFC" && type != "null") refuse("the normalizer NFC or none", quoted_name(type));
    out_.nfc = type == "NFC";
  }

  void read_pre_tokenizer() {
    const json& outer = member(root_, "pre_tokenizer");
    constexpr auto expected = "the pre-tokenizers Split and ByteLevel";
    if (const auto type = type_of(outer, "pre-tokenizer"); type != "Sequence")
      refuse(expected, quoted_name(type));
    const json& steps = member(outer, "pretokenizers");
    if (!steps.is_array() || steps.size() != 2) {
      refuse(expected, steps.is_array() ? str_cat("a sequence of ", steps.size()) : kind(steps));
    }
    constexpr const char* names[] = {"Split", "ByteLevel"};
    for (std::size_t i = 0; i < 2; ++i) {
      const auto type = type_of(steps[i], "pre-tokenizer");
      if (type != names[i]) refuse(expected, str_cat(quoted_name(type), " as number ", i + 1));
    }
    const json& pattern = member(steps[0], "pattern");
    const json& regex = pattern.is_object() ? member(pattern, "Regex") : pattern;
    if (!pattern.is_object() || !regex.is_string()) refuse("a \"Regex\" as pattern of Split", kind(regex));
    out_.pattern = regex.get<std::string>();
    if (member(steps[0], "behavior") != "Isolated") {
      refuse("the behavior \"Isolated\" of Split", name_of(member(steps[0], "behavior")));
    }
    if (flag(steps[0], "invert", false, "Split")) refuse("no \"invert\" of Split", "true");
    if (flag(steps[1], "add_prefix_space", true, "ByteLevel")) {
      refuse("\"add_prefix_space\" false of ByteLevel", "true, which begins every text with a space");
    }
    if (flag(steps[1], "use_regex", true, "ByteLevel")) {
      refuse("\"use_regex\" false of ByteLevel", "true, which would split a second time");
    }
  }

  static std::string name_of(const json& value) {
    return value.is_string() ? quoted_name(value.get_ref<const std::string&>()) : kind(value);
  }

  void read_post_processor() {
    const std::string type = type_of(member(root_, "post_processor"), "post-processor");
    if (type != "ByteLevel" && type != "null") {
      refuse("no post-processor, or ByteLevel, which adds no token", quoted_name(type));
    }
  }

  void read_decoder() {
    const std::string type = type_of(member(root_, "decoder"), "decoder");
    if (type != "ByteLevel") refuse("the decoder ByteLevel", quoted_name(type));
  }

  const json& read_model_settings() {
    const json& model = member(root_, "model");
    if (const auto type = type_of(model, "model"); type != "BPE") {
      refuse("a byte-level BPE model", str_cat("a model of type ", quoted_name(type)));
    }
    if (flag(model, "byte_fallback", false, "the model")) {
      refuse("a byte-level BPE model", "one with \"byte_fallback\", which spells its words in characters");
    }
    if (flag(model, "ignore_merges", false, "the model"))
      refuse("\"ignore_merges\" false of the model", "true");
    for (const char* key : {"unk_token", "continuing_subword_prefix", "end_of_word_suffix"}) {
      const json& value = member(model, key);
      if (!value.is_null() && value != "") refuse(str_cat("no \"", key, "\" of the model"), name_of(value));
    }
    const json& dropout = member(model, "dropout");
    if (!dropout.is_null() && dropout != 0) refuse("no \"dropout\" of the model", kind(dropout));
    return model;
  }

  std::uint32_t read_id(const json& value, std::string_view token) const {
    const auto expected = [&] {
      return str_cat("an id below ", most_tokens, " of the token ", quoted_name(token));
    };
    if (!value.is_number_unsigned()) refuse(expected(), value.is_number() ? value.dump() : kind(value));
    if (value.get<std::uint64_t>() >= most_tokens) refuse(expected(), value.dump());
    return value.get<std::uint32_t>();
  }

  void take_id(std::uint32_t id, std::string_view token) {
    if (id >= used_.size()) used_.resize(id + std::size_t{1});
    if (used_[id]) refuse("one token of each id", str_cat("a second of id ", id, ", ", quoted_name(token)));
    used_[id] = true;
    out_.size = static_cast<std::uint32_t>(used_.size());
  }

  void read_vocabulary(const json& model) {
    const json& vocabulary = member(model, "vocab");
    if (!vocabulary.is_object()) refuse("an object \"vocab\" of the model", kind(vocabulary));
    for (const auto& [token, id] : vocabulary.items()) {
      if (token.empty()) refuse("tokens with characters", "an empty one");
      out_.vocabulary.emplace_hint(out_.vocabulary.end(), token, read_id(id, token));
      take_id(out_.vocabulary.rbegin()->second, token);
    }
  }

  std::optional<std::uint32_t> find(std::string_view token) const {
    const auto found = out_.vocabulary.find(token);
    if (found == out_.vocabulary.end()) return {};
    return found->second;
  }

  void read_added_tokens() {
    const json& list = member(root_, "added_tokens");
    if (list.is_null()) return;
    if (!list.is_array()) refuse("an array \"added_tokens\"", kind(list));
    for (const json& entry : list) {
      if (!entry.is_object()) refuse("objects as added tokens", kind(entry));
      const json& content = member(entry, "content");
      if (!content.is_string()) refuse("a string as \"content\" of an added token", kind(content));
      AddedToken token;
      token.content = content.get<std::string>();
      const std::string name = str_cat("the added token ", quoted_name(token.content));
      if (token.content.empty() || token.content.size() > most_added_bytes) {
        refuse(str_cat("added tokens of 1 to ", most_added_bytes, " bytes"),
               str_cat(name, " of ", token.content.size()));
      }
      for (const char* key : {"single_word", "lstrip", "rstrip"}) {
        if (flag(entry, key, false, name)) refuse(str_cat("\"", key, "\" false of ", name), "true");
      }
      token.special = flag(entry, "special", false, name);
      token.normalized = flag(entry, "normalized", !token.special, name);
      token.id = read_id(member(entry, "id"), token.content);
      for (const auto& other : out_.added) {
        if (other.content == token.content) refuse("added tokens that differ", str_cat(name, " twice"));
      }
      if (const auto known = find(token.content); !known) {
        take_id(token.id, token.content);
      } else if (*known != token.id) {
        refuse(str_cat("the vocabulary's id ", *known, " of ", name), str_cat(token.id));
      }
      out_.added.push_back(std::move(token));
      if (out_.added.size() > most_added) refuse(str_cat("at most ", most_added, " added tokens"), "more");
    }
  }

  void read_bytes() {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      std::string symbol;
      append_utf8(symbol, byte_symbols[byte]);
      const auto token = find(symbol);
      if (!token) {
        refuse(str_cat("a byte-level vocabulary, with a token ", quoted_name(symbol), " for byte ", byte),
               "none");
      }
      out_.byte_tokens[byte] = *token;
    }
  }

  /// A merge is ["a", "b"] or, in older files, "a b".
  std::pair<std::string_view, std::string_view> read_merge(const json& merge, std::size_t number) const {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
    }
    if (merge.is_string()) {
      const std::string_view both = merge.get_ref<const std::string&>();
      const auto space = both.find(' ');
      if (space != both.npos && space == both.rfind(' '))
        return {both.substr(0, space), both.substr(space + 1)};
    }
    refuse(str_cat("two tokens as merge number ", number), name_of(merge));
  }

  void read_merges(const json& model) {
    const json& merges = member(model, "merges");
    if (!merges.is_array()) refuse("an array \"merges\" of the model", kind(merges));
    if (merges.size() > most_tokens)
      refuse(str_cat("at most ", most_tokens, " merges"), str_cat(merges.size()));
    out_.rules.reserve(merges.size());
    for (std::size_t number = 0; number < merges.size(); ++number) {
      const auto [left, right] = read_merge(merges[number], number);
      const auto token = [&](std::string_view spelling) {
        const auto id = find(spelling);
        if (!id) refuse(str_cat("tokens of the vocabulary in merge number ", number), quoted_name(spelling));
        return *id;
      };
      const std::uint32_t left_id = token(left), right_id = token(right);
      out_.rules.push_back({left_id, right_id, token(std::string(left).append(right))});
    }
  }

  static constexpr std::size_t most_added = 10'000;

  const json& root_;
  const std::string& path_;
  TokenizerDefinition out_;
  std::vector<bool> used_;  ///< ids
};

}  // namespace detail

/// Reads the text of a tokenizer.json. `path` says in messages where it came from. Throws FileError, naming
/// what is wrong, for a file that is damaged, inconsistent, or of another family of tokenizers (WordPiece,
/// Unigram, SentencePiece).
inline TokenizerDefinition parse_tokenizer(std::string_view characters, const std::string& path) {
  const auto root = parse_json(characters, path, "tokenizer", detail::tokenizer_json_limits);
  return detail::TokenizerReader(root, path).read();
}

}  // namespace pixnerd
