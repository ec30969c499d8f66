// SPDX-License-Identifier: MIT
// Times reading a large safetensors file against cp and cat of the same file, and converting a large PyTorch
// checkpoint.
//
//   bench_files [FOLDER [MEGABYTES [ROUNDS]]]     default: /tmp 1024 3
//
// All files are in the page cache. Every measurement is in a process of its own: "read" finds fresh memory
// only, as cp does for its copy; "read again" reads into what the pool kept. Seconds of processors, of the
// system too, are in brackets.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <pixnerd/io/convert_checkpoint.hpp>
#include <pixnerd/io/open_tensor_file.hpp>
#include <pixnerd/io/safetensors/mapped_file.hpp>

#include "../tests/support/torch_files.hpp"

using namespace pixnerd;

namespace {

struct Cost {
  double seconds = 0, processor_seconds = 0, peak_mb = 0;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double processor_seconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  return processor_seconds(usage);
}

/// Runs `action` in a child process; 0 is its success.
Cost measure(const std::function<int()>& action) {
  const double start = now();
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 1;
    try {
      status = action();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(status);
  }
  int status = 1;
  rusage usage{};
  if (child < 0 || ::wait4(child, &status, 0, &usage) != child || status != 0) std::exit(1);
  return {now() - start, processor_seconds(usage), static_cast<double>(usage.ru_maxrss) / 1024};
}

int run_program(const std::string& command) {
  return std::system(command.c_str());
}

/// Every tensor into memory of its own, twice; fills in the costs of the first and of the second time.
int read_twice(const std::string& path, Cost* costs) {
  for (int i = 0; i < 2; ++i) {
    const double start = now();
    const double processor_start = processor_seconds(RUSAGE_SELF);
    const SafetensorsFile file(path);
    std::vector<Tensor<float>> tensors;
    for (const auto& entry : file.entries()) tensors.push_back(file.tensor<float>(entry.name));
    costs[i].seconds = now() - start;
    costs[i].processor_seconds = processor_seconds(RUSAGE_SELF) - processor_start;
  }
  return 0;
}

/// Every number once, where it lies.
int sum_mapped(const std::string& path) {
  const MappedSafetensors file(path);
  float sum = 0;
  for (const auto& entry : file.entries())
    for (const float value : file.elements<float>(entry.name)) sum += value;
  return sum < 0 ? 1 : 0;
}

void print(const char* name, std::vector<Cost> costs, double megabytes) {
  std::sort(costs.begin(), costs.end(), [](auto& a, auto& b) { return a.seconds < b.seconds; });
  const Cost& median = costs[costs.size() / 2];
  std::printf("%-28s %8.3f s  [%6.3f s]  %7.0f MB/s  peak %5.0f MB\n", name, median.seconds,
              median.processor_seconds, megabytes / median.seconds, median.peak_mb);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "/tmp";
  const int megabytes = argc > 2 ? std::atoi(argv[2]) : 1024, rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  if (megabytes < 32 || rounds < 1) return 2;
  const std::string plain = folder + "/bench_files.safetensors", checkpoint = folder + "/bench_files.ckpt",
                    copy = folder + "/bench_files.copy", converted = folder + "/bench_files_out.safetensors";
  const int count = megabytes / 32;
  measure([&] {
    const std::vector<float> values(8 << 20, 0.5f);
    std::vector<SafetensorsView> views;
    for (int i = 0; i < count; ++i)
      views.push_back(
          safetensors_view(str_cat("tensor.", i), Shape{2048, 4096}, std::span<const float>(values)));
    write_safetensors(plain, views);
    test::write_torch_file(checkpoint, views);
    return 0;
  });
  run_program("cat '" + plain + "' '" + checkpoint + "' >/dev/null");

  auto* const shared = static_cast<Cost*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0));  // with child processes
  if (shared == MAP_FAILED) return 1;
  std::vector<Cost> reads, rereads, maps, copies, cats, conversions, narrowings;
  for (int round = 0; round < rounds; ++round) {
    const Cost whole = measure([&] { return read_twice(plain, shared); });
    for (int i = 0; i < 2; ++i) shared[i].peak_mb = whole.peak_mb;
    reads.push_back(shared[0]);
    rereads.push_back(shared[1]);
    maps.push_back(measure([&] { return sum_mapped(plain); }));
    copies.push_back(measure([&] { return run_program("cp '" + plain + "' '" + copy + "'"); }));
    std::filesystem::remove(copy);
    cats.push_back(measure([&] { return run_program("cat '" + plain + "' >/dev/null"); }));
    const auto convert = [&](StoredPrecision precision) {
      const Cost cost = measure([&] {
        return convert_checkpoint(*open_tensor_file(checkpoint), converted, "", {}, precision).committed ? 0
                                                                                                         : 1;
      });
      std::filesystem::remove(converted);
      return cost;
    };
    conversions.push_back(convert(StoredPrecision::keep));
    narrowings.push_back(convert(StoredPrecision::bfloat16));
  }
  std::filesystem::remove(plain);
  std::filesystem::remove(checkpoint);

  const double size = 32.0 * count;
  std::printf("%.0f MB in %d tensors, median of %d rounds\n", size, count, rounds);
  print("read", reads, size);
  print("read again", rereads, size);
  print("sum where it is mapped", maps, size);
  print("cp", copies, size);
  print("cat >/dev/null", cats, size);
  print("convert .ckpt", conversions, size);
  print("convert .ckpt to bfloat16", narrowings, size);
}
