// SPDX-License-Identifier: MIT
/// \file
/// Finds the tensors that a pickle written by torch.save describes: names, shapes, and where their elements
/// are stored.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <pixnerd/io/tensor_entry.hpp>
#include <pixnerd/io/torch/pickle.hpp>

namespace pixnerd {

/// A storage: contiguous elements of one type, which tensors may share.
struct TorchStorage {
  std::string key;
  TensorType type = TensorType::f32;
  std::uint64_t count = 0;  ///< elements

  std::uint64_t bytes() const { return count * element_bytes(type); }
};

/// A strided view of a storage. `bytes` counts the view's own elements; `begin` is unused.
struct TorchEntry : TensorEntry {
  std::size_t storage = 0;             ///< index into TorchTensors::storages
  std::uint64_t offset = 0;            ///< of the first element, in elements
  std::vector<std::uint64_t> strides;  ///< in elements, one for each axis

  /// Whether its elements are contiguous and row-major in the storage.
  bool is_contiguous() const {
    std::uint64_t expected = 1;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (shape[axis] != 1 && strides[static_cast<std::size_t>(axis)] != expected) return false;
      expected *= static_cast<std::uint64_t>(shape[axis]);
    }
    return true;
  }

  /// Elements of the storage from the first to the last that the tensor uses.
  std::uint64_t extent() const {
    if (shape.count() == 0) return 0;
    std::uint64_t last = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      last += static_cast<std::uint64_t>(shape[axis] - 1) * strides[static_cast<std::size_t>(axis)];
    }
    return last + 1;
  }
};

struct TorchTensors {
  std::vector<TorchEntry> entries;
  std::vector<TorchStorage> storages;
  TensorMetadata texts;  ///< integers and short texts of the outermost dictionary
};

namespace detail {

/// All names that a checkpoint of tensors needs.
inline constexpr std::array<std::string_view, 17> torch_names = {
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "collections.OrderedDict",
    "_codecs.encode",
    "torch.Size",
    "torch.DoubleStorage",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
};

/// Finds the tensors below the root of a pickle.
class TorchTensorReader {
 public:
  TorchTensorReader(const Pickle& pickle, const std::string& where) : pickle_(pickle), where_(where) {
    walk(pickle.root(), 0);
    std::vector<std::string_view> names;
    for (const auto& entry : tensors_.entries) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) refuse("one tensor of each name", str_cat("two of ", quoted_name(*twice)));
  }

  TorchTensors take() { return std::move(tensors_); }

 private:
  static constexpr int most_levels = 32;
  static constexpr std::size_t most_visits = 400'000, most_tensors = 32'768;
  static constexpr std::size_t most_name = 1000, most_key = 100, most_name_bytes = 4 << 20;

