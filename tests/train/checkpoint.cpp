// SPDX-License-Identifier: MIT
#include <pixnerd/train/checkpoint.hpp>

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>

#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(checkpoint)

namespace {

using test::bits_of;
using test::equal_bits;
using test::Store;
using test::TinyModel;

/// A store with helper and average, full of numbers.
struct Everything {
  TinyModel model;
  Linear<On<Cpu>> helper;
  Store store;

  explicit Everything(std::uint64_t seed)
      : model(seed), helper(make_helper(seed)), store(model, helper, "projector") {
    store.start_average();
    test::fill_store(store, seed);
  }

  static Linear<On<Cpu>> make_helper(std::uint64_t seed) {
    Initializer init(seed);
    return Linear<On<Cpu>>(3, 2, init);
  }
};

/// What `action` says when it fails, run in a child process; empty when it does not.
template <class Action>
std::string message_from_child(Action action) {
  int ends[2];
  BOOST_TEST_REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string message;
    try {
      action();
    } catch (const std::exception& error) {
      message = error.what();
    }
    const auto put = ::write(ends[1], message.data(), message.size());
    ::_exit(put == static_cast<ssize_t>(message.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string out;
  char piece[512];
  for (ssize_t got; (got = ::read(ends[0], piece, sizeof piece)) > 0;)
    out.append(piece, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  BOOST_TEST(status == 0);
  return out;
}

bool contains(const std::string& message, const std::string& words) {
  return message.find(words) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(comes_back_bit_for_bit) {
  const test::Folder folder;
  const std::string run = folder / "run";
  Everything saved(1), loaded(2);
  TrainState state{{40, 640, 9}, {{"width", 7}}};
  const std::string path = save_checkpoint(run, saved.store, state);
  BOOST_TEST(path == run + "/step-40");
  BOOST_TEST(!equal_bits(bits_of(saved.store), bits_of(loaded.store)));
  const TrainState again = load_checkpoint(path, loaded.store, AdamW{});
  BOOST_TEST(equal_bits(bits_of(saved.store), bits_of(loaded.store)));
  BOOST_TEST(again.step == 40);
  BOOST_TEST(again.samples == 640);
  BOOST_TEST(again.seed == 9u);
  BOOST_TEST((again.configuration == state.configuration));
}

BOOST_AUTO_TEST_CASE(rounded_copies_follow_the_weights) {
  const test::Folder folder;
  Initializer init(1), other(2);
  Linear<On<Cpu>> saved(3, 5, init);
  Store store(saved);
  store.start_state(AdamW{});
  store.weights().data()[1] = 1.0009765625f;  // no bfloat16
  const std::string path = save_checkpoint(folder / "run", store, TrainState{});
  // Files hold float32 in either precision.
  Linear<On<Cpu, Mixed>> loaded(3, 5, other);
  ParameterStore<On<Cpu, Mixed>> into(loaded);
  load_checkpoint(path, into, AdamW{});
  BOOST_TEST((into.weights().to_host() == store.weights().to_host()));
  BOOST_TEST((loaded.weight.data()[1] == bfloat16(1.0f)));
  BOOST_TEST((loaded.weight.data()[14] == bfloat16(saved.weight.data()[14])));
}

BOOST_AUTO_TEST_CASE(files_hold_the_published_names) {
  const test::Folder folder;
  Everything saved(1);
  const std::string path = save_checkpoint(folder / "run", saved.store, {});
  // Anyone can load the weights, or their averages, without a store.
  TinyModel model(5);
  load_parameters(path + "/model.safetensors", model);
  BOOST_TEST(model.second.weight.to_host() == saved.model.second.weight.to_host(),
             boost::test_tools::per_element());
  load_parameters(path + "/ema.safetensors", model);
  const auto averaged = saved.store.averaged(saved.model);
  BOOST_TEST(model.second.weight.to_host() == averaged.second.weight.to_host(),
             boost::test_tools::per_element());
  const SafetensorsFile optimizer(path + "/optimizer.safetensors");
  BOOST_TEST(optimizer.entries().size() == 3 * 2 + 2 * 3);
  for (const char* name :
       {"first_moments.first.weight", "second_moments.projector.bias", "weights.projector.weight"}) {
    BOOST_TEST(optimizer.contains(name), name);
  }
}

BOOST_AUTO_TEST_CASE(one_of_another_model_changes_nothing) {
  const test::Folder folder;
  Everything everything(1);
  const std::string path = save_checkpoint(folder / "run", everything.store, {});

  TinyModel without_bias(3);
  without_bias.first.bias = {};
  without_bias.second.weight = Tensor<float>::zeros({5, 14});
  without_bias.second.bias = Tensor<float>::zeros({5});
  Linear<On<Cpu>> helper = Everything::make_helper(3);
  Store store(without_bias, helper, "projector");
  store.start_average();
  store.start_state(AdamW{});
  const auto before = bits_of(store);
  test::check_throws<FileError>(
      [&] { (void)load_checkpoint(path, store, AdamW{}); },
      {"model.safetensors", "1 missing: \"second.bias\" (5)", "1 unexpected: \"first.bias\" (13)",
       "1 misshapen: \"second.weight\" (5, 13) instead of (5, 14)"});
  BOOST_TEST(equal_bits(bits_of(store), before));

  // The model fits and the optimizer's file does not: still nothing changes.
  TinyModel model(3);
  Linear<On<Cpu>> wide = [] {
    Initializer init(3);
    return Linear<On<Cpu>>(4, 2, init);
  }();
  Store other(model, wide, "projector");
  other.start_average();
  other.start_state(AdamW{});
  const auto other_before = bits_of(other);
  test::check_throws<FileError>(
      [&] { (void)load_checkpoint(path, other, AdamW{}); },
      {"optimizer.safetensors", "\"weights.projector.weight\" (2, 3) instead of (2, 4)"});
  BOOST_TEST(equal_bits(bits_of(other), other_before));
}

BOOST_AUTO_TEST_CASE(averages_must_agree) {
  const test::Folder folder;
  Everything with(1);
  TinyModel model(2);
  Linear<On<Cpu>> helper = Everything::make_helper(2);
  Store without(model, helper, "projector");
  test::fill_store(without, 2);
  const auto with_path = save_checkpoint(folder / "with", with.store, {});
  const auto without_path = save_checkpoint(folder / "without", without, {});
  const auto with_before = bits_of(with.store), without_before = bits_of(without);
  test::check_throws<FileError>([&] { (void)load_checkpoint(with_path, without, AdamW{}); },
                                {"no ema.safetensors", "got one"});
  test::check_throws<FileError>([&] { (void)load_checkpoint(without_path, with.store, AdamW{}); },
                                {"an ema.safetensors", "got none"});
  BOOST_TEST(equal_bits(bits_of(with.store), with_before));
  BOOST_TEST(equal_bits(bits_of(without), without_before));
}

BOOST_AUTO_TEST_CASE(damage_is_found_and_changes_nothing) {
  const test::Folder folder;
  Everything saved(1), loaded(2);
  const auto before = bits_of(loaded.store);
  const std::string path = save_checkpoint(folder / "run", saved.store, {});
  for (const std::string name :
       {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"}) {
    const auto whole = read_file(path + "/" + name, 1 << 20);
    auto damaged = whole;
    damaged[damaged.size() / 2] ^= 1;
    write_file_atomic(path + "/" + name, damaged);
    test::check_throws<FileError>([&] { (void)load_checkpoint(path, loaded.store, AdamW{}); },
                                  {"whole checkpoint", name});
    damaged.resize(damaged.size() / 2);
    write_file_atomic(path + "/" + name, damaged);
    test::check_throws<FileError>([&] { (void)load_checkpoint(path, loaded.store, AdamW{}); },
                                  {"whole checkpoint", name});
    write_file_atomic(path + "/" + name, whole);
  }
  BOOST_TEST(equal_bits(bits_of(loaded.store), before));
  (void)load_checkpoint(path, loaded.store, AdamW{});
  BOOST_TEST(equal_bits(bits_of(loaded.store), bits_of(saved.store)));
}

/// No file may grow beyond 600 bytes.
BOOST_AUTO_TEST_CASE(a_write_that_fails_half_way_leaves_the_earlier_ones) {
  const test::Folder folder;
  const std::string run = folder / "run";
  Everything saved(1);
  save_checkpoint(run, saved.store, {10, 0, 0, {}});
  const std::string message = message_from_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{600, 600};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw Error("no limit");
    save_checkpoint(run, saved.store, {20, 0, 0, {}});
  });
  BOOST_TEST(contains(message, "step-20"), message);
  BOOST_TEST(contains(message, "File too large"), message);
  BOOST_TEST(contains(message, "bytes are available"), message);
  BOOST_TEST(newest_checkpoint(run).path == run + "/step-10");
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(run)) ++entries;
  BOOST_TEST(entries == 1);
}

/// A disk of 100 kB, where the process may mount one of its own.
BOOST_AUTO_TEST_CASE(a_full_disk_is_one_sentence_and_leaves_the_earlier_ones) {
  const test::Folder folder;
  Initializer init(1);
  Linear<On<Cpu>> model(60, 60, init);  // 59 kB with moments and averages
  Store store(model);
  store.start_average();
  store.start_state(AdamW{});
  const std::string run = folder.path.string();
  const std::string message = message_from_child([&] {
    const bool alone = ::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    if (!alone || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", run.c_str(), "tmpfs", 0, "size=100k") != 0) {
      throw Error("cannot mount");
    }
    save_checkpoint(run, store, {10, 0, 0, {}});
    std::string said;
    try {
      save_checkpoint(run, store, {20, 0, 0, {}});
    } catch (const FileError& error) {
      said = error.what();
    }
    if (said.empty()) throw Error("the second one was saved");
    const auto newest = newest_checkpoint(run);
    int entries = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(run)) ++entries;
    throw Error(str_cat(said, " NEWEST ", newest.path, " ENTRIES ", entries));
  });
  const std::size_t bytes = 4 * 3660 * sizeof(float) + format_train_state({20, 0, 0, {}}).size();
  if (message == "cannot mount") {
    BOOST_TEST_MESSAGE("not permitted to mount a small disk; the test before covers a failing write");
    return;
  }
  BOOST_TEST(contains(message, str_cat("takes the ", bytes, " bytes")), message);
  BOOST_TEST(contains(message, "No space left on device; "), message);
  BOOST_TEST(contains(message, "bytes are available"), message);
  BOOST_TEST(contains(message, str_cat("NEWEST ", run, "/step-10 ENTRIES 1")), message);
}

BOOST_AUTO_TEST_SUITE_END()
