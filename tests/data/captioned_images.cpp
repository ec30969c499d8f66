// SPDX-License-Identifier: MIT
/// \file
/// Images with texts, from folders and from lists, and all that can be wrong with them.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include <pixnerd/data/captioned_images.hpp>

#include "support/dataset_check.hpp"
#include "support/files.hpp"

namespace fs = std::filesystem;
using namespace pixnerd;
using test::check_throws;
using test::Folder;
using Texts = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(captioned_images)

namespace {

struct Images : Folder {
  Images() {
    write_png(*this / "b.png", Image(6, 9, 20));
    write_png(*this / "a.JPG", Image(5, 5, 10));
  }
};

/// Reads a list of one line; its message must name the list, the line, and each of `words`.
void refuses_line(const std::string& line, Texts words) {
  const Images folder;
  write_file_atomic(folder / "list.jsonl", "{\"image\": \"b.png\", \"text\": \"b\"}\n" + line + "\n");
  words.insert(words.end(), {"line 2 of", folder / "list.jsonl"});
  check_throws<FileError>([&] { CaptionedImages(folder / "list.jsonl"); }, words);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_folder_of_images_and_texts) {
  const Images folder;
  write_file_atomic(folder / "a.txt", "a red heart\r\n\n  \nthe heart, red");
  write_file_atomic(folder / "b.txt", "un cœur bleu\n");
  write_file_atomic(folder / "notes.txt", "no image has this name");
  write_file_atomic(folder / ".hidden.png", "no image");
  const CaptionedImages data(folder.path);
  test::check_dataset(data);
  BOOST_TEST(data.size() == 2);
  BOOST_TEST(data.class_name(0) == "image");
  BOOST_TEST((data.captions(0) == Texts{"a red heart", "the heart, red"}));
  BOOST_TEST((data.captions(1) == Texts{"un cœur bleu"}));
  BOOST_TEST(data.path(1) == folder / "b.png");
  BOOST_TEST((data.read(1, 4).image == Image(4, 4, 20)));
}

BOOST_AUTO_TEST_CASE(a_list) {
  const Images folder;
  fs::create_directories(folder.path / "lists");
  const std::string list = folder / "lists/all.jsonl";
  write_file_atomic(list, str_cat("{\"image\": \"../b.png\", \"text\": \"blue \\u2665\", \"width\": 9}\r\n\n",
                                  "{\"text\": [\"one\", \"two\"], \"image\": \"", folder / "a.JPG", "\"}"));
  const CaptionedImages data(list);
  test::check_dataset(data);
  BOOST_TEST(data.size() == 2);
  BOOST_TEST((data.captions(0) == Texts{"blue \u2665"}));
  BOOST_TEST((data.captions(1) == Texts{"one", "two"}));
  BOOST_TEST((data.read(0, 4).image == Image(4, 4, 20)));
  BOOST_TEST((data.read(1, 4).image == Image(4, 4, 10)));
}

BOOST_AUTO_TEST_CASE(lines_of_one_image_are_one_image) {
  const Images folder;
  fs::create_directories(folder.path / "lists/deep");
  fs::create_directory_symlink(folder.path / "lists/deep", folder.path / "link");
  write_png(folder / "lists/b.png", Image(4, 4));
  const auto line = [](const std::string& path, const char* caption) {
    return str_cat("{\"image\": \"", path, "\", \"text\": \"", caption, "\"}\n");
  };
  write_file_atomic(folder / "list.jsonl",
                    str_cat(line("b.png", "blue"), line("a.JPG", "a"), line("./b.png", "a heart"),
                            line("lists/../b.png", "blue"), line(folder / "b.png", "b"),
                            line("link/../b.png", "another one, beside what the link leads to")));
  const auto check = [](const std::string& list) {
    const CaptionedImages data(list);
    BOOST_TEST(data.size() == 3);
    BOOST_TEST((data.captions(0) == Texts{"blue", "a heart", "blue", "b"}));
    BOOST_TEST((data.captions(1) == Texts{"a"}));
    test::check_dataset(data);
  };
  check(folder / "list.jsonl");
  const fs::path before = fs::current_path();
  fs::current_path(folder.path);
  check("list.jsonl");
  check("./lists/../list.jsonl");
  fs::current_path(before);
}

BOOST_AUTO_TEST_CASE(images_are_cropped_as_published_for_text_to_image) {
  const Folder folder;
  const std::string path = PIXNERD_TEST_DATA "/crops/00.png";
  write_file_atomic(folder / "list.jsonl", str_cat(R"({"image": ")", path, R"(", "text": "c"})"));
  const CaptionedImages data(folder / "list.jsonl");
  BOOST_TEST((data.read(0, 16).image == bilinear_center_crop(read_image(path), 16)));
  BOOST_TEST((data.read(0, 16).image != center_crop(read_image(path), 16)));
}

BOOST_AUTO_TEST_CASE(an_image_file_that_is_missing_is_named) {
  const Images folder;
  const std::string list = folder / "list.jsonl";
  write_file_atomic(list, "{\"image\": \"b.png\", \"text\": \"a\"}\n{\"image\": \"c.png\", \"text\": \"c\"}");
  check_throws<FileError>([&] { CaptionedImages{list}; }, {"line 2", list, folder / "c.png", "No such file"});
  write_file_atomic(list, "{\"image\": \"b.png\", \"text\": \"a\"}");
  const CaptionedImages data(list);
  std::filesystem::remove(folder / "b.png");
  check_throws<FileError>([&] { data.read(0, 8); }, {folder / "b.png", "No such file"});
}

BOOST_AUTO_TEST_CASE(a_byte_order_mark_is_no_part_of_a_text) {
  const Images folder;
  write_file_atomic(folder / "a.txt",
                    "\xef\xbb\xbf"
                    "apple\n");
  write_file_atomic(folder / "b.txt", "blue");
  BOOST_TEST(CaptionedImages(folder.path).captions(0).at(0) == "apple");
  write_file_atomic(folder / "list.jsonl", "\xef\xbb\xbf{\"image\": \"b.png\", \"text\": \"a\"}");
  BOOST_TEST(CaptionedImages(folder / "list.jsonl").captions(0).at(0) == "a");
}

BOOST_AUTO_TEST_CASE(refuses_folders_without_images_or_texts) {
  const Folder empty;
  check_throws<FileError>([&] { CaptionedImages(empty / "none"); }, {empty / "none", "No such file"});
  check_throws<FileError>([&] { CaptionedImages(empty.path); }, {empty.path, "none"});
  const Images folder;
  write_file_atomic(folder / "a.txt", "a");
  check_throws<FileError>([&] { CaptionedImages(folder.path); }, {folder / "b.txt", "No such file"});
  write_file_atomic(folder / "b.txt", " \n\t\r\n");
  check_throws<FileError>([&] { CaptionedImages(folder.path); }, {folder / "b.txt", "no text"});
  write_file_atomic(folder / "b.txt", std::string(CaptionedImages::max_text_bytes + 1, 'b'));
  check_throws<FileError>([&] { CaptionedImages(folder.path); }, {folder / "b.txt", "1048577"});
}

BOOST_AUTO_TEST_CASE(refuses_lists_that_are_none) {
  refuses_line("b.png: a blue heart", {"no JSON"});
  refuses_line("{\"image\": \"b.png\", \"text\": \"b\"", {"no JSON"});
  refuses_line("{\"image\": \"b.png\", \"text\": \"\xff\"}", {"no JSON"});
  refuses_line("{\"image\": \"b.png\", \"text\": \"b\", \"text\": \"c\"}", {"twice in one object"});
  refuses_line("[1, 2]", {"array"});
  refuses_line("{\"text\": \"b\"}", {"no member 'image'"});
  refuses_line("{\"image\": \"b.png\"}", {"no member 'text'"});
  refuses_line("{\"image\": 3, \"text\": \"b\"}", {"an image that is number"});
  refuses_line("{\"image\": \"\", \"text\": \"b\"}", {"without a path"});
  refuses_line("{\"image\": \"b.png\\u0000\", \"text\": \"b\"}", {"without a path"});
  refuses_line("{\"image\": \"" + std::string(4097, 'b') + "\", \"text\": \"b\"}", {"a path of 4097 bytes"});
  refuses_line("{\"image\": \"b.png\", \"text\": null}", {"a text that is null"});
  refuses_line("{\"image\": \"b.png\", \"text\": [\"b\", 2]}", {"a text that is number"});
  refuses_line("{\"image\": \"b.png\", \"text\": []}", {"no text"});
  refuses_line("{\"image\": \"b.png\", \"text\": \" \"}", {"an empty text"});
  refuses_line("{\"image\": \"b.png\", \"text\": " + std::string(100'000, '['), {"more than 100 levels"});
  refuses_line("{\"image\": \"b.png\", \"text\": \"" + std::string(2'000'000, 'b') + "\"}", {"in one line"});
  const Images folder;
  write_file_atomic(folder / "list.jsonl", "\n \n");
  check_throws<FileError>([&] { CaptionedImages(folder / "list.jsonl"); }, {folder / "list.jsonl", "none"});
}

BOOST_AUTO_TEST_SUITE_END()
