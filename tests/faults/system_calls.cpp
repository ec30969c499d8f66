// SPDX-License-Identifier: MIT
/// \file
/// Every system call that writing makes fails once: the old file stays whole, the message says what was
/// needed and what there is, nothing else stays, and the next try works.
#undef _FORTIFY_SOURCE  // its open() is an inline function of its own
#include "faults/system_calls.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

#include <pixnerd/image/read_image.hpp>
#include <pixnerd/io/convert_checkpoint.hpp>
#include <pixnerd/io/torch/checkpoint.hpp>
#include <pixnerd/train/checkpoint.hpp>

#include <pixnerd/train/metrics.hpp>
#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;
namespace fs = std::filesystem;
using test::Fault;
using test::Faults;
using test::Folder;

BOOST_FIXTURE_TEST_SUITE(system_calls, test::FoldersInMemory)

namespace {

constexpr unsigned opens_and_writes = test::open_call | test::write_call | test::sync_call | test::close_call;

/// What may become of a call.
const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> faults = {
      {"the disk is full",
       test::write_call | test::sync_call | test::close_call | test::open_call | test::folder_call |
           test::rename_call,
       ENOSPC},
      {"the disk stays full", test::write_call | test::sync_call, ENOSPC, /*lasting=*/true},
      {"the disk fails", test::every_call, EIO},
      {"a quota ends", opens_and_writes, EDQUOT},
      {"the disk became read-only", test::open_call | test::rename_call | test::folder_call, EROFS,
       /*lasting=*/true},
      {"no access", test::open_call | test::rename_call | test::folder_call, EACCES},
      {"too many open files", test::open_call, EMFILE},
      {"a signal", opens_and_writes, EINTR},
      {"a short write", test::write_call, 0, false, /*half=*/true},
      {"a short write, and then the disk is full", test::write_call, ENOSPC, /*lasting=*/true, /*half=*/true},
      {"a short write, and then the disk fails", test::write_call | test::cut_call, EIO, true, true},
  };
  return faults;
}

std::set<std::string> listing(const fs::path& root) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    names.insert(fs::relative(entry.path(), root));
  return names;
}

std::string content(const std::string& path) {
  const auto bytes = read_file(path, std::uint64_t{1} << 30);
  return {bytes.begin(), bytes.end()};
}

/// A way to write something into a folder over what another call of it wrote there.
struct Writing {
  std::function<void(const std::string& folder, int version)> write;
  /// Whether the folder holds this version, whole; throws when it cannot be read.
  std::function<bool(const std::string& folder, int version)> holds;
  std::uint64_t bytes = 0;         ///< what version 2 needs, as the message of a full disk has it
  bool keeps_old_version = false;  ///< beside the new one
};

/// Writes version 2 over version 1 while a fault waits at call number `number`. False when there are fewer
/// calls.
bool write_with_fault(const Writing& writing, const std::string& folder, const Fault& fault, int number) {
  const auto before = listing(folder);
  std::string said;
  Faults::instance().arm(fault, number);
  try {
    writing.write(folder, 2);
  } catch (const FileError& error) {
    said = error.what();
  } catch (const std::exception& error) {
    Faults::instance().disarm();
    BOOST_ERROR("not a FileError: " << error.what());
  }
  const bool hit = Faults::instance().disarm();
  if (said.empty()) {
    // A folder that cannot be made durable and a file that was read cannot fail anyone.
    BOOST_TEST(writing.holds(folder, 2), "nothing was said and nothing was written");
    return hit;
  }
  BOOST_TEST(hit, said);
  BOOST_TEST(fault.error != 0, said);
  BOOST_TEST(fault.error != EINTR, said);
  BOOST_TEST(said.find(errno_text(fault.error)) != said.npos, said);
  BOOST_TEST(said.find(" bytes are available there") != said.npos, said);
  if (fault.error == ENOSPC) BOOST_TEST(said.find(str_cat(writing.bytes, " ")) != said.npos, said);
  BOOST_TEST(writing.holds(folder, 1), said);
  BOOST_TEST((listing(folder) == before), said);
  writing.write(folder, 2);
  BOOST_TEST(writing.holds(folder, 2), said);
  return hit;
}

void check_every_call(const Writing& writing) {
  for (const Fault& fault : all_faults()) {
    BOOST_TEST_CONTEXT(fault.name) {
      int number = 0;
      for (bool more = true; more; ++number) {
        BOOST_TEST_CONTEXT("call " << number) {
          const Folder folder;
          writing.write(folder.path, 1);
          more = write_with_fault(writing, folder.path, fault, number);
        }
      }
      BOOST_TEST_MESSAGE(fault.name << ": " << number - 1 << " calls");
      if ((fault.calls & test::write_call) != 0) BOOST_TEST(number > 1);
    }
  }
}

