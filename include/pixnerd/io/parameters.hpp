// SPDX-License-Identifier: MIT
/// \file
/// Saving a model's parameters under their published names, and loading them: all of them or none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/safetensors/writer.hpp>
#include <pixnerd/nn/module.hpp>

namespace pixnerd {

/// Writes every parameter of `model` in its own element type, named as `for_each_parameter` does: after
/// `prefix` and a dot, unless the prefix is empty. The file appears complete or not at all. Throws FileError
/// when it cannot be written.
template <class Module>
void save_parameters(const std::string& path, const Module& model, const std::string& prefix = "",
                     TensorMetadata metadata = {}) {
  std::vector<TensorEntry> entries;
  for_each_parameter(
      model,
      [&]<class T, class Device>(const std::string& name, const Tensor<T, Device>& parameter) {
        entries.push_back({name, tensor_type_of<T>, parameter.shape()});
      },
      prefix);
  SafetensorsWriter writer(path, std::move(entries), std::move(metadata));
  // One pass for each width: the writer wants the widest elements first.
  for (const std::size_t width : {8, 4, 2}) {
    for_each_parameter(
        model,
        [&]<class T, class Device>(const std::string& name, const Tensor<T, Device>& parameter) {
          if (sizeof(T) != width) return;
          if constexpr (std::same_as<Device, Cpu>) {
            writer.write(name, safetensors_view(name, parameter).bytes);
          } else {
            const std::vector<T> host = parameter.to_host();
            writer.write(name, safetensors_view(name, parameter.shape(), std::span(host)).bytes);
          }
        },
        prefix);
  }
  writer.commit();
}

namespace detail {

/// ", 2 missing: A, B", for one kind of disagreement.
inline void append_names(std::string& out, const std::vector<std::string>& names, std::string_view what) {
  if (names.empty()) return;
  out += str_cat(out.empty() ? "" : "; ", names.size(), " ", what, ": ");
  constexpr std::size_t most = 36;  // beyond that, more names help nobody
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) out += str_cat(i == 0 ? "" : ", ", names[i]);
  if (names.size() > most) out += str_cat(" and ", names.size() - most, " more");
}

/// What keeps `file` from giving `model` its parameters, in one line; empty when nothing does.
template <class Module>
std::string compare_parameters(const TensorFile& file, const Module& model, const std::string& prefix) {
  std::vector<std::string> missing, unexpected, misshapen, mistyped;
  std::set<std::string, std::less<>> wanted;
  for_each_parameter(
      model,
      [&]<class T, class Device>(const std::string& name, const Tensor<T, Device>& parameter) {
        wanted.insert(name);
        if (!file.contains(name)) {
          missing.push_back(str_cat(quoted_name(name), " ", parameter.shape()));
          return;
        }
        const auto& entry = file.entry(name);
        if (!(entry.shape == parameter.shape())) {
          misshapen.push_back(
              str_cat(quoted_name(name), " ", entry.shape, " instead of ", parameter.shape()));
        } else if (!is_readable_as<wide_t<T>>(entry.type)) {
          mistyped.push_back(str_cat(quoted_name(name), " ", type_name(entry.type), " instead of ",
                                     type_name(tensor_type_of<T>)));
        }
      },
      prefix);
  const std::string below = prefix.empty() ? "" : prefix + ".";
  for (const auto& entry : file.entries()) {
    if (entry.name.starts_with(below) && !wanted.contains(entry.name)) {
      unexpected.push_back(str_cat(quoted_name(entry.name), " ", entry.shape));
    }
  }
  std::string out;
  append_names(out, missing, "missing");
  append_names(out, unexpected, "unexpected");
  append_names(out, misshapen, "misshapen");
  append_names(out, mistyped, "of another type");
  return out;
}

/// The tensor called `name` as elements of T. A file gives bfloat16 only from bfloat16; here other types are
/// rounded by way of float32.
template <class T>
Tensor<T> read_parameter(const TensorFile& file, const std::string& name) {
  if constexpr (std::same_as<T, wide_t<T>>) {
    return file.tensor<T>(name);
  } else {
    if (is_readable_as<T>(file.entry(name).type)) return file.tensor<T>(name);
    const auto wide = file.tensor<wide_t<T>>(name);
    Tensor<T> out(wide.shape());
    for (std::int64_t i = 0; i < wide.count(); ++i) out.data()[i] = static_cast<T>(wide.data()[i]);
    return out;
  }
}

/// Throws FileError unless `file` holds all that `model` needs.
template <class Module>
void check_parameters(const TensorFile& file, const Module& model, const std::string& prefix) {
  const std::string problems = compare_parameters(file, model, prefix);
  if (problems.empty()) return;
  raise<FileError>("load parameters",
                   str_cat("the model's parameters", prefix.empty() ? "" : " under ",
                           prefix.empty() ? "" : quoted_name(prefix), " in '", file.path(), "'"),
                   problems);
}

}  // namespace detail

/// Gives every parameter of `model` the values that the file has for its name, rounded to nearest where its
/// type is narrower than the file's. Names in the file that do not begin with `prefix` and a dot are ignored.
/// Throws FileError, listing every name that is missing, unexpected, misshapen or of a type that does not
/// convert; on any exception the model is unchanged. So this needs memory for all parameters a second time.
template <class Module>
void load_parameters(const TensorFile& file, Module& model, const std::string& prefix = "") {
  detail::check_parameters(file, model, prefix);
  // Everything is read before anything is changed: reading may fail half way, and so may naming the
  // parameters.
  struct Change {
    std::shared_ptr<std::byte> values;
    void* to = nullptr;
    std::size_t bytes = 0;
    void (*copy)(void* to, const void* from, std::size_t bytes) = nullptr;
  };
  std::vector<Change> changes;
  for_each_parameter(
      model,
      [&]<class T, class Device>(const std::string& name, const Tensor<T, Device>& parameter) {
        changes.push_back({detail::read_parameter<T>(file, name).storage(), parameter.data(),
                           parameter.bytes(), MemoryTransfer<Device>::from_host});
      },
      prefix);
  for (Change& change : changes) {
    change.copy(change.to, change.values.get(), change.bytes);
    change.values.reset();
  }
}

/// The same for a model not yet in use: tensor by tensor, with memory for a single one. When a tensor cannot
/// be read, the model keeps the values of those before it.
template <class Module>
void fill_parameters(const TensorFile& file, Module& model, const std::string& prefix = "") {
  detail::check_parameters(file, model, prefix);
  for_each_parameter(
      model,
      [&]<class T, class Device>(const std::string& name, const Tensor<T, Device>& parameter) {
        const auto& entry = file.entry(name);
        if constexpr (std::same_as<Device, Cpu>) {
          if (entry.type == tensor_type_of<T>) {
            file.read(entry, std::span<T>(parameter.data(), static_cast<std::size_t>(parameter.count())));
            return;
          }
        }
        const auto values = detail::read_parameter<T>(file, name);
        MemoryTransfer<Device>::from_host(parameter.data(), values.data(), parameter.bytes());
      },
      prefix);
}

/// The same from the file at `path`.
template <class Module>
void load_parameters(const std::string& path, Module& model, const std::string& prefix = "") {
  load_parameters(SafetensorsFile(path), model, prefix);
}

}  // namespace pixnerd
