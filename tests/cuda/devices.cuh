// SPDX-License-Identifier: MIT
// What tests of rows share: views that are not aligned to 16 bytes, gradients without the harness, equal
// bits.
#pragma once

#include <cstring>

#include "compare.cuh"
#include "support/norm_weight.hpp"

namespace pixnerd {

/// Random elements that start one element after an aligned address.
template <class T, class Device>
Tensor<T, Device> unaligned(const Shape& shape, std::uint32_t stream) {
  const std::int64_t count = shape.count();
  return Tensor<T, Device>::from_host({count + 1}, detail::random_elements<T>(count + 1, stream))
      .rows(1, count + 1)
      .reshape(shape);
}

/// The output, then the gradients of the inputs: those of parameters in wide_t<T>, the others in T.
template <class T, class Device, class Function>
std::vector<std::vector<double>> output_and_gradients(std::vector<Tensor<T, Device>> inputs,
                                                      const std::vector<bool>& is_parameter,
                                                      Function function) {
  for (auto& input : inputs) require_grad(input);
  Tape tape;
  const auto output = function(inputs);
  std::vector<std::vector<double>> out{detail::doubles_of(output)};
  using Output = std::remove_cvref_t<decltype(*output.data())>;
  tape.backward(output, Tensor<Output, Device>::from_host(
                            output.shape(), detail::random_elements<Output>(output.count(), 50)));
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    out.push_back(is_parameter[k]
                      ? detail::doubles_of(inputs[k].slot()->template gradient<wide_t<T>>(inputs[k].shape()))
                      : detail::doubles_of(inputs[k].slot()->template gradient<T>(inputs[k].shape())));
  }
  return out;
}

/// Inputs whose memory is not aligned, on both devices, and twice on the GPU: there with equal bits.
template <class T, class Function>
void compare_unaligned(const std::string& what, const std::vector<Input>& inputs, Function function,
                       const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  std::string where = str_cat(file, ":", line, ": ", what, " ", element_name<T>);
  for (const Input& input : inputs) where += str_cat(" ", input.shape);
  std::vector<Tensor<T, Cpu>> cpu;
  std::vector<Tensor<T, Cuda>> gpu;
  std::vector<bool> is_parameter;
  for (const Input& input : inputs) {
    const auto stream = static_cast<std::uint32_t>(cpu.size());
    cpu.push_back(unaligned<T, Cpu>(input.shape, stream));
    gpu.push_back(unaligned<T, Cuda>(input.shape, stream));
    is_parameter.push_back(input.is_parameter);
  }
  const auto expected = output_and_gradients<T, Cpu>(cpu, is_parameter, function);
  const auto got = output_and_gradients<T, Cuda>(gpu, is_parameter, function);
  BOOST_TEST((output_and_gradients<T, Cuda>(gpu, is_parameter, function) == got),
             where << ": two runs on the GPU differ");
  for (std::size_t k = 0; k < expected.size(); ++k)
    detail::check_close(str_cat(where, ", unaligned, result ", k), got[k], expected[k], device_tolerance<T>);
}

}  // namespace pixnerd
