// SPDX-License-Identifier: MIT
/// \file
/// Texts to features: against the published implementation, what is cut and padded, and folders that are
/// none.
#include <pixnerd/data/qwen3_text.hpp>

#include <boost/test/unit_test.hpp>
#include <set>

#include <pixnerd/conditioning/class_features.hpp>
#include <pixnerd/conditioning/encoded_text.hpp>
#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/models/conditioned_model.hpp>
#include <pixnerd/zoo/t2i_file.hpp>

#include "support/qwen3_tools.hpp"
#include "support/support.hpp"
#include "support/tokenizer_tools.hpp"

using namespace pixnerd;
using nlohmann::json;
using test::check_throws;
using Texts = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(qwen3_text)

namespace {

/// A tokenizer in which "<I>" is the token I for all I of `named`, and bytes are others below 512.
Tokenizer tokenizer_with(const std::set<std::int64_t>& named) {
  auto root = test::small_tokenizer();
  root["added_tokens"] = json::array();
  for (const auto id : named)
    root["added_tokens"].push_back({{"id", id}, {"content", str_cat("<", id, ">")}, {"normalized", false}});
  std::int64_t next = 0;
  for (auto& [spelling, id] : root["model"]["vocab"].items()) {
    while (named.contains(next)) ++next;
    id = next++;
  }
  return test::make_tokenizer(root);
}

std::vector<float> rounded(std::vector<float> values) {
  for (float& value : values) value = float(bfloat16(value));
  return values;
}

/// Row `i` of features, or of one of its tokens.
std::vector<float> part(const Tensor<float>& features, std::int64_t text, std::int64_t token) {
  return features.rows(text, text + 1)
      .reshape({features.size(1), features.size(2)})
      .rows(token, token + 1)
      .to_host();
}

}  // namespace

// From texts to the reference's hidden states, those of padding among them; the batch was padded to 12
// tokens.
BOOST_AUTO_TEST_CASE(published_implementation) {
  const SafetensorsFile file(str_cat(PIXNERD_TEST_DATA, "/qwen3.safetensors"));
  const auto ids = file.read<std::int64_t>("in.ids"), mask = file.read<std::int64_t>("in.mask");
  Texts texts(3);
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (mask[i] == 1) texts[i / 12] += str_cat("<", ids[i], ">");
  const std::set<std::int64_t> named(ids.begin(), ids.end());
  BOOST_TEST_REQUIRE(ids.back() == 0);  // which pads
  const Qwen3Text<On<Cpu>> encoder(tokenizer_with(named), 0, test::reference_qwen3(), 12, 48);
  const auto features = encoder(texts);
  BOOST_TEST((features.shape() == Shape{3, 12, 48}));
  const auto found = features.to_host();
  BOOST_TEST(found == rounded(found));
  // Where float32 differs by 1e-6, a few of 1728 numbers are rounded the other way; not to round at all would
  // be 1e-3.
  BOOST_TEST(relative_error(found, rounded(file.read<float>("out.hidden"))) < 3e-4);
}

