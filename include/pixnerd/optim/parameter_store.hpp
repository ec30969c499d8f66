// SPDX-License-Identifier: MIT
/// \file
/// All parameters of a model in a few contiguous slabs, so that optimizers, gradient norms, averages and
/// checkpoints are single passes over memory.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/nn/module.hpp>
#include <pixnerd/nn/precision.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/optim/ema.hpp>
#include <pixnerd/optim/optimizer_state.hpp>

namespace pixnerd {

/// One parameter and its place, which is the same in every slab.
struct ParameterEntry {
  std::string name;
  Shape shape;
  std::int64_t offset = 0;  ///< index of its first element, a multiple of 64 bytes
  bool averaged = true;     ///< whether it has an average
};

/// Tensors under names. A module, so that saving and loading take it as one.
template <class T, class Device>
struct NamedTensors {
  std::vector<std::pair<std::string, Tensor<T, Device>>> tensors;

  static void visit(auto& self, auto&& visitor) {
    for (auto& [name, tensor] : self.tensors) visitor(name, tensor);
  }
};

/// All parameters of a model in contiguous slabs: master weights, gradients and, under Mixed, rounded copies
/// of the weights. Beside them the optimizer's state (OptimizerState) and, after start_average(), EMA weights
/// (WeightAverage).
///
///     ParameterStore store(model);
///     store.start_average();
///     ... tape.backward(loss) ...
///     AdamW{}.update(store, {.step = 1, .rate = 1e-3});
///     store.zero_grad();
///     const auto ema_model = store.averaged(model);
///
/// Constructing a store moves the parameters of a module into the slab of weights: each of the module's
/// tensors becomes a view of its part, with the same values and a new gradient slot bound to its part of the
/// slab of gradients. After that the module may be moved, and copied (copies share the parameters); it may
/// even be destroyed before the store. Assigning other memory to one of its tensors takes that parameter away
/// from the store, as does a second store of the same module. Elements between the parameters are zero.
///
/// `Policy` is that of the module's layers. Where they compute in another type than the optimizer (Mixed),
/// the module's tensors of that type are views of the rounded copies: after changing weights(), call
/// refresh_copies(). Tensors of the optimizer's type, such as the weights of norms, are views of weights() in
/// any case.
template <class Policy>
class ParameterStore {
 public:
  using Device = typename Policy::Device;
  using T = typename Policy::Master;
  using Compute = typename Policy::Compute;
  using Slab = Tensor<T, Device>;
  using Copies = Tensor<Compute, Device>;
  /// Whether layers read rounded copies of the weights.
  static constexpr bool has_copies = !std::same_as<T, Compute>;
  static_assert(std::same_as<T, wide_t<Compute>>,
                "ParameterStore keeps master weights in the type in which gradients of parameters are "
                "collected: float for float and bfloat16, double for double");

  /// Takes the parameters of `model` in visit order. Throws ValueError when two have the same name or share
  /// memory; the model is then as it was.
  template <class Model>
  explicit ParameterStore(Model& model) {
    Found found;
    collect(model, "", true, found);
    averaged_count_ = found.count;
    make_slabs(found);
    take(model);
    refresh_copies();
  }

  /// The same, followed by those of `helper`, which are optimized, clipped and saved with the model but not
  /// averaged: a projector that only training needs. Their names begin with `prefix` and a dot, unless the
  /// prefix is empty.
  template <class Model, class Helper>
  ParameterStore(Model& model, Helper& helper, const std::string& prefix = "") {
    Found found;
    collect(model, "", true, found);
    averaged_count_ = found.count;
    collect(helper, prefix, false, found);
    make_slabs(found);
    take(model);
    take(helper);
    refresh_copies();
  }

  ParameterStore(const ParameterStore&) = delete;
  ParameterStore& operator=(const ParameterStore&) = delete;
  ParameterStore(ParameterStore&&) = default;
  ParameterStore& operator=(ParameterStore&&) = default;

  /// Name, shape and place of every parameter, in the order of the slabs.
  const std::vector<ParameterEntry>& entries() const { return entries_; }

  /// Elements of a slab. The first averaged_count() of them have an average; those of a helper do not.
  std::int64_t count() const { return weights_.count(); }
  std::int64_t averaged_count() const { return averaged_count_; }

  const Slab& weights() const { return weights_; }
  /// The weights in the type in which layers compute: a slab of their own, or weights().
  const Copies& copies() const {
    if constexpr (has_copies) {
      return copies_;
    } else {
      return weights_;
    }
  }

