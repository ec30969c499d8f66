// SPDX-License-Identifier: MIT
/// \file
/// What emoji are called.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/data/emoji/captions.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(emoji_names)

namespace {

void check_captions(const std::string& name, const std::string& subgroup,
                    const std::vector<std::string>& expected) {
  BOOST_TEST(emoji_captions({U"x", name, "group", subgroup}) == expected, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_CASE(names_and_paraphrases) {
  check_captions("grinning cat", "cat-face",
                 {"grinning cat", "a grinning cat", "emoji of a grinning cat", "grinning cat face",
                  "grinning cat, cat face"});
  check_captions("ogre", "face-costume", {"ogre", "an ogre", "emoji of an ogre", "ogre, face costume"});
  check_captions("monkey face", "animal-mammal",
                 {"monkey face", "a monkey face", "emoji of a monkey face", "monkey face, animal mammal"});
}

BOOST_AUTO_TEST_CASE(several_things_take_no_article) {
  check_captions("grapes", "food-fruit", {"grapes", "emoji of grapes", "grapes, food fruit"});
  check_captions("flag: Austria", "country-flag",
                 {"flag: Austria", "emoji of flag: Austria", "flag: Austria, country flag"});
  check_captions("glass", "drink", {"glass", "a glass", "emoji of a glass", "glass, drink"});
  check_captions("octopus", "animal-marine",
                 {"octopus", "an octopus", "emoji of an octopus", "octopus, animal marine"});
  check_captions("no entry", "warning", {"no entry", "emoji of no entry", "no entry, warning"});
}

BOOST_AUTO_TEST_CASE(articles_go_by_sound) {
  for (const auto& [name, expected] : {std::pair{"unicorn", "a unicorn"},
                                       {"umbrella", "an umbrella"},
                                       {"euro banknote", "a euro banknote"},
                                       {"ewe", "a ewe"},
                                       {"one-thirty", "a one-thirty"},
                                       {"onion", "an onion"},
                                       {"hourglass done", "an hourglass done"},
                                       {"horse", "a horse"}})
    BOOST_TEST(detail::with_article(name) == expected);
}

BOOST_AUTO_TEST_SUITE_END()