  /// A key of a dictionary, or an index of a list. They are joined to names for tensors only, since keys may
  /// be long.
  using Step = std::variant<std::string_view, std::int64_t>;

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>("torch checkpoint", str_cat(expected, " in '", where_, "'"), got);
  }

  const PickleValue& item(const PickleValue& of, std::size_t i) const { return pickle_[of.items[i]]; }

  /// The name of the function that a call value calls; empty for other values.
  std::string_view callee(const PickleValue& value) const {
    return value.kind == PickleKind::call ? item(value, 0).string : std::string_view();
  }

  /// Dictionaries, lists and tuples within each other; names are joined by dots.
  void walk(const PickleValue& value, int level) {
    if (level > most_levels)
      refuse(str_cat("at most ", most_levels, " levels of containers"), "more, or one that holds itself");
    if (++visits_ > most_visits) refuse(str_cat("at most ", most_visits, " values"), "more");
    if (value.kind == PickleKind::dictionary) {
      for (std::size_t i = 0; i < value.items.size(); i += 2) {
        const Step step = step_of(item(value, i));
        // The weights' own names are those below "state_dict".
        const bool is_state = level == 0 && step == Step("state_dict");
        if (level == 0) remember(item(value, i), item(value, i + 1));
        if (!is_state) path_.push_back(step);
        walk(item(value, i + 1), level + 1);
        if (!is_state) path_.pop_back();
      }
    } else if (value.kind == PickleKind::list || value.kind == PickleKind::tuple) {
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        path_.emplace_back(static_cast<std::int64_t>(i));
        walk(item(value, i), level + 1);
        path_.pop_back();
      }
    } else if (value.kind == PickleKind::call) {
      if (const PickleValue* tensor = tensor_call(value)) add(name(), *tensor);
    }
  }

  /// Lightning stores the epoch and the step like this.
  void remember(const PickleValue& key, const PickleValue& value) {
    constexpr std::size_t most_texts = 100, most_text = 1 << 16;
    const auto is_plain = [](std::string_view of) {
      return of.size() <= most_text && std::all_of(of.begin(), of.end(), [](char c) { return c > 0; });
    };
    const bool has_plain_key =
        key.kind == PickleKind::string && key.string.size() <= most_key && is_plain(key.string);
    if (tensors_.texts.size() == most_texts || !has_plain_key) return;
    if (value.kind == PickleKind::integer) tensors_.texts.emplace(key.string, str_cat(value.number));
    if (value.kind == PickleKind::string && is_plain(value.string))
      tensors_.texts.emplace(key.string, value.string);
  }

  static Step step_of(const PickleValue& key) {
    return key.kind == PickleKind::string    ? Step(key.string)
           : key.kind == PickleKind::integer ? Step(key.number)
                                             : Step("?");
  }

  std::string name() const {
    std::string out;
    for (const Step& step : path_) {
      if (!out.empty()) out += '.';
      std::visit(
          [&](const auto& part) {
            if constexpr (std::is_same_v<decltype(part), const std::string_view&>) {
              if (part.size() > most_name)
                refuse(str_cat("names of at most ", most_name, " characters"), "a longer one");
            }
            append_to(out, part);
          },
          step);
      if (out.size() > most_name)
        refuse(str_cat("names of at most ", most_name, " characters"), "a longer one");
    }
    return out;
  }

  /// The call that rebuilds a tensor, within those that make a parameter of it; null for other values.
  const PickleValue* tensor_call(const PickleValue& value) const {
    const PickleValue* call = &value;
    for (int level = 0; callee(*call).starts_with("torch._utils._rebuild_parameter"); ++level) {
      const PickleValue& arguments = item(*call, 1);
      if (arguments.items.empty() || level > most_levels) refuse("a parameter with a tensor", "one without");
      call = &item(arguments, 0);
    }
    return callee(*call).starts_with("torch._utils._rebuild_tensor") ? call : nullptr;
  }

  /// _rebuild_tensor(storage, offset, size, stride, ...).
  void add(const std::string& name, const PickleValue& call) {
    const PickleValue& arguments = item(call, 1);
    const auto bad = [&](std::string_view what) {
      refuse(str_cat("a tensor ", quoted_name(name), " that fits its storage"), what);
    };
    if (tensors_.entries.size() == most_tensors)
      refuse(str_cat("at most ", most_tensors, " tensors"), "more");
    name_bytes_ += name.size();
    if (name_bytes_ > most_name_bytes)
      refuse(str_cat("names of at most ", most_name_bytes, " bytes"), "more");
    if (arguments.items.size() < 4) bad("too few arguments");
    TorchEntry entry;
    entry.name = name;
    entry.storage = storage_index(item(arguments, 0), name);
    const TorchStorage& storage = tensors_.storages[entry.storage];
    entry.type = storage.type;
    const auto number = [&](const PickleValue& value) {
      if (value.kind != PickleKind::integer || value.number < 0)
        bad("an offset, size or stride that is no number");
      return static_cast<std::uint64_t>(value.number);
    };
    entry.offset = number(item(arguments, 1));
    const PickleValue &sizes = item(arguments, 2), &strides = item(arguments, 3);
    if (sizes.kind != PickleKind::tuple || strides.kind != PickleKind::tuple ||
        sizes.items.size() != strides.items.size() ||
        sizes.items.size() > static_cast<std::size_t>(Shape::max_rank)) {
      bad(str_cat("sizes and strides other than of up to ", Shape::max_rank, " axes"));
    }
    std::uint64_t last = entry.offset, count = 1;
    bool is_empty = false;
    for (std::size_t axis = 0; axis < sizes.items.size(); ++axis) {
      const std::uint64_t size = number(item(sizes, axis)), stride = number(item(strides, axis));
      is_empty = is_empty || size == 0;
      constexpr std::uint64_t limit = std::uint64_t{1} << 48;
      if (size > limit || stride > limit || (size > 0 && stride > 0 && size - 1 > limit / stride))
        bad("sizes beyond 2^48");
      last += size > 0 ? (size - 1) * stride : 0;
      if (size > 0 && count > limit / size) bad("sizes beyond 2^48");
      count *= size > 0 ? size : 1;
      entry.shape.push_back(static_cast<std::int64_t>(size));
      entry.strides.push_back(stride);
    }
    if (!is_empty && last >= storage.count) {
      bad(str_cat("element ", last, " of a storage of ", storage.count));
    }
    // Axes of stride 0 repeat elements: a small file must not ask for much memory.
    if (!is_empty && count > std::max<std::uint64_t>(storage.count, 1 << 20)) {
      bad(str_cat(count, " elements seen in a storage of ", storage.count));
    }
    entry.bytes = is_empty ? 0 : count * element_bytes(entry.type);
    tensors_.entries.push_back(std::move(entry));
  }

  /// The persistent id ('storage', type, key, device, number of elements, ...).
  std::size_t storage_index(const PickleValue& value, const std::string& name) {
    const auto bad = [&] { refuse(str_cat("a storage of tensor ", quoted_name(name)), "another value"); };
    if (value.kind != PickleKind::persistent) bad();
    const PickleValue& id = item(value, 0);
    if (id.kind != PickleKind::tuple || id.items.size() < 5) bad();
    const PickleValue &tag = item(id, 0), &type = item(id, 1), &key = item(id, 2), &count = item(id, 4);
    if (tag.string != "storage" || type.kind != PickleKind::global || key.kind != PickleKind::string ||
        key.string.size() > most_key || count.kind != PickleKind::integer || count.number < 0 ||
        count.number > std::int64_t{1} << 48) {
      bad();
    }
    // Before version 1.6, a storage could be a part of another.
    if (id.items.size() > 5 && item(id, 5).kind != PickleKind::none) {
      refuse(str_cat("a whole storage of tensor ", quoted_name(name)), "a view of another storage");
    }
    const TorchStorage storage{std::string(key.string), storage_type(type.string, name),
                               static_cast<std::uint64_t>(count.number)};
    const auto [found, is_new] = indices_.emplace(storage.key, tensors_.storages.size());
    if (is_new) {
      tensors_.storages.push_back(storage);
    } else {
      const TorchStorage& known = tensors_.storages[found->second];
      if (known.type != storage.type || known.count != storage.count) {
        refuse(str_cat("one type and size of storage ", quoted_name(storage.key)), "two");
      }
    }
    return found->second;
  }

  TensorType storage_type(std::string_view type, const std::string& name) const {
    static const std::map<std::string_view, TensorType> types = {
        {"torch.DoubleStorage", TensorType::f64}, {"torch.FloatStorage", TensorType::f32},
        {"torch.HalfStorage", TensorType::f16},   {"torch.BFloat16Storage", TensorType::bf16},
        {"torch.LongStorage", TensorType::i64},   {"torch.IntStorage", TensorType::i32},
        {"torch.ShortStorage", TensorType::i16},  {"torch.CharStorage", TensorType::i8},
        {"torch.ByteStorage", TensorType::u8},    {"torch.BoolStorage", TensorType::boolean},
    };
    const auto found = types.find(type);
    if (found == types.end()) refuse(str_cat("a type of elements of tensor ", quoted_name(name)), type);
    return found->second;
  }

  const Pickle& pickle_;
  const std::string& where_;
  TorchTensors tensors_;
  std::map<std::string, std::size_t, std::less<>> indices_;
  std::vector<Step> path_;
  std::size_t visits_ = 0;
  std::size_t name_bytes_ = 0;
};

}  // namespace detail
}  // namespace pixnerd
