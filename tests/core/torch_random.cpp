// SPDX-License-Identifier: MIT
/// \file
/// Against numbers that PyTorch drew.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>

#include <pixnerd/core/torch_random.hpp>
#include <pixnerd/io/safetensors/file.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(torch_random)

namespace {

const SafetensorsFile& reference() {
  static const SafetensorsFile file(std::string(PIXNERD_TEST_DATA) + "/torch_rng.safetensors");
  return file;
}

/// The seed in "randn.SEED.SHAPE".
std::uint64_t seed_of(const std::string& name) {
  return std::stoull(name.substr(name.find('.') + 1));
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_number_of_the_reference) {
  int checked = 0;
  for (const auto& entry : reference().entries()) {
    TorchRandom random(seed_of(entry.name));
    const auto count = static_cast<std::size_t>(entry.shape.count());
    if (entry.type == TensorType::i64) {
      const auto expected = reference().read<std::int64_t>(entry.name);
      std::vector<std::int64_t> got(count);
      if (entry.name.starts_with("randint1000.")) {
        random.integers(0, 1000, got);
      } else {
        BOOST_TEST_REQUIRE(entry.name.starts_with("randperm."));
        got = random.permutation(entry.shape.count());
      }
      BOOST_TEST(got == expected, entry.name);
    } else {
      const auto expected = reference().read<float>(entry.name);
      std::vector<float> got(count);
      const bool is_normal = entry.name.starts_with("randn.");
      is_normal ? random.normal(got) : random.uniform(got);
      for (std::size_t i = 0; i < count; ++i) {
        BOOST_TEST(std::abs(got[i] - expected[i]) <= (is_normal ? 1e-6f * (1 + std::abs(expected[i])) : 0.0f),
                   entry.name << " element " << i << ": " << got[i] << ", expected " << expected[i]);
      }
    }
    ++checked;
  }
  BOOST_TEST(checked == 24);
}

// What PyTorch 2.15 draws: from 2^28 on each number takes two words.
BOOST_AUTO_TEST_CASE(integers_of_every_range) {
  using Values = std::vector<std::int64_t>;
  constexpr std::int64_t one = 1;
  const struct {
    std::int64_t low, high;
    Values expected;
  } cases[] = {
      {0, 1000, {542, 67, 876, 414, 26}},
      {0, one << 27, {132242534, 65682867, 56755036, 116757774, 56882282}},
      {0, (one << 28) - 1, {266460267, 199900607, 56755051, 250975504, 191100021}},
      {0, one << 28, {199900595, 250975502, 127521863, 147532820, 35788921}},
      {-(one << 27), (one << 27) + 1, {97286055, 13983807, -111505834, -55557916, -82529734}},
      {0, one << 31, {1273642419, 787846414, 1201263687, 415968276, 1914837113}},
      {0, (one << 32) - 1, {734796314, 576165995, 2197670066, 839703249, 2584932063}},
      {0, one << 32, {3421126067, 787846414, 3348747335, 2563451924, 1914837113}},
      {0, one << 33, {3421126067, 787846414, 3348747335, 2563451924, 1914837113}},
      {std::numeric_limits<std::int64_t>::min(),
       std::numeric_limits<std::int64_t>::max(),
       {-2314326399425823309, 8314211556539077902, 4279532810384561223, 1819927849474927636,
        -6345336139475183495}},
  };
  for (const auto& [low, high, expected] : cases) {
    Values got(expected.size());
    TorchRandom(42).integers(low, high, got);
    BOOST_TEST(got == expected, "from " << low << " to " << high);
  }
}

BOOST_AUTO_TEST_CASE(only_the_lower_half_of_a_seed_counts) {
  std::vector<float> a(4), b(4);
  TorchRandom(42).uniform(a);
  TorchRandom((std::uint64_t{7} << 32) + 42).uniform(b);
  BOOST_TEST(a == b);
}

BOOST_AUTO_TEST_CASE(wide_ranges_and_bad_ones) {
  std::vector<std::int64_t> values(100);
  TorchRandom(1).integers(-(std::int64_t{1} << 40), std::int64_t{1} << 40, values);
  bool is_wide = false;
  for (const auto value : values) {
    BOOST_TEST(value >= -(std::int64_t{1} << 40));
    BOOST_TEST(value < std::int64_t{1} << 40);
    is_wide = is_wide || value > std::int64_t{1} << 33;
  }
  BOOST_TEST(is_wide);
  BOOST_CHECK_THROW(TorchRandom(1).integers(3, 3, values), ValueError);
  BOOST_CHECK_THROW(TorchRandom(1).permutation(-1), ValueError);
  BOOST_TEST(TorchRandom(1).permutation(0).empty());
}

BOOST_AUTO_TEST_SUITE_END()
