// SPDX-License-Identifier: MIT
/// \file
/// Checkpoints of a training run: saved all or nothing, resumed bit for bit.
///
/// A checkpoint is a folder `step-N` of the run's folder:
///
///     model.safetensors      the weights under their published names
///     ema.safetensors        the EMA weights under the same names, where the run keeps an average
///     optimizer.safetensors  the optimizer's state, STATE.NAME of every parameter: first_moments.NAME and
///                            second_moments.NAME for AdamW; and weights.NAME of parameters that only
///                            training needs
///     state.json             step, samples served, seed, running means, score, configuration, version of the
///                            library
///     manifest.json          size and CRC-32 of each
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/optim/parameter_store.hpp>
#include <pixnerd/train/run_folder.hpp>
#include <pixnerd/train/train_state.hpp>

namespace pixnerd {

namespace detail {

/// What a checkpoint is made of: a ParameterStore, or a copy of one on the host.
template <class S>
concept SlabSource = requires(const S& source, const ParameterEntry& entry) {
  typename S::T;
  typename S::Device;
  source.part(source.weights(), entry);
  source.state().slabs();
  source.average();
  source.entries();
};

/// One file and its tensors.
template <class T, class Device>
struct CheckpointFile : NamedTensors<T, Device> {
  std::string name;
};

/// The files of a store's checkpoint; their tensors are parts of the slabs.
template <SlabSource Store>
auto checkpoint_files(const Store& store) {
  CheckpointFile<typename Store::T, typename Store::Device> model{{}, "model.safetensors"},
      ema{{}, "ema.safetensors"}, optimizer{{}, "optimizer.safetensors"};
  const auto put = [&](auto& file, const std::string& name, const auto& slab, const ParameterEntry& entry) {
    file.tensors.emplace_back(name, store.part(slab, entry));
  };
  for (const auto& entry : store.entries()) {
    if (entry.averaged) {
      put(model, entry.name, store.weights(), entry);
      if (store.average().defined()) put(ema, entry.name, store.average(), entry);
    } else {
      put(optimizer, "weights." + entry.name, store.weights(), entry);
    }
    for (const auto& [name, slab] : store.state().slabs()) {
      put(optimizer, str_cat(name, ".", entry.name), slab, entry);
    }
  }
  std::vector files{std::move(model), std::move(optimizer)};
  if (store.average().defined()) files.push_back(std::move(ema));
  return files;
}

}  // namespace detail

/// Saves the checkpoint `step-N` of a run, N = state.step, and returns its path; see write_checkpoint().
/// `store` is a ParameterStore or a StoreSnapshot. Throws FileError, and leaves the disk as it was, when the
/// checkpoint exists or cannot be written.
template <detail::SlabSource Store>
std::string save_checkpoint(const std::string& run, const Store& store, const TrainState& state) {
  const auto files = detail::checkpoint_files(store);
  const std::string state_text = format_train_state(state);
  std::uint64_t bytes = state_text.size();
  for (const auto& file : files) {
    for (const auto& [name, tensor] : file.tensors) bytes += tensor.bytes();
  }
  return write_checkpoint(run, state.step, bytes, [&](const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& file : files) {
      save_parameters(str_cat(folder, "/", file.name), file);
      names.push_back(file.name);
    }
    write_file_atomic(folder + "/state.json", state_text);
    names.push_back("state.json");
    return names;
  });
}

/// Loads a checkpoint's weights, EMA weights and the state of `optimizer` into a store, and returns where the
/// run stood.
///
/// Throws FileError when the checkpoint is damaged; when it belongs to another model or optimizer, listing
/// every missing, unexpected and misshapen name; when it has EMA weights and the store has none, or the other
/// way round. Whatever is thrown, weights, averages and state are as they were.
template <class Policy, class AnOptimizer>
TrainState load_checkpoint(const std::string& path, ParameterStore<Policy>& store,
                           const AnOptimizer& optimizer) {
  if (const std::string problem = manifest_problem(path); !problem.empty()) {
    raise<FileError>("checkpoint", str_cat("a whole checkpoint '", path, "'"), problem);
  }
  TrainState state = read_train_state(path + "/state.json");
  const bool has_average = detail::absence_of_file(path + "/ema.safetensors").empty();
  if (has_average != store.average().defined()) {
    raise<FileError>("checkpoint",
                     str_cat(has_average ? "no" : "an", " ema.safetensors in '", path,
                             "', for this run averages ", has_average ? "no" : "its", " weights"),
                     has_average ? "one" : "none");
  }
  store.start_state(optimizer);
  // All files are read and checked before the store changes.
  const auto files = detail::checkpoint_files(store);
  auto staged = files;
  for (auto& file : staged) {
    for (auto& [name, tensor] : file.tensors)
      tensor = Tensor<typename Policy::Master, typename Policy::Device>(tensor.shape());
    fill_parameters(SafetensorsFile(str_cat(path, "/", file.name)), file);
  }
  for (std::size_t f = 0; f < files.size(); ++f) {
    for (std::size_t i = 0; i < files[f].tensors.size(); ++i) {
      copy_into(files[f].tensors[i].second, staged[f].tensors[i].second);
    }
  }
  store.refresh_copies();
  // The pool would keep what was staged for the whole run.
  staged.clear();
  MemoryPool<typename Policy::Device>::instance().trim();
  return state;
}

}  // namespace pixnerd
