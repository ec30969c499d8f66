/// \file
/// Against numbers that PyTorch drew.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include <pixnerd/core/torch_random.hpp>
#include <pixnerd/io/safetensors.hpp>

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
    if (entry.type == SafetensorsType::i64) {
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
