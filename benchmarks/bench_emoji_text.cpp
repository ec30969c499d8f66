// SPDX-License-Identifier: MIT
// How well a text-to-image model of emoji follows captions that it never saw: the share of cases in which
// what it draws is nearer (L2 over all pixels) to the emoji of that caption than to another emoji of the same
// subgroup. Each emoji that was held out is drawn once or more, and compared with all others of its subgroup,
// learned ones included: the share is that of a random one of them. A model that is told nothing can be
// expected to be right in half of the cases. Emoji of which training saw a variant with another skin tone are
// counted apart: drawing those takes less.
//
//   bench_emoji_text MODEL.safetensors [DRAWINGS [PICTURE.png]]     default: 1 drawing of each
//
// MODEL is what `pixnerd convert` makes of a run with --data emoji --text --hold-out. PICTURE shows the first
// of those held out of which no variant was learned: the emoji above what was drawn.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include <pixnerd/data/labels.hpp>
#include <pixnerd/image/png.hpp>
#include <pixnerd/pixnerd.hpp>

#include "pixnerd/files/trained_model.hpp"
#include "pixnerd/sample/drawing.hpp"
#include "pixnerd/train/datasets.hpp"

using namespace pixnerd;

namespace {

std::int64_t distance(const Image& a, const Image& b) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) {
    const int d = int(a.rgb[i]) - int(b.rgb[i]);
    sum += d * d;
  }
  return sum;
}

/// Cases that were won, of cases.
struct Score {
  double won = 0;
  std::int64_t cases = 0;

  void add(double share) {
    won += share;
    ++cases;
  }
  double percent() const { return cases > 0 ? 100 * won / static_cast<double>(cases) : 0; }
};

struct Scores {
  Score all, variants, others;
};

