// SPDX-License-Identifier: MIT
/// \file
/// Text to image: pictures from prompts, editing, what pictures say.
#include <pixnerd/image/png_text.hpp>
#include <pixnerd/image/read_image.hpp>

#include "text_run.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(text_sampling)

namespace {

/// The value of a key in a PNG's texts.
std::string text_of(const std::string& path, const std::string& wanted) {
  for (const auto& [key, value] : read_png_texts(path))
    if (key == wanted) return value;
  return "";
}

/// Image `number` of a row of images with `zoom 1`.
Image image_of(const std::string& path, int number, int height, int width) {
  const Image all = read_image(path);
  Image out(height, width);
  for (int y = 0; y < height; ++y)
    std::copy_n(all.pixel(2 + y, 2 + number * (width + 2)), 3 * width, out.pixel(y, 0));
  return out;
}

/// The largest difference of bytes where `where(y, x)`.
template <class Where>
int difference(const Image& a, const Image& b, Where where) {
  int most = 0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width; ++x) {
      for (int c = 0; c < 3 && where(y, x); ++c)
        most = std::max(most, std::abs(int{a.pixel(y, x)[c]} - int{b.pixel(y, x)[c]}));
    }
  }
  return most;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(int{a.rgb[i]} - int{b.rgb[i]});
  return sum / static_cast<double>(a.rgb.size());
}

constexpr auto everywhere = [](int, int) { return true; };

}  // namespace

