// SPDX-License-Identifier: MIT
#include <pixnerd/conditioning/class_features.hpp>
#include <pixnerd/conditioning/encoded_text.hpp>
#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/models/conditioned_model.hpp>

#include <boost/test/unit_test.hpp>

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/text/words.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(conditioner)

namespace {

const PixnerdT2iConfig config{.channels = 1,
                              .patch = 2,
                              .width = 16,
                              .heads = 2,
                              .depth = 1,
                              .text_depth = 1,
                              .decoder = {.depth = 1, .features = 8},
                              .text_width = 6,
                              .text_tokens = 4};
const WordIdOptions words{.rows = 512, .words = 4, .features = 10};

using Model = PixnerdT2i<On<Cpu>>;

Tensor<std::int64_t> numbers_of(const std::vector<std::string>& captions) {
  std::vector<std::int64_t> out;
  for (const auto& caption : captions) {
    const auto ids = word_ids(caption, words);
    out.insert(out.end(), ids.begin(), ids.end());
  }
  return Tensor<std::int64_t>::from_host(
      {static_cast<std::int64_t>(captions.size()), words.words, words.features}, out);
}

WordFeatures<On<Cpu>> word_features(Initializer& init) {
  return {words.rows, words.words, words.features, config.text_width, init};
}

/// Trains on a light image under condition 0 and a dark one under condition 1.
template <class AnyModel>
void train(AnyModel& model, const typename AnyModel::Condition& condition) {
  ParameterStore<On<Cpu>> store(model);
  auto images = Tensor<float>::full({2, 1, 4, 4}, 0.8f);
  for (std::int64_t i = 16; i < 32; ++i) images.data()[i] = -0.8f;
  for (int step = 1; step <= 400; ++step) {
    store.zero_grad();
    Tape tape;
    const double t = 0.05 + 0.9 * ((step * 7) % 10) / 10;
    const auto noise = random_tensor<float>(images.shape(), static_cast<std::uint32_t>(step));
    tape.backward(
        flow_matching_loss(LinearPath{}, images, noise, std::vector<double>{t, t},
                           [&](const auto& x, const auto& at) { return model.forward(x, at, condition); }));
    AdamW{}.update(store, {.step = step, .rate = 3e-3});
  }
}

/// The mean of an image drawn under each condition.
template <class AnyModel>
std::vector<double> means(const AnyModel& model, const typename AnyModel::Condition& condition) {
  const std::int64_t batch = condition.size(0);
  const GuidedField field(model, condition, model.null_condition(batch), {.scale = 1});
  const auto x = integrate(Euler{}, field, random_tensor<float>({batch, 1, 4, 4}, 900), TimeGrid(8)).x;
  std::vector<double> out(static_cast<std::size_t>(batch));
  for (std::int64_t i = 0; i < x.count(); ++i) out[static_cast<std::size_t>(i / 16)] += x.data()[i] / 16;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(gradients) {
  Initializer init(1);
  const auto labels = Tensor<std::int64_t>::from_host({2}, std::vector<std::int64_t>{2, 0});
  check_module_gradient(ClassFeatures<On<Cpu, Full<double>>>(2, 3, 4, init),
                        [&](const auto& layer, const auto&) { return layer(labels); }, {});
  const auto numbers =
      Tensor<std::int64_t>::from_host({1, 2, 3}, std::vector<std::int64_t>{1, 4, 4, 0, 2, 1});
  check_module_gradient(WordFeatures<On<Cpu, Full<double>>>(5, 2, 3, 4, init),
                        [&](const auto& layer, const auto&) { return layer(numbers); }, {});
}

BOOST_AUTO_TEST_CASE(features) {
  Initializer init(1);
  const ClassFeatures<On<Cpu>> classes(2, 3, 4, init);
  BOOST_TEST((classes(classes.null_condition(5)).shape() == Shape{5, 3, 4}));
  BOOST_CHECK_THROW(classes(Tensor<std::int64_t>::full({1}, 3)), ValueError);
  BOOST_CHECK_THROW(classes(Tensor<std::int64_t>::full({1, 1}, 1)), ShapeError);

  const auto by_words = word_features(init);
  // No words at all, as the null condition; words never seen; more words than there is room for; no UTF-8.
  BOOST_TEST((numbers_of({""}).to_host() == by_words.null_condition(1).to_host()));
  const auto odd = by_words(numbers_of({"", "zyzzyva", "a b c d e f g", "\xff\xfe cat"}));
  BOOST_TEST((odd.shape() == Shape{4, 4, 6}));
  for (const float value : odd.to_host()) BOOST_TEST(std::isfinite(value));
  BOOST_CHECK_THROW(by_words(Tensor<std::int64_t>::zeros({1, 3, 10})), ShapeError);

  const auto null_features = random_tensor<float>({1, 3, 4}, 1);
  const GivenFeatures<On<Cpu>> given(null_features);
  const auto twice = given.null_condition(2);
  BOOST_TEST((twice.rows(1, 2).to_host() == null_features.to_host()));
  BOOST_TEST(given(twice).data() == twice.data());
  BOOST_CHECK_THROW(GivenFeatures<On<Cpu>>(random_tensor<float>({2, 3, 4}, 1)), ShapeError);

  const auto of_three = random_tensor<float>({3, 3, 4}, 1);
  const ListedFeatures<On<Cpu>> listed(of_three);
  const auto picked = listed(Tensor<std::int64_t>::from_host({2}, std::vector<std::int64_t>{1, 0}));
  BOOST_TEST((picked.shape() == Shape{2, 3, 4}));
  BOOST_TEST(picked.rows(0, 1).to_host() == of_three.rows(1, 2).to_host());
  BOOST_TEST(picked.rows(1, 2).to_host() == of_three.rows(0, 1).to_host());
  BOOST_TEST(listed(listed.null_condition(2)).rows(1, 2).to_host() == of_three.rows(2, 3).to_host());
  BOOST_CHECK_THROW(listed(Tensor<std::int64_t>::full({1}, 3)), ValueError);
  BOOST_CHECK_THROW(listed(Tensor<std::int64_t>::full({1, 1}, 1)), ShapeError);
  BOOST_CHECK_THROW(ListedFeatures<On<Cpu>>(random_tensor<float>({3, 12}, 1)), ShapeError);
  BOOST_CHECK_THROW(ListedFeatures<On<Cpu>>(random_tensor<float>({0, 3, 4}, 1)), ShapeError);
}

BOOST_AUTO_TEST_CASE(names) {
  Initializer init(1);
  const ConditionedModel model(Model(config, init), word_features(init));
  std::vector<std::string> names;
  for_each_parameter(model, [&](const std::string& name, const auto&) { names.push_back(name); });
  BOOST_TEST(names.front() == "s_embedder.proj.weight");
  BOOST_TEST(names.back() == "conditioner.table.weight");
  const ConditionedModel given(Model(config, init),
                               GivenFeatures<On<Cpu>>(random_tensor<float>({1, 4, 6}, 1)));
  BOOST_TEST(parameter_count(given) == parameter_count(given.model()));
}

BOOST_AUTO_TEST_CASE(words_are_learned_with_the_model) {
  Initializer init(1);
  ConditionedModel model(Model(config, init), word_features(init));
  train(model, numbers_of({"white square", "black square"}));
  // A word never seen, most of whose parts were, and one that shares nothing.
  const std::vector<std::string> captions{"white square", "black square", "blackish square", "zyzzyva"};
  const auto found = means(model, numbers_of(captions));
  BOOST_TEST_MESSAGE("white " << found[0] << ", black " << found[1] << ", blackish " << found[2]
                              << ", zyzzyva " << found[3]);
  BOOST_TEST(found[0] > 0.5);
  BOOST_TEST(found[1] < -0.5);
  for (const double mean : found) BOOST_TEST(std::abs(mean) < 2);
  const auto features = model.conditioner()(numbers_of(captions)).to_host();
  const auto distance = [&](std::size_t a, std::size_t b) {
    double square = 0;
    for (std::size_t i = 0; i < 6; ++i)  // the first word
      square += std::pow(features[a * 24 + i] - features[b * 24 + i], 2);
    return square;
  };
  BOOST_TEST(distance(2, 1) < distance(2, 0));
  BOOST_TEST((model.decoded_at(DecoderScale{2, 2})
                  .forward(random_tensor<float>({1, 1, 8, 8}, 1), Tensor<float>::full({1}, 0.5f),
                           numbers_of({"white"}))
                  .shape() == Shape{1, 1, 8, 8}));
}

BOOST_AUTO_TEST_CASE(classes_are_learned_with_the_model) {
  Initializer init(1);
  ConditionedModel model(Model(config, init), ClassFeatures<On<Cpu>>(2, 4, 6, init));
  const auto labels = Tensor<std::int64_t>::from_host({2}, std::vector<std::int64_t>{0, 1});
  train(model, labels);
  const auto found = means(model, labels);
  BOOST_TEST(found[0] > 0.5);
  BOOST_TEST(found[1] < -0.5);
}

BOOST_AUTO_TEST_SUITE_END()
