// SPDX-License-Identifier: MIT
/// \file
/// Compares an operation on the GPU with the same on the CPU: values and all gradients, written and added.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <pixnerd/pixnerd.cuh>

namespace pixnerd {

/// An input of an operation. Gradients of parameters are collected in wide_t<T>, those of activations in T.
struct Input {
  Shape shape;
  bool is_parameter = false;
};

inline Input parameter(const Shape& shape) {
  return {shape, true};
}

/// `values` with the gradient slot of x.
template <class T, class Device>
Tensor<T, Device> with_slot_of(const Tensor<T, Device>& x, Tensor<T, Device> values) {
  values.set_slot(x.slot());
  return values;
}

/// x at an address that is not a multiple of 16 bytes.
template <class T, class Device>
Tensor<T, Device> shifted(const Tensor<T, Device>& x) {
  auto values = x.to_host();
  values.insert(values.begin(), T());
  const auto all = Tensor<T, Device>::from_host({x.count() + 1}, values);
  return with_slot_of(x, all.rows(1, x.count() + 1).reshape(x.shape()));
}

/// The largest relative distance ||a - b|| / ||b|| of the GPU's result from the CPU's, by element type.
template <class T>
constexpr double device_tolerance = 1e-5;
template <>
inline constexpr double device_tolerance<double> = 1e-12;
template <>
inline constexpr double device_tolerance<bfloat16> = 5e-3;

namespace detail {

/// Standard normal elements, the same for the same stream.
template <class T>
std::vector<T> random_elements(std::int64_t count, std::uint32_t stream) {
  std::vector<T> out;
  for (const double value : test_values(count, 11, stream)) {
    if constexpr (std::same_as<T, bfloat16>) {
      out.push_back(bfloat16(static_cast<float>(value)));
    } else {
      out.push_back(static_cast<T>(value));
    }
  }
  return out;
}

template <class T, class Device>
std::vector<double> doubles_of(const Tensor<T, Device>& x) {
  std::vector<double> out;
  for (const T value : x.to_host()) out.push_back(static_cast<double>(static_cast<wide_t<T>>(value)));
  return out;
}

/// The output of an operation and the gradients of its inputs.
struct Results {
  std::vector<double> output;
  std::vector<std::vector<double>> gradients;
};

template <class G, class T, class Device>
Tensor<G, Device> bind_gradient(const Tensor<T, Device>& leaf, bool add, std::uint32_t stream) {
  auto memory =
      add ? Tensor<G, Device>::from_host(leaf.shape(), random_elements<G>(leaf.count(), stream))
          : Tensor<G, Device>::full(leaf.shape(), static_cast<G>(std::numeric_limits<float>::quiet_NaN()));
  leaf.slot()->bind(memory, add);
  return memory;
}

/// The random inputs of an operation, and where their gradients go.
template <class T, class Device>
struct Leaves {
  using W = wide_t<T>;
  const std::vector<Input>& inputs;
  std::vector<Tensor<T, Device>> tensors;
  std::vector<Tensor<T, Device>> activations;  ///< gradients of activations
  std::vector<Tensor<W, Device>> parameters;

  Leaves(const std::vector<Input>& inputs_, bool add)
      : inputs(inputs_), activations(inputs_.size()), parameters(inputs_.size()) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto stream = static_cast<std::uint32_t>(k);
      const Shape& shape = inputs[k].shape;
      tensors.push_back(Tensor<T, Device>::from_host(shape, random_elements<T>(shape.count(), stream)));
      require_grad(tensors[k]);
      if (inputs[k].is_parameter) {
        parameters[k] = bind_gradient<W>(tensors[k], add, 100 + stream);
      } else {
        activations[k] = bind_gradient<T>(tensors[k], add, 100 + stream);
      }
    }
  }