/// "man: dark skin tone, curly hair" and "man: curly hair" as "man, curly hair".
std::string without_tone(const std::string& name) {
  std::string out;
  for (std::size_t begin = 0; begin < name.size();) {
    const auto end = std::min(name.find_first_of(":,", begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    if (part.find("skin tone") == part.npos) out += (out.empty() ? "" : ",") + part;
    begin = end + 1;
  }
  return out;
}

/// The images of the whole data set, and which of them were held out.
struct Emojis {
  AnyDataset held_out;
  std::vector<Example> known;    ///< all that were learned, then all that were held out
  std::vector<bool> is_variant;  ///< of one that was learned; for each that was held out
  std::int64_t learned;

  Emojis(const program::OpenedData& data, int size) : held_out(data.compared), learned(data.images.size()) {
    for (const auto* part : {&data.images, &data.compared}) {
      for (std::int64_t i = 0; i < part->size(); ++i) known.push_back(part->read(i, size));
    }
    std::set<std::string> names;
    for (std::int64_t i = 0; i < learned; ++i) names.insert(without_tone(data.images.captions(i).front()));
    for (std::int64_t i = 0; i < held_out.size(); ++i)
      is_variant.push_back(names.contains(without_tone(held_out.captions(i).front())));
  }
};

/// The share of the others of its subgroup that a drawing is farther from than from its own emoji; below 0
/// where there are none.
double share_won(const Image& drawn, const Emojis& emojis, std::int64_t number) {
  const auto own = static_cast<std::size_t>(emojis.learned + number);
  const auto to_own = distance(drawn, emojis.known[own].image);
  double won = 0;
  std::int64_t others = 0;
  for (std::size_t i = 0; i < emojis.known.size(); ++i) {
    if (i == own || emojis.known[i].label != emojis.known[own].label) continue;
    const auto to_other = distance(drawn, emojis.known[i].image);
    won += to_other > to_own ? 1 : to_other == to_own ? 0.5 : 0;
    ++others;
  }
  return others > 0 ? won / static_cast<double>(others) : -1;
}

Scores score(const std::vector<Image>& drawn, const Emojis& emojis) {
  Scores out;
  for (std::size_t s = 0; s < drawn.size(); ++s) {
    const auto number = static_cast<std::int64_t>(s) % emojis.held_out.size();
    const double share = share_won(drawn[s], emojis, number);
    if (share < 0) continue;
    out.all.add(share);
    (emojis.is_variant[static_cast<std::size_t>(number)] ? out.variants : out.others).add(share);
  }
  return out;
}

void print(const char* told, const Scores& scores) {
  std::printf(
      "%-16s %5.1f %% of %lld cases; variants of learned ones %5.1f %% of %lld, others %5.1f %% of %lld\n",
      told, scores.all.percent(), static_cast<long long>(scores.all.cases), scores.variants.percent(),
      static_cast<long long>(scores.variants.cases), scores.others.percent(),
      static_cast<long long>(scores.others.cases));
  std::fflush(stdout);
}

/// Rows of emoji above what was drawn for them, and their captions on the standard output.
Image picture(const std::vector<Image>& drawn, const Emojis& emojis) {
  constexpr std::size_t columns = 16, rows = 4;
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < emojis.held_out.size() && chosen.size() < columns * rows; ++i) {
    if (!emojis.is_variant[static_cast<std::size_t>(i)]) chosen.push_back(i);
  }
  std::vector<Image> shown;
  for (std::size_t row = 0; row + columns <= chosen.size(); row += columns) {
    for (std::size_t i = row; i < row + columns; ++i)
      shown.push_back(emojis.known[static_cast<std::size_t>(emojis.learned + chosen[i])].image);
    for (std::size_t i = row; i < row + columns; ++i) {
      shown.push_back(drawn[static_cast<std::size_t>(chosen[i])]);
      std::printf("%s%s", i == row ? "row: " : ", ", emojis.held_out.captions(chosen[i]).front().c_str());
    }
    std::printf("\n");
  }
  return program::picture_of(std::move(shown), static_cast<int>(columns), 2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "bench_emoji_text: expected MODEL.safetensors [DRAWINGS [PICTURE.png]], got nothing\n");
    return 2;
  }
  try {
    const auto trained = program::model_of_file(argv[1], true);
    const auto stored = trained.file->metadata().find(program::configuration_key);
    const auto* const config = std::get_if<PixnerdWordsConfig>(&trained.config);
    if (config == nullptr || stored == trained.file->metadata().end()) {
      raise<ValueError>("bench_emoji_text", "a text-to-image model with the settings of its run",
                        str_cat("'", argv[1], "'"));
    }
    const auto run =
        program::configuration_from_json(parse_json(stored->second, argv[1], "load model"), argv[1]);
    if (run.settings.hold_out == 0) {
      raise<ValueError>("bench_emoji_text", "a run with --hold-out", str_cat("'", argv[1], "'"));
    }
    const Emojis emojis(program::open_data(run.settings), static_cast<int>(trained.size));

    const int drawings = argc > 2 ? std::atoi(argv[2]) : 1;
    if (drawings < 1) raise<ValueError>("bench_emoji_text", "at least one drawing of each", argv[2]);
    const auto format = PixnerdWords::labels(*config);
    std::vector<std::int64_t> captions, nothing;
    for (int drawing = 0; drawing < drawings; ++drawing) {
      for (std::int64_t i = 0; i < emojis.held_out.size(); ++i) {
        append_words(format, emojis.held_out.captions(i).front(), captions);
        nothing.insert(nothing.end(), format.null_label.begin(), format.null_label.end());
      }
    }
    const auto model = load_model<PixnerdWords, On<Cpu>>(*trained.file, trained.prefix, *config);
    program::DrawOptions options;
    options.height = options.width = trained.size;
    options.grid = TimeGrid(25, trained.shift);
    options.solver = "adams2";
    std::printf("%lld emoji held out of %zu, %d drawings of each, %s, 25 steps of adams2, guidance %g\n",
                static_cast<long long>(emojis.held_out.size()), emojis.known.size(), drawings,
                trained.path.c_str(), options.guidance.scale);
    const auto told = program::draw<Cpu>(model, format, captions, options).images;
    print("told the caption", score(told, emojis));
    options.guidance.scale = 1;
    print("told nothing", score(program::draw<Cpu>(model, format, nothing, options).images, emojis));
    if (argc > 3) write_png(argv[3], picture(told, emojis));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_emoji_text: %s\n", error.what());
    return 1;
  }
}