BOOST_AUTO_TEST_CASE(padding_cutting_and_nothing) {
  const test::Qwen3Folder folder;
  const auto encoder = load_qwen3_text<On<Cpu>>(folder.path, 6, 48);
  const auto model = test::reference_qwen3();
  using Numbers = Tensor<std::int64_t>;
  const auto states = [&](const std::vector<std::int64_t>& ids, std::int64_t count) {
    return rounded(model
                       .forward(Numbers::from_host({1, 6}, ids),
                                Numbers::from_host({1}, std::vector<std::int64_t>{count}))
                       .to_host());
  };
  const Texts cat{"a photo of a cat"};
  BOOST_TEST(encoder(cat).to_host() == states({67, 295, 291, 267, 294, 0}, 5));
  BOOST_TEST(encoder(Texts{"A red apple, 3 green pears & 12 plums!"}).to_host() ==
             states({35, 439, 70, 464, 14, 223}, 6));
  // No text is padding that sees itself alone: all tokens are equal. A text of the padding token is another.
  const auto nothing = encoder.null_features();
  BOOST_TEST((nothing.shape() == Shape{1, 6, 48}));
  BOOST_TEST(nothing.to_host() == encoder(Texts{""}).to_host());
  BOOST_TEST(nothing.to_host() == states({0, 0, 0, 0, 0, 0}, 0));
  for (std::int64_t i = 1; i < 6; ++i)
    BOOST_TEST(relative_error(part(nothing, 0, i), part(nothing, 0, 0)) < 1e-2);
  BOOST_TEST(encoder.tokens_of("<|endoftext|>").count == 1);
  BOOST_TEST(encoder.tokens_of("").count == 0);

  // Texts of a batch do not see each other.
  const auto both = encoder(Texts{"", cat[0], ""});
  BOOST_TEST(relative_error(both.rows(1, 2).to_host(), encoder(cat).to_host()) < 1e-3);
  BOOST_TEST(relative_error(both.rows(2, 3).to_host(), nothing.to_host()) < 1e-3);
  BOOST_TEST((encoder(Texts{}).shape() == Shape{0, 6, 48}));

  std::string long_one;
  for (int i = 0; i < 10'000; ++i) long_one += "photo ";
  BOOST_TEST(encoder.tokens_of(long_one).dropped > 9'000);
  BOOST_TEST((encoder(Texts{long_one}).shape() == Shape{1, 6, 48}));
  check_throws<ValueError>([&] { encoder(Texts{"a", "caf\xe9"}); }, {"[tokenizer]", "UTF-8", "byte 3"});
}

BOOST_AUTO_TEST_CASE(other_widths) {
  const test::Qwen3Folder folder;
  const Texts texts{"cat", ""};
  const auto whole = load_qwen3_text<On<Cpu>>(folder.path, 4, 48)(texts);
  const auto narrow = load_qwen3_text<On<Cpu>>(folder.path, 4, 20)(texts);
  const auto wide = load_qwen3_text<On<Cpu>>(folder.path, 4, 50)(texts);
  BOOST_TEST((narrow.shape() == Shape{2, 4, 20}));
  BOOST_TEST((wide.shape() == Shape{2, 4, 50}));
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t token = 0; token < 4; ++token) {
      auto expected = part(whole, i, token);
      auto cut = expected;
      cut.resize(20);
      BOOST_TEST(part(narrow, i, token) == cut);
      expected.resize(50);
      BOOST_TEST(part(wide, i, token) == expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(precision) {
  const test::Qwen3Folder folder;
  const Texts texts{"a photo of a cat"};
  const auto full = load_qwen3_text<On<Cpu>>(folder.path, 8, 48)(texts).to_host();
  const auto mixed = load_qwen3_text<On<Cpu, Mixed>>(folder.path, 8, 48)(texts).to_host();
  const double error = relative_error(mixed, full);
  BOOST_TEST(error < 3e-2);
  BOOST_TEST(error > 0);
}

// With a model: as features that are given, and as numbers of texts whose features are listed.
BOOST_AUTO_TEST_CASE(as_conditioner) {
  const test::Qwen3Folder folder;
  const auto encoder = load_qwen3_text<On<Cpu>>(folder.path, 6, 20);
  const SafetensorsFile file(str_cat(PIXNERD_TEST_DATA, "/t2i_square.safetensors"));
  const auto model = load_pixnerd_t2i<On<Cpu>>(file, "param");
  const ConditionedModel given(model, GivenFeatures<On<Cpu>>(encoder.null_features()));
  const Texts texts{"cat", "a photo", ""};
  const ConditionedModel listed(model, ListedFeatures<On<Cpu>>(encoder(texts)));
  const auto x = random_tensor<float>({2, 3, 8, 8}, 1);
  const auto t = Tensor<float>::full({2}, 0.4f);

  Tape tape;  // features are constants
  const auto of_texts = given.forward(x, t, encoder(Texts{"a photo", "cat"}));
  const auto numbers = Tensor<std::int64_t>::from_host({2}, std::vector<std::int64_t>{1, 0});
  BOOST_TEST(relative_error(of_texts.to_host(), listed.forward(x, t, numbers).to_host()) < 1e-3);
  const auto of_nothing = given.forward(x, t, given.null_condition(2)).to_host();
  BOOST_TEST(relative_error(of_nothing, listed.forward(x, t, listed.null_condition(2)).to_host()) < 1e-3);
  BOOST_TEST(relative_error(of_nothing, of_texts.to_host()) > 1e-2);
}

BOOST_AUTO_TEST_CASE(bad_folders) {
  const auto refused = [](const test::Qwen3Folder& folder, const Texts& words) {
    check_throws<Error>([&] { load_qwen3_text<On<Cpu>>(folder.path, 6, 48); }, words);
  };
  for (const std::string name :
       {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}) {
    const test::Qwen3Folder folder;
    std::filesystem::remove(folder / name);
    refused(folder, {folder / name, "No such file"});
    std::filesystem::create_directory(folder / name);
    refused(folder, {folder / name});
  }
  const test::Qwen3Folder folder;
  const auto defect = [&](const std::string& name, const std::string& content, const Texts& words) {
    const auto good = read_file(folder / name, 1 << 20);
    write_file_atomic(folder / name, content);
    refused(folder, words);
    write_file_atomic(folder / name, std::string(good.begin(), good.end()));
  };
  defect("tokenizer_config.json", R"({"pad_token": "<pad>"})",
         {"\"pad_token\"", "tokenizer_config.json", "<pad>"});
  defect("config.json", R"({"model_type": "llama"})", {"\"model_type\": \"qwen3\"", "got \"llama\""});
  auto root = test::small_tokenizer();
  root["model"]["type"] = "WordPiece";
  defect("tokenizer.json", root.dump(), {"tokenizer.json", "BPE", "WordPiece"});
  root = test::small_tokenizer();
  root["added_tokens"] = json::array({{{"id", 512}, {"content", "<|endoftext|>"}}});
  defect("tokenizer.json", root.dump(),
         {"[Qwen3Text] expected ids below 512, the \"vocab_size\" of config.json", "tokenizer.json",
          "up to 512"});

  check_throws<ValueError>(
      [&] { Qwen3Text<On<Cpu>>(test::make_tokenizer(root), 0, test::reference_qwen3()); },
      {"ids are below 512, which the encoder knows", "up to 512"});
  const auto make = [&](std::int64_t pad, std::int64_t tokens, std::int64_t width) {
    Qwen3Text<On<Cpu>>(Tokenizer(folder / "tokenizer.json"), pad, test::reference_qwen3(), tokens, width);
  };
  check_throws<ValueError>([&] { make(500, 6, 48); }, {"a token below 500 that pads, got 500"});
  check_throws<ValueError>([&] { make(-1, 6, 48); }, {"got -1"});
  check_throws<ValueError>([&] { make(0, 0, 48); }, {"at least one token", "got 0 and 48"});
  check_throws<ValueError>([&] { make(0, 6, 0); }, {"got 6 and 0"});
}

BOOST_AUTO_TEST_SUITE_END()
