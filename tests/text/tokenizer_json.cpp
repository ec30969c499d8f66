// SPDX-License-Identifier: MIT
/// \file
/// tokenizer.json files that are damaged, inconsistent or of another family: each is refused by a sentence.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/tokenizer_tools.hpp"

using namespace pixnerd;
using nlohmann::json;
using test::check_throws;
using test::parse_and_make;
using test::small_tokenizer;

BOOST_AUTO_TEST_SUITE(tokenizer_json)

namespace {

struct Defect {
  const char* name;
  std::function<void(json&)> damage;
  const char* words;  ///< of the message
};

json& split_of(json& root) {
  return root["pre_tokenizer"]["pretokenizers"][0];
}
json& bytes_of(json& root) {
  return root["pre_tokenizer"]["pretokenizers"][1];
}
json& added_of(json& root) {
  return root["added_tokens"][0];
}

std::vector<Defect> whole_and_normalizer() {
  return {
      {"an array", [](json& t) { t = json::array(); }, "an object in 'F', got an array"},
      {"null", [](json& t) { t = nullptr; }, "an object in 'F', got null"},
      {"nothing in it", [](json& t) { t = json::object(); }, "the pre-tokenizers Split and ByteLevel"},
      {"normalizer NFKC", [](json& t) { t["normalizer"]["type"] = "NFKC"; },
       "NFC or none in 'F', got \"NFKC\""},
      {"BERT's normalizer", [](json& t) { t["normalizer"]["type"] = "BertNormalizer"; },
       "got \"BertNormalizer\""},
      {"a sequence", [](json& t) { t["normalizer"]["type"] = "Sequence"; }, "got \"Sequence\""},
      {"normalizer without type", [](json& t) { t["normalizer"].erase("type"); },
       "a \"type\" of the normalizer"},
      {"normalizer a string", [](json& t) { t["normalizer"] = "NFC"; },
       "normalizer as an object in 'F', got a string"},
      {"type a number", [](json& t) { t["normalizer"]["type"] = 3; },
       "a \"type\" of the normalizer in 'F', got a number"},
      {"template", [](json& t) { t["post_processor"]["type"] = "TemplateProcessing"; }, "no post-processor"},
      {"no decoder", [](json& t) { t.erase("decoder"); }, "the decoder ByteLevel in 'F', got \"null\""},
      {"decoder of WordPiece", [](json& t) { t["decoder"]["type"] = "WordPiece"; }, "got \"WordPiece\""},
  };
}

std::vector<Defect> pre_tokenizer() {
  return {
      {"none", [](json& t) { t["pre_tokenizer"] = nullptr; }, "Split and ByteLevel in 'F', got \"null\""},
      {"Metaspace",
       [](json& t) {
         t["pre_tokenizer"] = {{"type", "Metaspace"}};
       },
       "got \"Metaspace\""},
      {"BERT's",
       [](json& t) {
         t["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
       },
       "got \"BertPreTokenizer\""},
      {"ByteLevel alone", [](json& t) { t["pre_tokenizer"] = bytes_of(t); }, "got \"ByteLevel\""},
      {"no steps", [](json& t) { t["pre_tokenizer"].erase("pretokenizers"); }, "got null"},
      {"three steps", [](json& t) { t["pre_tokenizer"]["pretokenizers"].push_back(split_of(t)); },
       "a sequence of 3"},
      {"steps swapped", [](json& t) { std::swap(split_of(t), bytes_of(t)); },
       "got \"ByteLevel\" as number 1"},
      {"a step is a number", [](json& t) { split_of(t) = 1; },
       "pre-tokenizer as an object in 'F', got a number"},
      {"Digits", [](json& t) { split_of(t)["type"] = "Digits"; }, "got \"Digits\" as number 1"},
      {"pattern a string", [](json& t) { split_of(t)["pattern"] = "a"; }, "a \"Regex\" as pattern of Split"},
      {"pattern of a string",
       [](json& t) {
         split_of(t)["pattern"] = {{"String", " "}};
       },
       "a \"Regex\" as pattern"},
      {"pattern a number", [](json& t) { split_of(t)["pattern"]["Regex"] = 1; }, "a \"Regex\" as pattern"},
      {"no regex", [](json& t) { split_of(t)["pattern"]["Regex"] = "("; },
       "a regular expression as split pattern in 'F'"},
      {"matches nothing", [](json& t) { split_of(t)["pattern"]["Regex"] = "a*"; }, "matches no empty text"},
      {"long", [](json& t) { split_of(t)["pattern"]["Regex"] = std::string(20000, 'a'); },
       "at most 10000 bytes"},
      {"Removed", [](json& t) { split_of(t)["behavior"] = "Removed"; },
       "\"Isolated\" of Split in 'F', got \"Removed\""},
      {"no behavior", [](json& t) { split_of(t).erase("behavior"); },
       "\"Isolated\" of Split in 'F', got null"},
      {"inverted", [](json& t) { split_of(t)["invert"] = true; }, "no \"invert\" of Split"},
      {"invert a string", [](json& t) { split_of(t)["invert"] = "no"; },
       "true or false as \"invert\" of Split"},
      {"prefix space", [](json& t) { bytes_of(t)["add_prefix_space"] = true; },
       "begins every text with a space"},
      {"prefix by default", [](json& t) { bytes_of(t).erase("add_prefix_space"); },
       "begins every text with a space"},
      {"second split", [](json& t) { bytes_of(t)["use_regex"] = true; }, "\"use_regex\" false of ByteLevel"},
  };
}

std::vector<Defect> model() {
  return {
      {"none", [](json& t) { t.erase("model"); }, "got a model of type \"null\""},
      {"WordPiece", [](json& t) { t["model"]["type"] = "WordPiece"; },
       "a byte-level BPE model in 'F', got a model of type \"WordPiece\""},
      {"Unigram", [](json& t) { t["model"]["type"] = "Unigram"; }, "got a model of type \"Unigram\""},
      {"WordLevel", [](json& t) { t["model"]["type"] = "WordLevel"; }, "got a model of type \"WordLevel\""},
      {"no type", [](json& t) { t["model"].erase("type"); }, "a \"type\" of the model"},
      {"bytes as fallback", [](json& t) { t["model"]["byte_fallback"] = true; },
       "one with \"byte_fallback\""},
      {"fallback a number", [](json& t) { t["model"]["byte_fallback"] = 0; },
       "true or false as \"byte_fallback\""},
      {"whole words first", [](json& t) { t["model"]["ignore_merges"] = true; }, "\"ignore_merges\" false"},
      {"unknown token", [](json& t) { t["model"]["unk_token"] = "<unk>"; },
       "no \"unk_token\" of the model in 'F', got \"<unk>\""},
      {"prefix", [](json& t) { t["model"]["continuing_subword_prefix"] = "##"; },
       "no \"continuing_subword_prefix\""},
      {"suffix", [](json& t) { t["model"]["end_of_word_suffix"] = "</w>"; }, "no \"end_of_word_suffix\""},
      {"dropout", [](json& t) { t["model"]["dropout"] = 0.1; }, "no \"dropout\""},
      {"no vocabulary", [](json& t) { t["model"].erase("vocab"); },
       "an object \"vocab\" of the model in 'F', got null"},
      {"vocabulary a list", [](json& t) { t["model"]["vocab"] = json::array({"a"}); }, "an object \"vocab\""},
      {"empty vocabulary", [](json& t) { t["model"]["vocab"] = json::object(); }, "a byte-level vocabulary"},
      {"a byte is missing", [](json& t) { t["model"]["vocab"].erase("A"); },
       "with a token \"A\" for byte 65 in 'F', got none"},
      {"SentencePiece's", [](json& t) { t["model"]["vocab"].erase("\u0120"); }, "for byte 32"},
      {"an empty token", [](json& t) { t["model"]["vocab"][""] = 300; }, "tokens with characters"},
      {"two of one id", [](json& t) { t["model"]["vocab"]["th"] = 65; }, "a second of id 65, \"th\""},
      {"id a string", [](json& t) { t["model"]["vocab"]["th"] = "1"; },
       "of the token \"th\" in 'F', got a string"},
      {"id negative", [](json& t) { t["model"]["vocab"]["th"] = -1; },
       "an id below 4194304 of the token \"th\" in 'F', got -1"},
      {"id a fraction", [](json& t) { t["model"]["vocab"]["th"] = 1.5; }, "got 1.5"},
      {"id huge", [](json& t) { t["model"]["vocab"]["th"] = 4194304; }, "got 4194304"},
      {"id of 64 bits", [](json& t) { t["model"]["vocab"]["th"] = ~std::uint64_t{0}; },
       "got 18446744073709551615"},
      {"id of 33 bits", [](json& t) { t["model"]["vocab"]["th"] = (std::uint64_t{1} << 32) + 256; },
       "got 4294967552"},
      {"no merges", [](json& t) { t["model"].erase("merges"); },
       "an array \"merges\" of the model in 'F', got null"},
      {"merges an object", [](json& t) { t["model"]["merges"] = json::object(); }, "an array \"merges\""},
      {"a merge of one", [](json& t) { t["model"]["merges"][1] = json::array({"t"}); },
       "two tokens as merge number 1 in 'F'"},
      {"a merge of three", [](json& t) { t["model"]["merges"][0] = "t h e"; },
       "merge number 0 in 'F', got \"t h e\""},
      {"a merge of numbers",
       [](json& t) {
         t["model"]["merges"][0] = json::array({1, 2});
       },
       "merge number 0"},
      {"a merge is null", [](json& t) { t["model"]["merges"][0] = nullptr; },
       "merge number 0 in 'F', got null"},
      {"left unknown",
       [](json& t) {
         t["model"]["merges"][1] = json::array({"q\u00e9", "e"});
       },
       "in merge number 1 in 'F', got \"q\u00e9\""},
      {"right unknown",
       [](json& t) {
         t["model"]["merges"][1] = json::array({"t", "he"});
       },
       "got \"he\""},
      {"result unknown",
       [](json& t) {
         t["model"]["merges"][1] = json::array({"a", "b"});
       },
       "got \"ab\""},
      {"a merge with nothing", [](json& t) { t["model"]["merges"][1] = " a"; }, "got \"\""},
      {"a merge twice",
       [](json& t) {
         t["model"]["merges"][1] = json::array({"t", "h"});
       },
       "one merge of each pair in 'F', got a second, number 1"},
  };
}

std::vector<Defect> added_tokens() {
  return {
      {"an object", [](json& t) { t["added_tokens"] = json::object(); }, "an array \"added_tokens\""},
      {"a string in it", [](json& t) { added_of(t) = "<|end|>"; },
       "objects as added tokens in 'F', got a string"},
      {"no content", [](json& t) { added_of(t).erase("content"); },
       "\"content\" of an added token in 'F', got null"},
      {"empty", [](json& t) { added_of(t)["content"] = ""; }, "added tokens of 1 to 256 bytes"},
      {"long", [](json& t) { added_of(t)["content"] = std::string(257, '<'); },
       "added tokens of 1 to 256 bytes"},
      {"no id", [](json& t) { added_of(t).erase("id"); }, "of the token \"<|end|>\" in 'F', got null"},
      {"id huge", [](json& t) { added_of(t)["id"] = 1 << 30; }, "got 1073741824"},
      {"id of another", [](json& t) { added_of(t)["id"] = 257; }, "a second of id 257, \"<|end|>\""},
      {"two ids", [](json& t) { t["model"]["vocab"]["<|end|>"] = 300; },
       "vocabulary's id 300 of the added token \"<|end|>\" in 'F', got 258"},
      {"twice", [](json& t) { t["added_tokens"].push_back(added_of(t)); }, "\"<|end|>\" twice"},
      {"left strip", [](json& t) { added_of(t)["lstrip"] = true; }, "\"lstrip\" false of the added token"},
      {"right strip", [](json& t) { added_of(t)["rstrip"] = true; }, "\"rstrip\" false of the added token"},
      {"single word", [](json& t) { added_of(t)["single_word"] = true; },
       "\"single_word\" false of the added token"},
      {"special a number", [](json& t) { added_of(t)["special"] = 1; }, "true or false as \"special\""},
  };
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_read) {
  auto root = small_tokenizer();
  const auto out = parse_tokenizer(root.dump(), "F");
  BOOST_TEST(out.nfc);
  BOOST_TEST(out.size == 259u);
  BOOST_TEST(out.rules.size() == 2u);
  BOOST_TEST(out.rules[1].joined == 257u);
  BOOST_TEST(out.byte_tokens[' '] == static_cast<unsigned>(' '));
  BOOST_TEST(out.added.size() == 1u);

  // Older files join a merge's tokens by a space; a missing "added_tokens" has none; "" is as good as null.
  root["model"]["merges"] = {"t h", "th e"};
  root["model"]["end_of_word_suffix"] = "";
  root["normalizer"] = nullptr;
  root.erase("added_tokens");
  const auto older = parse_tokenizer(root.dump(), "F");
  BOOST_TEST(older.rules[1].left == 256u);
  BOOST_TEST(older.added.empty());
  BOOST_TEST(!older.nfc);
}

BOOST_AUTO_TEST_CASE(defects) {
  std::size_t count = 0;
  for (const auto& defects : {whole_and_normalizer(), pre_tokenizer(), model(), added_tokens()}) {
    for (const auto& defect : defects) {
      BOOST_TEST_CONTEXT(defect.name) {
        auto root = small_tokenizer();
        defect.damage(root);
        check_throws<FileError>([&] { parse_and_make(root.dump()); },
                                {"[tokenizer] expected ", "'F'", defect.words});
      }
    }
    count += defects.size();
  }
  BOOST_TEST(count >= 80u);
}

BOOST_AUTO_TEST_CASE(a_token_twice) {
  std::string characters = small_tokenizer().dump();
  characters.insert(characters.find("\"th\":256"), "\"th\":300,");
  check_throws<FileError>([&] { parse_and_make(characters); },
                          {"in 'F', got a key that is twice in one object"});
}

// A file is read or refused, and what is read encodes and decodes.
BOOST_AUTO_TEST_CASE(every_prefix_and_every_flipped_byte) {
  const std::string whole = small_tokenizer().dump(1);
  BOOST_TEST(whole.size() > 3500u);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    check_throws<FileError>([&] { parse_and_make(std::string_view(whole).substr(0, at)); }, {"'F'"});
  }
  std::size_t refused = 0;
  for (const int flip : {0x01, 0x20, 0x80}) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      try {
        const auto tokenizer = parse_and_make(damaged);
        BOOST_TEST(tokenizer.decode(tokenizer.encode("the e\u0301<|end|>")).size() > 0);
      } catch (const FileError& error) {
        BOOST_TEST(std::string(error.what()).find("'F'") != std::string::npos);
        ++refused;
      }
    }
  }
  BOOST_TEST(refused > whole.size());
}

BOOST_AUTO_TEST_SUITE_END()