  template <class Output>
  Results results(Tape& tape, const Tensor<Output, Device>& output) const {
    Results out{doubles_of(output), {}};
    if (!output.slot()) return out;
    tape.backward(output, Tensor<Output, Device>::from_host(output.shape(),
                                                            random_elements<Output>(output.count(), 50)));
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!tensors[k].slot()->written()) {
        out.gradients.emplace_back();
      } else {
        out.gradients.push_back(inputs[k].is_parameter ? doubles_of(parameters[k])
                                                       : doubles_of(activations[k]));
      }
    }
    return out;
  }
};

// Compiled for every tested operation, so code that does not depend on its type is elsewhere.
template <class T, class Device, class Function>
Results run_on(const std::vector<Input>& inputs, Function& function, bool add) {
  const Leaves<T, Device> leaves(inputs, add);
  Tape tape;
  return leaves.results(tape, function(leaves.tensors));
}

inline void check_close(const std::string& what, const std::vector<double>& gpu,
                        const std::vector<double>& cpu, double tolerance) {
  BOOST_TEST_REQUIRE(gpu.size() == cpu.size(),
                     what << ": " << gpu.size() << " elements, expected " << cpu.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < gpu.size(); ++i) {
    difference += (gpu[i] - cpu[i]) * (gpu[i] - cpu[i]);
    norm += cpu[i] * cpu[i];
  }
  difference = std::sqrt(difference);
  norm = std::sqrt(norm);
  // Where numbers of order one cancel, only rounding is left, and it differs where one compiler fuses
  // products and sums and the other does not.
  const double rounding = 0.25 * std::min(tolerance, device_tolerance<float>);
  // Written so that NaN fails.
  BOOST_TEST((difference <= tolerance * norm + rounding), what << " on the GPU is off by " << difference
                                                               << " of " << norm << ", allowed " << tolerance
                                                               << " of that");
}

inline void check_close(const std::string& where, const Results& gpu, const Results& cpu, double tolerance) {
  check_close(where + ": output", gpu.output, cpu.output, tolerance);
  BOOST_TEST_REQUIRE(
      gpu.gradients.size() == cpu.gradients.size(),
      where << ": gradients of " << gpu.gradients.size() << " inputs, expected " << cpu.gradients.size());
  for (std::size_t k = 0; k < cpu.gradients.size(); ++k) {
    check_close(str_cat(where, ": gradient of input ", k), gpu.gradients[k], cpu.gradients[k], tolerance);
  }
}

}  // namespace detail

/// Calls function(leaves) with the same random inputs on both devices and compares. `function` takes a
/// std::vector<Tensor<T, Device>> on either device and returns one tensor. A failure names the calling line,
/// the operation, the element type and the inputs' shapes.
template <class T, class Function>
void compare_devices(const std::string& what, const std::vector<Input>& inputs, Function function,
                     double tolerance = device_tolerance<T>, const char* file = __builtin_FILE(),
                     int line = __builtin_LINE()) {
  std::string shapes;
  for (const auto& input : inputs) shapes += str_cat(" ", input.shape);
  for (const bool add : {false, true}) {
    const auto cpu = detail::run_on<T, Cpu>(inputs, function, add);
    const auto gpu = detail::run_on<T, Cuda>(inputs, function, add);
    detail::check_close(
        str_cat(file, ":", line, ": ", what, " ", element_name<T>, shapes, add ? ", added" : ""), gpu, cpu,
        tolerance);
  }
}

/// The same for every element type.
template <class Function>
void compare_devices_in_all_types(const std::string& what, const std::vector<Input>& inputs,
                                  Function function, const char* file = __builtin_FILE(),
                                  int line = __builtin_LINE()) {
  compare_devices<float>(what, inputs, function, device_tolerance<float>, file, line);
  compare_devices<double>(what, inputs, function, device_tolerance<double>, file, line);
  compare_devices<bfloat16>(what, inputs, function, device_tolerance<bfloat16>, file, line);
}

}  // namespace pixnerd
