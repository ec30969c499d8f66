// SPDX-License-Identifier: MIT
/// \file
/// Saving checkpoints in the background, while training goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include <pixnerd/train/checkpoint.hpp>
#include <pixnerd/train/checkpoint_retention.hpp>
#include <pixnerd/train/store_snapshot.hpp>

namespace pixnerd {

/// Saves the checkpoints of a run, one at a time, and removes old ones if they can be read. `T` is the type
/// of the master weights.
///
/// begin() copies the store to host memory, which is all that training waits for, and a thread writes the
/// copy. The files are those of save_checkpoint(), byte for byte. An error of that thread is thrown by the
/// next call of any function here; earlier checkpoints and the store are then as they were. The destructor
/// waits for the thread and drops its error.
///
/// The copy takes host memory from the first begin() on: 16 bytes a parameter for float32, AdamW and an
/// average. When there is no memory for it, or no thread, begin() saves as save() does.
template <class T>
class CheckpointSaver {
 public:
  /// Keeps the `keep` newest checkpoints and the best one; 0: all.
  explicit CheckpointSaver(std::string run, std::int64_t keep = 0) : run_(std::move(run)), keep_(keep) {}
  CheckpointSaver(const CheckpointSaver&) = delete;
  CheckpointSaver& operator=(const CheckpointSaver&) = delete;
  ~CheckpointSaver() {
    if (writing_.valid()) writing_.wait();
  }

  /// Begins to save a store as it is now, after the previous save has ended. Throws the FileError of that
  /// one.
  template <class Policy>
  void begin(const ParameterStore<Policy>& store, const TrainState& state) {
    finish();
    try {
      snapshot_.take(store);
    } catch (const OutOfMemory&) {
      snapshot_ = {};
      write(store, state);
      return;
    }
    try {
      writing_ = std::async(std::launch::async, [this, state] { write(snapshot_, state); });
    } catch (const std::system_error&) {
      write(snapshot_, state);
    }
  }

  /// Saves a store after the previous save has ended, and returns when that is done. Takes no copy. Throws
  /// FileError when the previous save failed, or this one.
  template <class Policy>
  void save(const ParameterStore<Policy>& store, const TrainState& state) {
    finish();
    write(store, state);
  }

  /// Throws the FileError of a save that has failed by now; does not wait.
  void check() {
    if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      writing_.get();
    }
  }

  /// Waits for the save in flight, if any. Throws its FileError.
  void finish() {
    if (writing_.valid()) writing_.get();
  }

 private:
  template <class Store>
  void write(const Store& store, const TrainState& state) {
    save_checkpoint(run_, store, state);
    whole_.insert(state.step);
    if (keep_ == 0) return;
    try {
      remove_old_checkpoints(run_, keep_, whole_);
    } catch (const FileError&) {
      // Some cannot be read now, so more of them stay. The next save tries again.
    }
  }

  std::string run_;
  std::int64_t keep_;
  std::set<std::int64_t> whole_;  // steps of checkpoints known to be whole without reading them
  StoreSnapshot<T> snapshot_;
  std::future<void> writing_;  // uses all of the above
};

}  // namespace pixnerd