BOOST_AUTO_TEST_CASE(prompts) {
  const TextRun& trained = TextRun::instance();
  const Folder folder;
  const std::string one = folder / "one.png", two = folder / "two.png", three = folder / "three.png";
  const auto said = run_well(trained.sample(one, {"--prompt", "red square", "--prompt", "a [blue], thing",
                                                  "--count", "4", "--guidance", "3", "--seed", "7"}))
                        .out;
  BOOST_TEST(said.find("row 2    red square, a [blue], thing") != said.npos, said);
  BOOST_TEST(text_of(one, "prompt") == "red square\na [blue], thing");
  BOOST_TEST(text_of(one, "step") == "40");
  BOOST_TEST(text_of(one, "size") == "16x16");
  BOOST_TEST(text_of(one, "model") == trained.run + "/step-40/ema.safetensors");
  BOOST_TEST(text_of(one, "pixnerd") == "solver euler, steps 6, guidance 3, interval 0.1 1, shift 1, seed 7");
  const auto about = run_well({"info", one}).out;
  for (const auto* word : {"38 x 38 pixels", "red square\n", "a [blue], thing\n", "seed 7", "step-40"})
    BOOST_TEST(about.find(word) != about.npos, about << " lacks " << word);

  // A file gives the same, and other prompts something else.
  write_file_atomic(folder / "prompts.txt", "red square\r\n\na [blue], thing\n");
  run_well(trained.sample(
      two, {"--prompts", folder / "prompts.txt", "--count", "4", "--guidance", "3", "--seed", "7"}));
  BOOST_TEST((content(one) == content(two)));
  run_well(
      trained.sample(three, {"--prompt", "green square", "--count", "4", "--guidance", "3", "--seed", "7"}));
  BOOST_TEST((read_image(three) != read_image(one)));

  // More words than are read change nothing, and are told of; letters of other scripts are words.
  std::string many = "red square is a";
  run_well(trained.sample(one, {"--prompt", many, "--count", "2"}));
  for (int i = 0; i < 10'000; ++i) many += " word";
  const auto cut = run_well(trained.sample(two, {"--prompt", many, "--count", "2"})).out;
  BOOST_TEST(cut.find("of the 10004 words of \"red square is a word") != cut.npos, cut);
  BOOST_TEST(cut.find("the first 4 are read") != cut.npos, cut);
  BOOST_TEST((read_image(one) == read_image(two)));
  run_well(trained.sample(one, {"--prompt", "caf\xc3\xa9 \xe7\x8c\xab", "--count", "1"}));
  BOOST_TEST(text_of(one, "prompt") == "caf\xc3\xa9 \xe7\x8c\xab");
}

BOOST_AUTO_TEST_CASE(sizes_and_files) {
  const TextRun& trained = TextRun::instance();
  const Folder folder;
  const auto draw = [&](const std::string& name, const Words& more) {
    run_well(
        trained.sample(folder / name, Words{"--prompt", "red", "--count", "2", "--columns", "2"} + more));
    return read_image(folder / name);
  };
  // The same tokens decoded larger, or more of them.
  const Image scaled =
      draw("a.png", {"--size", "32x48", "--scale-decoder", "--trajectory", folder / "w.png"});
  BOOST_TEST(scaled.height == 36);
  BOOST_TEST(scaled.width == 2 * 48 + 6);
  BOOST_TEST((scaled != draw("b.png", {"--size", "32x48"})));
  BOOST_TEST(text_of(folder / "a.png", "pixnerd").find("decoder scale 2 3") != std::string::npos);
  BOOST_TEST(text_of(folder / "w.png", "prompt") == "red");
  BOOST_TEST((draw("a.png", {"--size", "16", "--scale-decoder"}) == draw("b.png", {})));
  // Two patches of ten pixels, which is no multiple of the trained eight.
  BOOST_TEST(draw("a.png", {"--size", "20", "--scale-decoder"}).width == 2 * 20 + 6);
  check_refused(trained.sample(folder / "c.png", {"--prompt", "red", "--size", "21", "--scale-decoder"}),
                {"--scale-decoder", "whole numbers of pixels", "got 21x21"});

  // A converted file is all that drawing needs.
  const std::string file = folder / "model.safetensors";
  run_well({"convert", trained.run + "/step-40/ema.safetensors", file});
  run_well({"sample", "--weights", file, "--prompt", "red", "--count", "2", "--columns", "2", "--zoom", "1",
            "--steps", "6", "--out", folder / "c.png"});
  BOOST_TEST((read_image(folder / "c.png") == read_image(folder / "b.png")));
  run_well({"convert", file, folder / "half.safetensors", "--precision", "bfloat16"});
  run_well({"sample", "--weights", folder / "half.safetensors", "--prompt", "red", "--precision", "mixed",
            "--solver", "adams2", "--out", folder / "d.png"});
}

BOOST_AUTO_TEST_CASE(what_is_not_drawn_or_read_is_told) {
  const TextRun& trained = TextRun::instance();
  const Folder folder;
  write_file_atomic(folder / "p.txt", "\xef\xbb\xbfred\ngreen\nblue\n");
  const auto note = [&](const Words& options) {
    const auto out = run_well(trained.sample(folder / "s.png", options)).out;
    const auto at = out.find("note     ");
    return at == out.npos ? "" : out.substr(at + 9, out.find('\n', at) - at - 9);
  };
  BOOST_TEST(note({"--prompts", folder / "p.txt"}) == "");
  BOOST_TEST(note({"--prompts", folder / "p.txt", "--count", "2"}) ==
             "of the 3 prompts the first 2 are drawn; --count 3 draws all");
  BOOST_TEST(text_of(folder / "s.png", "prompt").starts_with("red"));
  BOOST_TEST(note({"--prompt", "red", "--blend-with", "a very large blue thing"}) ==
             "of the 5 words of \"a very large blue thing\" the first 4 are read");
}

BOOST_AUTO_TEST_CASE(editing) {
  const TextRun& trained = TextRun::instance();
  const Folder folder;
  const Image given = CaptionData::picture(4);
  write_png(folder / "given.png", given);
  const auto draw = [&](const std::string& name, const Words& more) {
    run_well(
        trained.sample(folder / name, Words{"--prompt", "red", "--count", "2", "--columns", "2"} + more));
    return image_of(folder / name, 1, 16, 16);
  };
  // The stronger, the further from what was given; all of it given up is drawing from noise.
  const auto varied = [&](const std::string& strength) {
    return draw("v.png", {"--init", folder / "given.png", "--strength", strength});
  };
  const int little = difference(varied("0.05"), given, everywhere);
  const int much = difference(varied("0.9"), given, everywhere);
  BOOST_TEST(little < much);
  const Image plain = draw("p.png", {});
  BOOST_TEST((varied("1") == plain));
  BOOST_TEST(text_of(folder / "v.png", "pixnerd").find("strength 1") != std::string::npos);

  // An image can be enlarged by the field, with as many tokens as before.
  const auto halves = [](int size) {
    Image image(size, size, 40);
    for (int y = 0; y < size; ++y) std::fill_n(image.pixel(y, size / 2), 3 * size / 2, std::uint8_t{220});
    return image;
  };
  write_png(folder / "small.png", halves(16));
  const auto enlarged = [&](const std::string& strength, const Words& more) {
    run_well(
        trained.sample(folder / "l.png", Words{"--prompt", "red", "--count", "1", "--init",
                                               folder / "small.png", "--strength", strength, "--size", "32"} +
                                             more));
    const Image all = read_image(folder / "l.png");
    BOOST_TEST_REQUIRE(all.height == 32 + 4);
    BOOST_TEST_REQUIRE(all.width == 32 + 4);
    return image_of(folder / "l.png", 0, 32, 32);
  };
  const Words by_field{"--scale-decoder"};
  const double near = mean_difference(enlarged("0.05", by_field), halves(32));
  const double far = mean_difference(enlarged("0.9", by_field), halves(32));
  BOOST_TEST(near < 16);
  BOOST_TEST(far > 2 * near);
  BOOST_TEST(text_of(folder / "l.png", "pixnerd").find("decoder scale 2 2") != std::string::npos);
  BOOST_TEST((enlarged("0.9", by_field) != enlarged("0.9", {})));

  // What the mask keeps stays.
  Image mask(16, 16, 0);
  for (int y = 0; y < 16; ++y) std::fill_n(mask.pixel(y, 8), 3 * 8, std::uint8_t{255});
  write_png(folder / "mask.png", mask);
  const auto right = [](int, int x) { return x >= 8; };
  const auto left = [](int, int x) { return x < 8; };
  for (const std::string solver : {"euler", "heun", "adams2"}) {
    const Image filled =
        draw("m.png", {"--init", folder / "given.png", "--mask", folder / "mask.png", "--solver", solver});
    BOOST_TEST(difference(filled, given, left) <= 1, solver);
    BOOST_TEST(difference(filled, given, right) > 8, solver);
  }

  // Between two prompts; its ends are the prompts.
  const auto blended = [&](const std::string& share) {
    return draw("b.png", {"--blend-with", "blue", "--blend", share});
  };
  BOOST_TEST(difference(blended("0"), plain, everywhere) <= 1);
  BOOST_TEST((blended("0.5") != plain));
  BOOST_TEST(text_of(folder / "b.png", "blend-with") == "blue");

  // Classes can be edited, too, and large images are cropped.
  const ImageData classes;
  run_well(classes.train(classes / "run", {"--steps", "4", "--sample-every", "0"}));
  write_png(folder / "large.png", Image(40, 90, 200));
  write_png(folder / "large_mask.png", Image(40, 90, 0));
  run_well({"sample", "--run", classes / "run", "--classes", "rings", "--blend-with", "stripes", "--init",
            folder / "large.png", "--mask", folder / "large_mask.png", "--size", "16x32", "--count", "1",
            "--zoom", "1", "--out", folder / "c.png"});
  BOOST_TEST(difference(image_of(folder / "c.png", 0, 16, 32), Image(16, 32, 200), everywhere) <= 1);
  BOOST_TEST(text_of(folder / "c.png", "classes") == "rings");
}

BOOST_AUTO_TEST_CASE(bad_input) {
  const TextRun& trained = TextRun::instance();
  const Folder folder;
  const std::string out = folder / "s.png";
  const auto refuse = [&](const Words& options, const Words& words, int status = 1) {
    check_refused(trained.sample(out, options), words, status);
    BOOST_TEST(!fs::exists(out));
  };
  const Words red{"--prompt", "red"};
  refuse({}, {"--prompt TEXT", trained.run, "got none"});
  refuse({"--classes", "0"}, {"--prompt TEXT", "trained with texts", "got --classes"});
  refuse({"--prompt", ""}, {"--prompt", "a text with words", "got ''"});
  refuse({"--prompt", "red", "--prompt", "?!"}, {"--prompt", "a text with words", "got '?!'"});
  refuse({"--prompt", "caf\xff"}, {"--prompt", "UTF-8", "byte 3 (0xff)"});
  write_file_atomic(folder / "p.txt", "red\nblue \xc3\n");
  refuse({"--prompts", folder / "p.txt"}, {"line 2 of", folder / "p.txt", "byte 5 (0xc3)"});
  write_file_atomic(folder / "p.txt", " \n\n");
  refuse({"--prompts", folder / "p.txt"}, {folder / "p.txt", "blank lines only"});
  refuse({"--prompts", folder / "none.txt"}, {folder / "none.txt", "No such file"});
  refuse(red + Words{"--size", "20"}, {"--size", "multiples", "8", "got 20"});

  write_png(folder / "init.png", Image(20, 20, 9));
  write_png(folder / "mask.png", Image(16, 17, 255));
  write_file_atomic(folder / "text.png", "Once upon a time");
  const Words init{"--prompt", "red", "--init", folder / "init.png"};
  refuse(init + Words{"--strength", "0"}, {"--strength", "got 0"});
  refuse(init + Words{"--strength", "1.1"}, {"--strength", "got 1.1"});
  refuse(init + Words{"--mask", folder / "mask.png"},
         {"--mask", "20 x 20", "16 x 16", "got 17 x 16", "mask.png"});
  refuse(init + Words{"--mask", folder / "init.png", "--solver", "sde"}, {"--mask", "got sde"});
  refuse(red + Words{"--init", folder / "text.png"}, {"text.png", "got text"});
  refuse(red + Words{"--strength", "0.5"}, {"--strength", "--init"}, 2);
  refuse(red + Words{"--mask", folder / "mask.png"}, {"--mask", "--init"}, 2);
  refuse(init + Words{"--torch-seed", "1"}, {"--torch-seed"}, 2);
  refuse(red + Words{"--blend-with", ""}, {"--blend-with", "a text with words"});
  refuse(red + Words{"--blend-with", "blue", "--blend", "2"}, {"--blend", "from 0 to 1", "got 2"});
  refuse(red + Words{"--blend", "0.5"}, {"--blend-with"}, 2);

  // Models of the other kinds.
  const ImageData classes;
  run_well(classes.train(classes / "run", {"--steps", "2", "--sample-every", "0"}));
  const auto refuse_class = [&](const Words& options, const Words& words) {
    check_refused(Words{"sample", "--run", classes / "run", "--out", out} + options, words);
    BOOST_TEST(!fs::exists(out));
  };
  refuse_class(red, {"--prompt", "--classes NAME", "trained with classes"});
  refuse_class({"--scale-decoder"}, {"--scale-decoder", "class-conditional"});
  refuse_class({"--blend-with", "spots"}, {"--blend-with", "rings, stripes", "got spots"});
  check_refused({"sample", "--weights", PIXNERD_TEST_DATA "/t2i_square.safetensors", "--prompt", "red",
                 "--size", "16", "--out", out},
                {"t2i_square.safetensors", "--text-encoder DIR"});
  refuse(red + Words{"--text-encoder", folder.path}, {"--text-encoder", "one that learned its words"});
  write_file_atomic(folder / "cut.png", content(trained.run + "/samples.png").substr(0, 200));
  check_refused({"info", folder / "cut.png"}, {"cut.png", "too short"});
}

BOOST_AUTO_TEST_SUITE_END()
