// SPDX-License-Identifier: MIT
/// \file
/// What a solver for dx/dt = field(x, t) is: a rule for one step.
#pragma once

#include <concepts>
#include <vector>

#include <pixnerd/diffusion/velocity_field.hpp>
#include <pixnerd/solvers/time_grid.hpp>

namespace pixnerd {

/// What one step gives.
template <class T, class Device>
struct SolverStep {
  Tensor<T, Device> x;  ///< the point at the end of the step
  Tensor<T, Device> v;  ///< the velocity the step took, a mean over the field's where it looked several times
};

namespace detail {
struct AnyField {
  Tensor<float> operator()(const Tensor<float>& x, double t) const;
};
}  // namespace detail

/// A rule for one step. It has no state of its own, so one stepper may serve several solutions at once;
/// velocities that later steps need are handed from step to step in `carried`, empty at the first.
///
///   template <class T, class Device, VelocityField<T, Device> Field>
///   SolverStep<T, Device> step(Field& field, const Tensor<T, Device>& x, const TimeGrid& grid, int i,
///                              std::vector<Tensor<T, Device>>& carried) const;
///
/// takes step i of the grid from x, the point at grid.time(i).
template <class S>
concept Stepper = requires(const S& stepper, detail::AnyField& field, const Tensor<float>& x,
                           const TimeGrid& grid, std::vector<Tensor<float>>& carried) {
  { stepper.step(field, x, grid, 0, carried) } -> std::same_as<SolverStep<float, Cpu>>;
};

}  // namespace pixnerd
