// SPDX-License-Identifier: MIT
/// \file
/// Named parameters. A module gives each of its members' published names once, in a static `visit`:
///
///   static void visit(auto& self, auto&& visitor) {
///     visitor("weight", self.weight);   // a tensor, a module, or a std::vector of modules
///     visitor("bias", self.bias);       // an undefined tensor is an absent parameter and is passed over
///   }
///
/// Saving, loading, optimizing, averaging and counting all go through it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/autograd/grad_slot.hpp>

namespace pixnerd {

namespace detail {

template <class T, class Device, class Function>
void visit_member(const std::string& name, Tensor<T, Device>& parameter, Function& function) {
  if (parameter.defined()) function(name, parameter);
}
template <class T, class Device, class Function>
void visit_member(const std::string& name, const Tensor<T, Device>& parameter, Function& function) {
  if (parameter.defined()) function(name, parameter);
}
template <class Module, class Function>
void visit_member(const std::string& name, Module& module, Function& function);

/// What a module's visit calls: joins names with dots and goes on into nested modules.
template <class Function>
class Visitor {
 public:
  Visitor(std::string prefix, Function& function) : prefix_(std::move(prefix)), function_(function) {}

  template <class Member>
  void operator()(std::string_view name, Member& member) {
    visit_member(join(name), member, function_);
  }

  /// A list whose indices start at `first`, for lists that continue another's numbering.
  template <class Member>
  void operator()(std::string_view name, Member& members, std::int64_t first) {
    for (auto& member : members) visit_member(join(str_cat(name, '.', first++)), member, function_);
  }

 private:
  std::string join(std::string_view name) const {
    return prefix_.empty() ? std::string(name) : str_cat(prefix_, '.', name);
  }

  std::string prefix_;
  Function& function_;
};

template <class Module, class Function>
void visit_member(const std::string& name, Module& module, Function& function) {
  Visitor<Function> visitor(name, function);
  if constexpr (requires { module.begin(); }) {
    std::int64_t index = 0;
    for (auto& member : module) visit_member(str_cat(name, '.', index++), member, function);
  } else {
    Module::visit(module, visitor);
  }
}

}  // namespace detail

/// Calls function(name, tensor) for every parameter of a module, in visit order, names behind `prefix` and a
/// dot.
template <class Module, class Function>
void for_each_parameter(Module& module, Function&& function, const std::string& prefix = "") {
  detail::visit_member(prefix, module, function);
}

/// Number of parameter elements.
template <class Module>
std::int64_t parameter_count(const Module& module) {
  std::int64_t total = 0;
  for_each_parameter(module, [&](const std::string&, const auto& parameter) { total += parameter.count(); });
  return total;
}

}  // namespace pixnerd
