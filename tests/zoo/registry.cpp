// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <string>
#include <type_traits>
#include <variant>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/zoo/registry.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(registry)

namespace {

SafetensorsFile reference(const std::string& name) {
  return SafetensorsFile(str_cat(PIXNERD_TEST_DATA, "/", name, ".safetensors"));
}

}  // namespace

BOOST_AUTO_TEST_CASE(families_are_recognized) {
  const auto classes = any_config_of(reference("c2i_square"), "param");
  BOOST_TEST(std::holds_alternative<PixnerdC2iConfig>(classes));
  BOOST_TEST(std::get<PixnerdC2iConfig>(classes).classes == 10);
  const auto text = any_config_of(reference("t2i_square"), "param");
  BOOST_TEST(std::holds_alternative<PixnerdEncodedTextConfig>(text));
  visit_family(classes, [](auto family, const auto&) {
    BOOST_TEST((std::is_same_v<decltype(family), PixnerdClasses>));
  });
}

BOOST_AUTO_TEST_CASE(learned_words_are_recognized_by_their_table) {
  const test::Folder folder;
  PixnerdWordsConfig config;
  config.patch = 4;
  config.width = config.text_width = 16;
  config.heads = 2;
  config.depth = config.text_depth = 1;
  config.decoder = {1, 8, 2};
  config.text_tokens = 3;
  config.word_ids = {.rows = 32, .words = 3, .features = 4};
  Initializer init(1);
  const std::string path = folder / "words.safetensors";
  save_parameters(path, PixnerdWords::make<On<Cpu>>(config, init));
  const SafetensorsFile file(path);
  const auto found = any_config_of(file, "", {.word_parts = 4});
  BOOST_TEST_REQUIRE(std::holds_alternative<PixnerdWordsConfig>(found));
  BOOST_TEST(std::get<PixnerdWordsConfig>(found).word_ids.rows == 32);
  const auto model = load_model<PixnerdWords, On<Cpu>>(file, "", std::get<PixnerdWordsConfig>(found));
  BOOST_TEST(parameter_count(model) == parameter_count_of<PixnerdWords>(config));
  BOOST_TEST(PixnerdWords::labels(config).count() == 12);
}

BOOST_AUTO_TEST_CASE(what_is_of_no_family_says_what_is_missing) {
  const auto file = reference("dinov2");
  test::check_throws<FileError>([&] { any_config_of(file, "param"); }, {"dinov2.safetensors", "no tensor"});
}

BOOST_AUTO_TEST_CASE(published_sizes) {
  BOOST_TEST(PixnerdClasses::published_size(PixnerdC2iConfig::large()) == 256);
  BOOST_TEST(PixnerdClasses::published_size(PixnerdC2iConfig::extra_large()) == 256);
  BOOST_TEST(PixnerdClasses::published_size({.width = 64}) == 0);
  BOOST_TEST(PixnerdEncodedText::published_size({PixnerdT2iConfig::extra_extra_large()}) == 512);
  BOOST_TEST(parameter_count_of<PixnerdClasses>(PixnerdC2iConfig::large()) == 452113795);
}

BOOST_AUTO_TEST_SUITE_END()
