// SPDX-License-Identifier: MIT
/// \file
/// The tokenizer against Hugging Face's, on reference texts and random ones, and on texts made to be slow.
#include <time.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

#include <pixnerd/io/gzip.hpp>

#include "support/files.hpp"
#include "support/tokenizer_tools.hpp"

using namespace pixnerd;
using test::check_throws;
using Ids = std::vector<std::int64_t>;

BOOST_AUTO_TEST_SUITE(tokenizer)

namespace {

std::string test_file(const std::string& name) {
  return std::string(PIXNERD_TEST_DATA) + "/tokenizer/" + name;
}

Tokenizer reference() {
  return Tokenizer(test_file("tokenizer.json"));
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool is_sanitized = true;
#elif defined(__has_feature)
constexpr bool is_sanitized = __has_feature(address_sanitizer);
#else
constexpr bool is_sanitized = false;
#endif
constexpr double most_seconds = is_sanitized ? 10 : 1;  // for a megabyte

double thread_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

BOOST_AUTO_TEST_CASE(reference_texts) {
  const auto tokenizer = reference();
  BOOST_TEST(tokenizer.size() == 500);
  int texts = 0;
  for (const auto& entry : read_json_file(test_file("tokens.json"), "test")) {
    const auto characters = entry["text"].get<std::string>();
    const auto ids = tokenizer.encode(characters);
    BOOST_TEST(ids == entry["ids"].get<Ids>(), characters);
    BOOST_TEST(tokenizer.decode(ids) == normalize_nfc(characters));
    ++texts;
  }
  BOOST_TEST(texts == 14);
}

// Written by tests/fixtures/make/tokenizer_vectors.py.
BOOST_AUTO_TEST_CASE(random_texts) {
  const auto tokenizer = reference();
  const std::string path = test_file("vectors.json.gz");
  GzipFile file(path);
  std::vector<std::uint8_t> unpacked(282'030);
  file.read(unpacked);
  file.expect_end();
  const auto vectors =
      parse_json({reinterpret_cast<const char*>(unpacked.data()), unpacked.size()}, path, "test");
  for (const auto& [characters, ids] : vectors["encoded"].get<std::vector<std::pair<std::string, Ids>>>()) {
    BOOST_TEST(tokenizer.encode(characters) == ids, characters);
  }
  for (const auto& entry : vectors["decoded"]) {
    const auto ids = entry[0].get<Ids>();
    BOOST_TEST(tokenizer.decode(ids) == entry[1].get<std::string>());
    BOOST_TEST(tokenizer.decode(ids, /*skip_special=*/true) == entry[2].get<std::string>());
  }
  BOOST_TEST(vectors["encoded"].size() == 3000u);
  BOOST_TEST(vectors["decoded"].size() == 300u);
}

BOOST_AUTO_TEST_CASE(added_tokens) {
  auto root = test::small_tokenizer();
  root["added_tokens"].push_back({{"id", 259}, {"content", "<|end|>>"}});
  root["added_tokens"].push_back({{"id", 260}, {"content", "e\u0301"}, {"normalized", true}});
  root["added_tokens"].push_back({{"id", 261}, {"content", "<|"}, {"normalized", false}});
  root["added_tokens"].push_back({{"id", 300}, {"content", "<|x"}, {"normalized", false}});
  const auto tokenizer = test::make_tokenizer(root);
  BOOST_TEST(tokenizer.size() == 301);
  BOOST_TEST(tokenizer.encode("<|end|>the<|end|>") == (Ids{258, 257, 258}));
  BOOST_TEST(tokenizer.encode("<|end|>>") == (Ids{258, '>'}));  // not special, so looked for in what is left
  BOOST_TEST(tokenizer.encode("<|en<|x<|") == (Ids{261, 'e', 'n', 300, 261}));
  BOOST_TEST(tokenizer.encode("a\u00e9") == (Ids{'a', 260}));
  BOOST_TEST(tokenizer.encode("ae\u0301") == (Ids{'a', 260}));
  BOOST_TEST(tokenizer.encode("e<|\u0301") ==
             (Ids{'e', 261, 0xcc, 0x81}));  // each part is normalized on its own
  BOOST_TEST(tokenizer.decode(Ids{257, 258, 300}) == "the<|end|><|x");
  BOOST_TEST(tokenizer.decode(Ids{257, 258, 300}, true) == "the<|x");
  BOOST_TEST(tokenizer.id("<|end|>").value() == 258);
  BOOST_TEST(tokenizer.id("the").value() == 257);
  BOOST_TEST(!tokenizer.id("cat"));
  check_throws<ValueError>(
      [&] {
        tokenizer.decode(Ids{1, 299});
      },
      {"[tokenizer] expected an id of a token", "299"});
  check_throws<ValueError>([&] { tokenizer.decode(Ids{301}); }, {"below 301", "got 301"});
  check_throws<ValueError>([&] { tokenizer.decode(Ids{-1}); }, {"got -1"});
}

// Long enough to lie on the heap, where a sanitizer sees reads beyond their ends.
BOOST_AUTO_TEST_CASE(added_tokens_that_normalizing_makes_equal) {
  const std::string rest(40, 'a');
  auto root = test::small_tokenizer();
  root["added_tokens"].push_back({{"id", 259}, {"content", "e\u0301" + rest}, {"normalized", true}});
  root["added_tokens"].push_back({{"id", 260}, {"content", "\u00e9" + rest}, {"normalized", true}});
  const auto tokenizer = test::make_tokenizer(root);
  BOOST_TEST(tokenizer.encode("\u00e9" + rest) == Ids{259});
  BOOST_TEST(tokenizer.encode("e\u0301" + rest + std::string("\0z", 2)) == (Ids{259, 0, 'z'}));
}

BOOST_AUTO_TEST_CASE(bad_text) {
  const auto tokenizer = test::make_tokenizer(test::small_tokenizer());
  check_throws<ValueError>([&] { tokenizer.encode("a caf\xe9"); },
                           {"[tokenizer] expected text in UTF-8, got no character at byte 5 (0xe9)"});
  BOOST_TEST(tokenizer.encode("") == Ids{});
  BOOST_TEST(tokenizer.encode(std::string_view("\0", 1)) == Ids{0});
  BOOST_TEST(tokenizer.decode(Ids{0xe6, 0x97}) == "\ufffd");
}

BOOST_AUTO_TEST_CASE(fitting) {
  const auto fitted = fit_tokens({5, 6, 7}, 5, 9);
  BOOST_TEST(fitted.ids == (Ids{5, 6, 7, 9, 9}));
  BOOST_TEST(fitted.count == 3);
  BOOST_TEST(fitted.dropped == 0);
  const auto empty = fit_tokens({}, 2, 9);
  BOOST_TEST(empty.ids == (Ids{9, 9}));
  BOOST_TEST(empty.count == 0);

  std::string words;
  for (int i = 0; i < 10'000; ++i) words += "the ";
  const auto cut = fit_tokens(test::make_tokenizer(test::small_tokenizer()).encode(words), 128, 9);
  BOOST_TEST(cut.ids.size() == 128u);
  BOOST_TEST(cut.count == 128);
  BOOST_TEST(cut.dropped == 20'000 - 128);
  check_throws<ValueError>([] { fit_tokens({1}, 0, 9); }, {"a length of at least 1, got 0"});
}

BOOST_AUTO_TEST_CASE(pad_token) {
  const test::Folder folder;
  const auto tokenizer = test::make_tokenizer(test::small_tokenizer());
  const auto pad = [&](std::string_view json) {
    write_file_atomic(folder / "tokenizer_config.json", json);
    return read_pad_token(folder / "tokenizer_config.json", tokenizer);
  };
  BOOST_TEST(pad(R"({"pad_token": "<|end|>", "bos_token": null})") == 258);
  BOOST_TEST(pad(R"({"pad_token": {"content": "<|end|>"}})") == 258);
  for (const char* bad : {"{}", "[]", R"({"pad_token": null})", R"({"pad_token": "<|no|>"})",
                          R"({"pad_token": 3})", R"({"pad_token": {"content": 1}})"}) {
    check_throws<FileError>([&] { pad(bad); }, {"as \"pad_token\" in '", "tokenizer_config.json'"});
  }
}

// A megabyte each may take a second. The slowest took 0.18 s with -O1 on a busy machine, and 1.7 s with
// sanitizers. What others do on the machine counts little in the processor's time of this thread, and less in
// the best of three.
BOOST_AUTO_TEST_CASE(hostile_texts_take_no_time) {
  const auto tokenizer = reference();
  for (const std::string piece : {"x", " ", "\n", ".", "'", "<|endoftext|", "<|endoftext|>", "\u0301\u0316",
                                  "\u1100", "the", " \n", "\u65e5", "A photo of 3 cats, they're drawn. "}) {
    std::string characters;
    while (characters.size() < 1 << 20) characters += piece;
    Ids ids;
    double best = std::numeric_limits<double>::infinity();
    for (int run = 0; run < 3 && best > most_seconds; ++run) {
      const double begin = thread_seconds();
      ids = tokenizer.encode(characters);
      best = std::min(best, thread_seconds() - begin);
    }
    BOOST_TEST(best <= most_seconds, piece << ": " << best << " s");
    BOOST_TEST((tokenizer.decode(ids) == normalize_nfc(characters)), piece);
  }
}

BOOST_AUTO_TEST_SUITE_END()
