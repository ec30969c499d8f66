#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/data/words.hpp>
#include <pixnerd/models/words_to_image.hpp>

#include "files.hpp"
#include "support.hpp"

using namespace pixnerd;

namespace {

constexpr std::int64_t rows = 50, features = 5;

PixnerdT2iConfig tiny() {
  return {.channels = 3,
          .patch = 2,
          .width = 8,
          .heads = 2,
          .depth = 1,
          .text_depth = 1,
          .field_depth = 1,
          .field_features = 8,
          .field_ratio = 1,
          .text_width = 6,
          .text_tokens = 3};
}

Tensor<std::int64_t> ids_of(const std::vector<std::string>& prompts) {
  std::vector<std::int64_t> all;
  for (const auto& prompt : prompts) {
    const auto ids = word_ids(prompt, {rows, 3, features});
    all.insert(all.end(), ids.begin(), ids.end());
  }
  return Tensor<std::int64_t>::from_host({static_cast<std::int64_t>(prompts.size()), 3, features}, all);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(words_to_image)

BOOST_AUTO_TEST_CASE(is_the_model_under_the_sums_of_word_vectors) {
  Initializer init(1), again(1);
  const WordsToImage<Cpu, Full<double>> model(tiny(), rows, init);
  const PixnerdT2i<Cpu, Full<double>> inner(tiny(), again);
  const EmbeddingSum<Cpu, Full<double>> words(rows, 6, again, 1.0);
  const auto x = random_tensor({2, 3, 4, 6}, 1);
  const auto t = Tensor<double>::from_host({2}, std::vector<double>{0.2, 0.9});
  const auto ids = ids_of({"a red heart", ""});
  const auto tokens_seen = [](auto& count) { return [&](std::int64_t, const auto&) { ++count; }; };
  int blocks = 0;
  const auto velocity = model.forward(x, t, ids, tokens_seen(blocks));
  BOOST_TEST((velocity.to_host() == inner.forward(x, t, words(ids)).to_host()));
  BOOST_TEST(blocks == 1);
  const auto larger = model.decoded_at({2, 1.5});
  const auto big = random_tensor({2, 3, 8, 9}, 1);
  BOOST_TEST((larger.forward(big, t, ids).to_host() ==
              inner.decoded_at({2, 1.5}).forward(big, t, words(ids)).to_host()));
  BOOST_TEST(parameter_count(model) == parameter_count(inner) + rows * 6);
}

BOOST_AUTO_TEST_CASE(gradients) {
  Initializer init(1);
  const auto t = Tensor<double>::from_host({1}, std::vector<double>{0.3});
  const auto ids = ids_of({"red cat"});
  check_module_gradient(
      WordsToImage<Cpu, Full<double>>(tiny(), rows, init),
      [&](const auto& model, const auto& in) { return model.forward(in[0], t, ids); },
      {random_tensor({1, 3, 2, 4}, 1)}, 0.4);
}

BOOST_AUTO_TEST_CASE(refuses_other_ids) {
  Initializer init(1);
  const WordsToImage<Cpu> model(tiny(), rows, init);
  const auto x = random_tensor<float>({1, 3, 4, 4}, 1);
  const auto t = Tensor<float>::full({1}, 0.5f);
  const auto forward = [&](const Shape& shape, std::int64_t id) {
    return [&, shape, id] { (void)model.forward(x, t, Tensor<std::int64_t>::full(shape, id)); };
  };
  test::check_throws<ShapeError>(forward({1, 3}, 0), {"WordsToImage", "ids (B, n, G)", "(1, 3)"});
  test::check_throws<ShapeError>(forward({1, 4, 2}, 0), {"PixnerdT2i", "(1, 4, 6)"});
  test::check_throws<ShapeError>(forward({2, 3, 2}, 0), {"PixnerdT2i"});
  test::check_throws<ValueError>(forward({1, 3, 2}, rows), {"below 50", "got 50"});
}

BOOST_AUTO_TEST_SUITE_END()
