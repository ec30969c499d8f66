// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/zoo/model_from_file.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(model_from_file_test)

namespace {

struct Sizes {
  std::int64_t in, out;
};

template <class Precision = Full<float>>
struct Model : Linear<On<Cpu, Precision>> {
  Model(const Sizes& sizes, Initializer& init) : Linear<On<Cpu, Precision>>(sizes.in, sizes.out, init) {}
};

}  // namespace

BOOST_AUTO_TEST_CASE(values_and_gradients) {
  const test::Folder folder;
  Initializer init(1);
  const Model<> saved({3, 2}, init);
  save_parameters(folder / "m", saved, "a");
  const SafetensorsFile file(folder / "m");
  const auto loaded = model_from_file<Model<>>(file, Sizes{3, 2}, "a");
  BOOST_TEST((loaded.weight.to_host() == saved.weight.to_host()));
  BOOST_TEST((loaded.bias.to_host() == saved.bias.to_host()));
  BOOST_TEST((loaded.weight.slot() != nullptr));  // it can be trained on
  const auto narrow = model_from_file<Model<Mixed>>(file, Sizes{3, 2}, "a");
  for (std::size_t i = 0; i < 6; ++i)
    BOOST_TEST(float(narrow.weight.to_host()[i]) == float(bfloat16(saved.weight.to_host()[i])));
}

BOOST_AUTO_TEST_CASE(what_the_file_does_not_hold) {
  const test::Folder folder;
  Initializer init(1);
  Model<> saved({3, 2}, init);
  save_parameters(folder / "m", saved);
  const SafetensorsFile file(folder / "m");
  // Memory for so many numbers is not even asked for.
  check_throws<FileError>(
      [&] {
        model_from_file<Model<>>(file, Sizes{1 << 30, 1 << 30});
      },
      {"2 misshapen", "(1073741824, 1073741824)"});
  check_throws<FileError>([&] { model_from_file<Model<>>(file, Sizes{3, 2}, "a"); }, {"2 missing"});
  saved.bias.data()[1] = -std::numeric_limits<float>::infinity();
  save_parameters(folder / "n", saved);
  check_throws<NonFiniteError>(
      [&] {
        model_from_file<Model<>>(SafetensorsFile(folder / "n"), Sizes{3, 2});
      },
      {"finite numbers in '", "-inf in bias"});
}

BOOST_AUTO_TEST_SUITE_END()
