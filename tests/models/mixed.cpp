#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include <pixnerd/field/linear_decoder.hpp>
#include <pixnerd/flow/repa.hpp>
#include <pixnerd/io/parameters.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

#include "support.hpp"

using namespace pixnerd;

namespace {

/// What a reference file holds beside the parameters of the model that it was made with.
struct Reference {
  SafetensorsFile file;
  PixnerdC2iConfig config;

  explicit Reference(const std::string& name) : file(text(PIXNERD_TEST_DATA, "/", name, ".safetensors")) {
    const auto json = nlohmann::json::parse(file.metadata("config"));
    const auto total = json["num_blocks"].get<std::int64_t>(),
               depth = json["num_cond_blocks"].get<std::int64_t>();
    config = {.channels = json["in_channels"],
              .patch = json["patch_size"],
              .width = json["hidden_size"],
              .heads = json["num_groups"],
              .depth = depth,
              .field_depth = total - depth,
              .field_features = json["hidden_size_x"],
              .field_ratio = json["nerf_mlpratio"],
              .classes = json["num_classes"]};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(mixed)

// No further from the published float32 results than half as far again as the published code is under
// bfloat16 autocast.
BOOST_AUTO_TEST_CASE(published_implementation) {
  std::ifstream errors_file(text(PIXNERD_TEST_DATA, "/bf16_error.json"));
  const auto errors = nlohmann::json::parse(errors_file);
  for (const std::string name : {"c2i_square", "c2i_rect"}) {
    const Reference reference(name);
    const auto& file = reference.file;
    Initializer init(0);
    PixnerdC2i<Cpu, Mixed> model(reference.config, init);
    load_parameters(file, model, "param");
    auto x = file.tensor<float>("in.x");
    require_grad(x);
    Tape tape;
    const Tensor<float> v = model.forward(x, file.tensor<float>("in.t"), file.tensor<std::int64_t>("in.y"));
    tape.backward(mean_squared_error(v, file.tensor<float>("in.target")));

    double worst = 0;
    const auto compare = [&](const std::string& entry, const Tensor<float>& ours) {
      const double error = relative_error(ours.to_host(), file.read<float>(entry)),
                   theirs = errors[name][entry].get<double>();
      BOOST_TEST(error <= 1.5 * theirs, name << " " << entry << ": " << error << ", theirs " << theirs);
      worst = std::max(worst, error / theirs);
    };
    BOOST_TEST(relative_error(v.to_host(), file.read<float>("out.v")) <= 3e-2);
    compare("grad_in.x", grad(x));
    int compared = 0;
    for_each_parameter(model, [&](const std::string& p, const Tensor<bfloat16>& parameter) {
      compare("grad." + p, grad(parameter));
      ++compared;
    });
    int expected = 0;
    for (const auto& entry : file.entries()) expected += entry.name.starts_with("grad.");
    BOOST_TEST(compared == expected);
    BOOST_TEST_MESSAGE(name << ": at worst " << worst << " times the published code's error");
  }
}

BOOST_AUTO_TEST_SUITE_END()