/// The folder goes away, or elsewhere, before each of the calls.
void check_vanishing_folder(const Writing& writing) {
  for (const bool moved : {false, true}) {
    int number = 0;
    for (bool more = true; more; ++number) {
      BOOST_TEST_CONTEXT((moved ? "moved" : "removed") << " before call " << number) {
        const Folder base;
        const std::string folder = base / "folder", elsewhere = base / "elsewhere";
        fs::create_directory(folder);
        writing.write(folder, 1);
        Fault fault{"vanishes"};
        fault.action = [&] {
          if (moved) {
            fs::rename(folder, elsewhere);
          } else {
            fs::remove_all(folder);
          }
        };
        Faults::instance().arm(fault, number);
        try {
          writing.write(folder, 2);
        } catch (const FileError& error) {
          BOOST_TEST(std::string(error.what()).find(folder) != std::string::npos, error.what());
        }
        more = Faults::instance().disarm();
        if (!more || !moved) continue;
        // It is back: whole, and nothing that was begun stays for good.
        fs::remove_all(folder);
        fs::rename(elsewhere, folder);
        BOOST_TEST((writing.holds(folder, 1) || writing.holds(folder, 2)));
        try {
          writing.write(folder, 2);
        } catch (const FileError&) {
          BOOST_TEST(writing.keeps_old_version);  // it was written before the folder went
        }
        BOOST_TEST(writing.holds(folder, 2));
        for (const auto& name : listing(folder)) BOOST_TEST(name.find(".tmp") == name.npos, name);
      }
    }
    BOOST_TEST(number > 3);
  }
}

