// SPDX-License-Identifier: MIT
/// \file
/// Policies: on which device, and in which element types, a layer computes.
#pragma once

#include <type_traits>

#include <pixnerd/core/device.hpp>
#include <pixnerd/core/element.hpp>

namespace pixnerd {

/// Everything in T: Full<float> to train, Full<double> to check gradients of whole layers.
template <class T>
struct Full {
  using Compute = T;         ///< activations, products and the parameters as layers see them
  using Master = wide_t<T>;  ///< parameters as the optimizer sees them, their gradients and moments
};

/// Activations, their gradients and the products' operands in bfloat16; sums, statistics, the weights of
/// norms, the parameters' gradients and the optimizer's state in float32, and so is everything at a model's
/// border: images, times, condition vectors, velocities and losses.
struct Mixed {
  using Compute = bfloat16;
  using Master = float;
};

/// The one template parameter that layers, models and stores share: On<Cpu>, On<Cuda, Mixed>, On<Cpu,
/// Full<double>>.
template <class DeviceTag, class PrecisionTag = Full<float>>
struct On {
  using Device = DeviceTag;
  using Precision = PrecisionTag;
  using Compute = typename Precision::Compute;
  using Master = typename Precision::Master;
};

namespace detail {

template <class Module>
struct PolicyOf {};
template <class Module>
  requires requires {
    typename Module::Policy;
  }
struct PolicyOf<Module> {
  using Policy = typename Module::Policy;
};
template <template <class...> class Module, class D, class P, class... Rest>
struct PolicyOf<Module<On<D, P>, Rest...>> {
  using Policy = On<D, P>;
};
template <template <class...> class Module, class First, class... Rest>
struct PolicyOf<Module<First, Rest...>> : PolicyOf<First> {};

}  // namespace detail

/// The policy of a module: its first template argument, or that of the module which that argument is. A
/// module that is no template names it: `using Policy = On<Cpu>;`.
template <class Module>
using PolicyOf = typename detail::PolicyOf<std::remove_cv_t<Module>>::Policy;

}  // namespace pixnerd
