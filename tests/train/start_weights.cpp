// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/nn/embedding.hpp>
#include <pixnerd/nn/linear.hpp>
#include <pixnerd/train/start_weights.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(start_weights)

namespace {

struct Model {
  using Policy = On<Cpu, Mixed>;
  Linear<Policy> layer;
  Embedding<Policy> table;

  Model(std::int64_t classes, std::uint64_t seed) : Model(classes, Initializer(seed)) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("layer", self.layer);
    visitor("table", self.table);
  }

 private:
  Model(std::int64_t classes, Initializer init) : layer(3, 2, init), table(classes, 3, init) {}
};

std::string saved(const test::Folder& folder, Model& model) {
  ParameterStore store(model);
  const std::string path = folder / "model.safetensors";
  save_parameters(path, store.named(store.weights()));
  return path;
}

}  // namespace

BOOST_AUTO_TEST_CASE(weights_and_averages_begin_there) {
  const test::Folder folder;
  Model from(4, 1), to(4, 2);
  const SafetensorsFile file(saved(folder, from));
  ParameterStore store(to);
  store.start_average();
  start_from_file(file, "", store);
  const auto weights = store.named(store.weights());
  BOOST_TEST((weights.tensors[0].second.to_host() == file.read<float>("layer.weight")));
  BOOST_TEST((store.average().to_host() == store.weights().to_host()));
  BOOST_TEST(static_cast<float>(to.layer.weight.data()[0]) ==
             static_cast<float>(bfloat16(file.read<float>("layer.weight")[0])));
}

BOOST_AUTO_TEST_CASE(a_table_of_other_classes_may_stay) {
  const test::Folder folder;
  Model from(4, 1), to(5, 2);
  const SafetensorsFile file(saved(folder, from));
  ParameterStore store(to);
  store.start_average();
  const auto before = store.named(store.weights()).tensors[2].second.to_host();
  test::check_throws<FileError>([&] { start_from_file(file, "", store); },
                                {"table.weight", "(5, 3)", "(4, 3)"});
  start_from_file(file, "", store, "table.weight");
  BOOST_TEST((store.named(store.weights()).tensors[2].second.to_host() == before));
  BOOST_TEST((store.named(store.weights()).tensors[0].second.to_host() == file.read<float>("layer.weight")));
}

BOOST_AUTO_TEST_SUITE_END()