void check(const Writing& writing) {
  check_every_call(writing);
  check_vanishing_folder(writing);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file) {
  const auto letters = [](int version) { return std::string(10'000, static_cast<char>('a' + version)); };
  check({[=](const std::string& folder, int version) { write_file_atomic(folder + "/a", letters(version)); },
         [=](const std::string& folder, int version) { return content(folder + "/a") == letters(version); },
         10'000});
}

BOOST_AUTO_TEST_CASE(a_picture) {
  const auto image = [](int version) {
    Image out(20, 30);
    for (std::size_t i = 0; i < out.rgb.size(); ++i)
      out.rgb[i] = static_cast<std::uint8_t>(i * i * static_cast<unsigned>(version));
    return out;
  };
  check({[=](const std::string& folder, int version) { write_png(folder + "/a.png", image(version)); },
         [=](const std::string& folder, int version) {
           return read_image(folder + "/a.png").rgb == image(version).rgb;
         },
         encode_png(image(2)).size()});
}

BOOST_AUTO_TEST_CASE(a_safetensors_file) {
  const auto values = [](int version) { return std::vector<float>(1000, static_cast<float>(version)); };
  const auto write = [=](const std::string& folder, int version) {
    const auto many = values(version);
    const std::vector<double> few(10, version);
    write_safetensors(folder + "/a", {safetensors_view<float>("many", {10, 100}, many),
                                      safetensors_view<double>("few", {10}, few)});
  };
  const Folder folder;
  write(folder.path, 2);
  check({write,
         [=](const std::string& where, int version) {
           const SafetensorsFile file(where + "/a");
           return file.read<float>("many") == values(version) && file.read<double>("few")[9] == version;
         },
         fs::file_size(folder / "a")});
}

BOOST_AUTO_TEST_CASE(a_converted_checkpoint) {
  const TorchCheckpoint from(PIXNERD_TEST_DATA "/lightning.ckpt");
  std::string prefixes[3];
  for (const auto& entry : from.entries()) {
    // Two parts of the checkpoint with few tensors.
    for (const auto* part : {"ema_denoiser.blocks.0.", "ema_denoiser.blocks.1."}) {
      if (entry.name.starts_with(part)) prefixes[part[20] - '0' + 1] = part;
    }
  }
  const auto write = [&](const std::string& folder, int version) {
    convert_checkpoint(from, folder + "/a", prefixes[version]);
  };
  const Folder folder;
  std::string expected[3];
  for (const int version : {1, 2}) {
    BOOST_TEST_REQUIRE(prefixes[version] != "");
    write(folder.path, version);
    expected[version] = content(folder / "a");
  }
  BOOST_TEST_REQUIRE(expected[1] != expected[2]);
  check({write,
         [&](const std::string& where, int version) { return content(where + "/a") == expected[version]; },
         expected[2].size()});
}

BOOST_AUTO_TEST_CASE(a_checkpoint) {
  test::TinyModel model(1), other(2);
  test::Store store(model), loaded(other);
  store.start_average();
  loaded.start_average();
  const auto expected = [&](int version) {
    test::fill_store(store, static_cast<std::uint64_t>(version));
    return test::bits_of(store);
  };
  const auto state = [](int version) { return TrainState{{version, 10 * version, 3}, {}}; };
  const auto write = [&](const std::string& run, int version) {
    expected(version);
    save_checkpoint(run, store, state(version));
  };
  const auto holds = [&](const std::string& run, int version) {
    const auto newest = newest_checkpoint(run);
    if (newest.path != checkpoint_path(run, version) || !newest.damaged.empty()) return false;
    if (load_checkpoint(newest.path, loaded, AdamW{}).samples != 10 * version) return false;
    return test::equal_bits(test::bits_of(loaded), expected(version));
  };
  std::uint64_t bytes = format_train_state(state(2)).size();
  for (const auto& slab :
       {store.weights(), store.state()["first_moments"], store.state()["second_moments"], store.average()}) {
    for (const auto& entry : store.entries()) bytes += store.part(slab, entry).bytes();
  }
  check({write, holds, bytes, /*keeps_old_version=*/true});
}

/// Rows are appended: those that were there stay, and the file ends with a whole one.
BOOST_AUTO_TEST_CASE(metrics) {
  for (const Fault& fault : all_faults()) {
    int number = 0;
    for (bool more = true; more; ++number) {
      BOOST_TEST_CONTEXT(fault.name << ", call " << number) {
        const Folder folder;
        const std::string path = folder / "metrics.csv";
        const auto add = [&](std::int64_t resumed_step) {
          MetricsWriter writer(path, resumed_step);
          for (std::int64_t step = resumed_step + 1; step <= resumed_step + 3; ++step) {
            writer.add({step, 0.5, 0.25, 1e-3, 100, 1.5});
            writer.flush();
          }
        };
        add(0);
        Faults::instance().arm(fault, number);
        std::string said;
        try {
          add(3);
        } catch (const FileError& error) {
          said = error.what();
        }
        more = Faults::instance().disarm();
        const auto rows = read_metrics(path);
        BOOST_TEST(rows.size() >= 3u, said);
        if (said.empty()) BOOST_TEST(rows.size() == 6u);
        if (!said.empty()) BOOST_TEST(said.find("metrics.csv") != said.npos, said);
        if ((fault.calls & test::cut_call) == 0) BOOST_TEST(content(path).ends_with('\n'), said);
        BOOST_TEST(folder.entries() == 1, said);
        // A resumed run goes on behind what its checkpoint knows.
        add(3);
        BOOST_TEST(read_metrics(path).size() == 6u);
      }
    }
    BOOST_TEST(number > 1);
  }
}

/// Training goes on where a row could not be written: the next try writes it.
BOOST_AUTO_TEST_CASE(metrics_of_a_run_that_goes_on) {
  for (const Fault& fault : all_faults()) {
    if ((fault.calls & test::write_call) == 0) continue;
    for (int number = 0; number < 8; ++number) {
      BOOST_TEST_CONTEXT(fault.name << ", call " << number) {
        const Folder folder;
        MetricsWriter writer(folder / "metrics.csv", 0);
        Faults::instance().arm(fault, number);
        for (std::int64_t step = 1; step <= 4; ++step) {
          writer.add({step, 0.5, 0.25, 1e-3, 100, 1.5});
          try {
            writer.flush();
          } catch (const FileError& error) {
            BOOST_TEST(std::string(error.what()).find(errno_text(fault.error)) != std::string::npos);
          }
        }
        Faults::instance().disarm();
        writer.flush();
        const auto rows = read_metrics(folder / "metrics.csv");
        BOOST_TEST_REQUIRE(rows.size() == 4u);
        for (std::int64_t i = 0; i < 4; ++i) BOOST_TEST(rows[static_cast<std::size_t>(i)].step == i + 1);
      }
    }
  }
}

/// Whoever removes, moves or cuts the file while a run goes on gets all of its rows again.
BOOST_AUTO_TEST_CASE(metrics_that_others_change) {
  const Folder folder;
  const std::string run = folder / "run", path = run + "/metrics.csv";
  std::filesystem::create_directory(run);
  MetricsWriter writer(path, 0);
  std::size_t rows = 0;
  const auto add = [&] {
    writer.add({static_cast<std::int64_t>(++rows), 0.5, 0.25, 1e-3, 100, 1.5});
    writer.flush();
  };
  add();
  std::filesystem::remove(path);
  add();
  add();
  BOOST_TEST(read_metrics(path).size() == rows);
  std::filesystem::rename(path, path + ".old");
  add();
  BOOST_TEST(read_metrics(path).size() == rows);
  std::filesystem::resize_file(path, 0);
  add();
  BOOST_TEST(read_metrics(path).size() == rows);
  std::filesystem::remove_all(run);
  test::check_throws<FileError>(add, {"metrics.csv", errno_text(ENOENT)});
  std::filesystem::create_directory(run);
  add();
  BOOST_TEST(read_metrics(path).size() == rows);
}

BOOST_AUTO_TEST_SUITE_END()