  /// The gradients, all of them valid: those that no backward has written since zero_grad() are zeroed first,
  /// and the next backward adds to them.
  const Slab& gradients() const {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i]->written()) continue;
      part(gradients_, entries_[i]).zero();
      (void)slots_[i]->template target<T>();  // counts as written from now on
    }
    return gradients_;
  }

  /// Forgets the gradients: the next backward overwrites them. No pass over memory.
  void zero_grad() {
    for (const auto& slot : slots_) slot->clear();
  }

  /// The optimizer's state; empty before start_state().
  const OptimizerState<T, Device>& state() const { return state_; }

  /// Makes room for the state of an Optimizer, zeros at first, unless it is there already. Optimizers call it
  /// in each update. Throws ValueError when the store has the state of another kind of optimizer.
  template <class AnOptimizer>
  const OptimizerState<T, Device>& start_state(const AnOptimizer&) {
    state_.start(AnOptimizer::state_names, count());
    return state_;
  }

  /// The EMA weights of the first averaged_count() elements; undefined before start_average().
  const Slab& average() const { return average_.values(); }

  /// Begins an average at the present weights.
  void start_average() { average_.start(weights_.rows(0, averaged_count_)); }

  /// Rounds the weights for the layers again. Call it after changing weights(). Does nothing where layers
  /// read the weights themselves.
  void refresh_copies() const {
    if constexpr (has_copies) {
      CastKernel<Device>::run(count(), static_cast<const T*>(weights_.data()),
                              GradTarget<Compute>{copies_.data()});
    }
  }

  /// A parameter's part of a slab.
  template <class U>
  Tensor<U, Device> part(const Tensor<U, Device>& slab, const ParameterEntry& entry) const {
    return Tensor<U, Device>(slab.storage(), slab.data() + entry.offset, entry.shape);
  }

  /// The parts of a slab under the parameters' names. named(weights()) is the model in the optimizer's
  /// precision, to save or to load; call refresh_copies() after loading.
  template <class U>
  NamedTensors<U, Device> named(const Tensor<U, Device>& slab) const {
    NamedTensors<U, Device> out;
    for (const auto& entry : entries_) {
      if (!entry.averaged && slab.count() < count()) break;
      out.tensors.emplace_back(entry.name, part(slab, entry));
    }
    return out;
  }

  /// The parameter that an element of a slab belongs to.
  const ParameterEntry& entry_at(std::int64_t element) const {
    const auto after = std::upper_bound(
        entries_.begin(), entries_.end(), element,
        [](std::int64_t value, const ParameterEntry& entry) { return value < entry.offset; });
    return *std::prev(after);
  }

  /// A model with the EMA weights, which collects no gradients. It follows the average; where layers read
  /// rounded copies, each call of this function rounds them, so call it again when the average has changed.
  /// `model` is the one this store was made of, or a copy. Throws ValueError for any other model, or before
  /// start_average().
  template <class Model>
  Model averaged(const Model& model) const {
    if (!average().defined()) raise<ValueError>("parameter store", "a started average", "none");
    const Copies rounded = average_.rounded();
    Model out = model;
    std::size_t index = 0;
    for_each_parameter(out, [&]<class U>(const std::string& name, Tensor<U, Device>& parameter) {
      if (index == entries_.size() || !entries_[index].averaged ||
          parameter.data() != of_type<U>(weights_, copies()).data() + entries_[index].offset) {
        raise<ValueError>("parameter store", "the model that the store was made of",
                          str_cat("one whose ", name, " lies elsewhere"));
      }
      parameter = part(of_type<U>(average(), rounded), entries_[index++]);
    });
    return out;
  }

 private:
  static constexpr std::int64_t alignment = 64 / static_cast<std::int64_t>(sizeof(T));

  /// The parameters seen so far.
  struct Found {
    std::set<std::string> names;
    std::map<const void*, std::string> memory;
    std::int64_t count = 0;
  };

  /// Lists the parameters of a module and checks them. The module is not changed yet.
  template <class Module>
  void collect(const Module& from, const std::string& prefix, bool averaged, Found& found) {
    for_each_parameter(
        from,
        [&]<class U>(const std::string& name, const Tensor<U, Device>& parameter) {
          static_assert(std::same_as<U, T> || std::same_as<U, Compute>,
                        "a parameter's elements are of the type in which its policy computes, or of its "
                        "master weights'");
          if (!found.names.insert(name).second) {
            raise<ValueError>("parameter store", "one parameter of each name", str_cat("two ", name));
          }
          const auto [other, is_new] = found.memory.emplace(parameter.data(), name);
          if (!is_new && parameter.count() > 0) {
            raise<ValueError>("parameter store", "parameters with memory of their own",
                              str_cat(name, ", which shares that of ", other->second));
          }
          entries_.push_back({name, parameter.shape(), found.count, averaged});
          found.count += (parameter.count() + alignment - 1) / alignment * alignment;
        },
        prefix);
  }

  void make_slabs(const Found& found) {
    weights_ = Slab::zeros({found.count});
    gradients_ = Slab::zeros({found.count});
    if constexpr (has_copies) copies_ = Copies({found.count});
  }

  /// Copies the parameters of a module, whose entries come next, and makes them views.
  template <class Module>
  void take(Module& from) {
    for_each_parameter(from, [&]<class U>(const std::string&, Tensor<U, Device>& parameter) {
      const ParameterEntry& entry = entries_[slots_.size()];
      if constexpr (std::same_as<U, T>) {
        copy_into(part(weights_, entry), parameter);
      } else {
        CastKernel<Device>::run(parameter.count(), static_cast<const U*>(parameter.data()),
                                GradTarget<T>{weights_.data() + entry.offset});
      }
      Tensor<U, Device> view = part(of_type<U>(weights_, copies()), entry);
      // A slot of its own: copies of the module made earlier keep theirs.
      require_grad(view);
      view.slot()->bind(part(gradients_, entry));
      slots_.push_back(view.slot());
      parameter = std::move(view);
    });
  }

  /// The slab from which layers read parameters of type U.
  template <class U>
  static const Tensor<U, Device>& of_type(const Slab& weights, const Copies& copies) {
    if constexpr (std::same_as<U, T>) {
      return weights;
    } else {
      return copies;
    }
  }

  std::vector<ParameterEntry> entries_;
  std::vector<std::shared_ptr<GradSlot<Device>>> slots_;
  std::int64_t averaged_count_ = 0;
  Slab weights_, gradients_;
  Copies copies_;  // undefined where layers read weights_ alone
  OptimizerState<T, Device> state_;
  WeightAverage<Policy> average_;
};

template <class Model>
ParameterStore(Model&) -> ParameterStore<PolicyOf<Model>>;
template <class Model, class Helper>
ParameterStore(Model&, Helper&) -> ParameterStore<PolicyOf<Model>>;
template <class Model, class Helper>
ParameterStore(Model&, Helper&, const std::string&) -> ParameterStore<PolicyOf<Model>>;

}  // namespace pixnerd
