// SPDX-License-Identifier: MIT
/// \file
/// A whole model from a file of its parameters.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/nn/initializer.hpp>

namespace pixnerd {

namespace detail {

/// Throws NonFiniteError, naming the parameter, when one of the model's holds NaN or infinity.
template <class Model>
void check_finite_model(const Model& model, const std::string& path) {
  for_each_parameter(model,
                     [&]<class T, class Device>(const std::string& name, const Tensor<T, Device>& parameter) {
                       const auto check = [&](std::span<const T> elements) {
                         for (const T element : elements) {
                           const auto value = static_cast<wide_t<T>>(element);
                           if (!std::isfinite(value)) {
                             raise<NonFiniteError>("load model", str_cat("finite numbers in '", path, "'"),
                                                   str_cat(value, " in ", name));
                           }
                         }
                       };
                       if constexpr (std::same_as<Device, Cpu>) {
                         check({parameter.data(), static_cast<std::size_t>(parameter.count())});
                       } else {
                         check(parameter.to_host());
                       }
                     });
}

}  // namespace detail

/// The model that `make(init)` returns for an Initializer, with the parameters that a file holds under
/// `prefix`, rounded to nearest where they are wider. They are read one tensor at a time, and no memory is
/// taken for them before the file is known to hold all of them: `make` is called first for their shapes
/// alone. Throws FileError, listing every name that is missing, unexpected or misshapen, NonFiniteError for
/// NaN and infinity.
template <class Make>
auto made_from_file(const TensorFile& file, Make make, const std::string& prefix = "") {
  auto shapes = Initializer::shapes_only();
  detail::check_parameters(file, make(shapes), prefix);
  auto unset = Initializer::unset();
  auto model = make(unset);
  fill_parameters(file, model, prefix);
  detail::check_finite_model(model, file.path());
  return model;
}

/// Model(config, init) with the parameters that a file holds under `prefix`; see made_from_file().
template <class Model, class Config>
Model model_from_file(const TensorFile& file, const Config& config, const std::string& prefix = "") {
  return made_from_file(
      file, [&](Initializer& init) { return Model(config, init); }, prefix);
}

}  // namespace pixnerd
