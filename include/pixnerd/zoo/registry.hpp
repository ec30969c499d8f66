// SPDX-License-Identifier: MIT
/// \file
/// The families of models that files are recognized as. Whatever loads, trains or samples a model of any
/// family is written once, as a template over the family; adding one is a struct in a file of its own and its
/// name in `Families`.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <pixnerd/zoo/pixnerd_families.hpp>

namespace pixnerd {

/// A family: the type of its models, their sizes, how they are made, the form of their labels, and how a file
/// of their parameters is recognized. published_size() is the side of the images that a published model of
/// these sizes was trained on, which its parameters do not tell; 0 for other sizes.
template <class F>
concept ModelFamily = requires(const typename F::Config& config, Initializer& init, const TensorFile& file,
                               const std::string& prefix, const FamilyHints& hints) {
  { F::template make<On<Cpu>>(config, init) } -> std::same_as<typename F::template Model<On<Cpu>>>;
  { F::labels(config) } -> std::same_as<LabelFormat>;
  { F::holds(file, prefix) } -> std::same_as<bool>;
  { F::config_of(file, prefix, hints) } -> std::same_as<typename F::Config>;
  { F::published_size(config) } -> std::same_as<std::int64_t>;
};

template <ModelFamily... F>
struct FamilyList {
  /// The configuration of a model of any family; its type identifies the family.
  using AnyConfig = std::variant<typename F::Config...>;
};

/// Every family, in the order in which a file is tried.
using Families = FamilyList<PixnerdWords, PixnerdEncodedText, PixnerdClasses>;
using AnyModelConfig = Families::AnyConfig;

namespace detail {

template <class Config, class First, class... Rest>
constexpr auto family_with(FamilyList<First, Rest...>) {
  if constexpr (std::same_as<Config, typename First::Config>) {
    return std::type_identity<First>{};
  } else {
    return family_with<Config>(FamilyList<Rest...>{});
  }
}

template <class First, class... Rest>
AnyModelConfig config_of(FamilyList<First, Rest...>, const TensorFile& file, const std::string& prefix,
                         const FamilyHints& hints) {
  if constexpr (sizeof...(Rest) > 0) {
    if (!First::holds(file, prefix)) return config_of(FamilyList<Rest...>{}, file, prefix, hints);
  }
  return First::config_of(file, prefix, hints);  // the last one says what is missing
}

}  // namespace detail

/// The family whose models have sizes of that type.
template <class Config>
using FamilyOf = typename decltype(detail::family_with<Config>(Families{}))::type;

/// The sizes of the model that a file holds under `prefix`. Throws FileError when it is of no family.
inline AnyModelConfig any_config_of(const TensorFile& file, const std::string& prefix = "",
                                    const FamilyHints& hints = {}) {
  return detail::config_of(Families{}, file, prefix, hints);
}

/// Calls work(family, config) with the family of a model of these sizes.
template <class Work>
decltype(auto) visit_family(const AnyModelConfig& any, Work&& work) {
  return std::visit(
      [&](const auto& config) -> decltype(auto) {
        return work(FamilyOf<std::remove_cvref_t<decltype(config)>>{}, config);
      },
      any);
}

/// Number of parameters of a model of these sizes.
template <ModelFamily Family>
std::int64_t parameter_count_of(const typename Family::Config& config) {
  auto shapes = Initializer::shapes_only();
  return parameter_count(Family::template make<On<Cpu>>(config, shapes));
}

/// The model of these sizes, whose parameters a file holds under `prefix`. Throws FileError for anything but
/// all parameters of one model, NonFiniteError for NaN and infinity among them.
template <ModelFamily Family, class Policy>
auto load_model(const TensorFile& file, const std::string& prefix, const typename Family::Config& config) {
  return made_from_file(
      file, [&](Initializer& init) { return Family::template make<Policy>(config, init); }, prefix);
}

}  // namespace pixnerd
