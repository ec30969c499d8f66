// SPDX-License-Identifier: MIT
// Checks an operation in bfloat16 against the same operation in float32.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cast.hpp>

#include "support/support.hpp"

namespace pixnerd {

/// Random elements that bfloat16 holds exactly, as elements of T.
template <class T>
Tensor<T> random_bfloat16(const Shape& shape, std::uint32_t stream) {
  std::vector<T> values;
  for (const float value : random_tensor<float>(shape, stream).to_host())
    values.push_back(static_cast<T>(float(bfloat16(value))));
  return Tensor<T>::from_host(shape, values);
}

/// x in float32, for operations that take some of their inputs so.
template <class T>
auto widened(const Tensor<T>& x) {
  return cast<wide_t<T>>(x);
}

/// The same values in float32.
template <class T>
std::vector<float> in_float(const Tensor<T>& x) {
  std::vector<float> out;
  for (const T value : x.to_host()) out.push_back(float(value));
  return out;
}

namespace detail {

/// The output of `function` and the gradients of its inputs, all in float32. Gradients go to memory filled
/// with NaN that is to be overwritten or, if `add`, with a number to which they are added. That memory is
/// float32 for the inputs in `parameters`, else of T.
template <class T, class Function>
std::vector<std::vector<float>> run_in(Function function, const std::vector<Shape>& shapes,
                                       const std::set<std::size_t>& parameters, bool add) {
  const float start = add ? 0.5f : std::numeric_limits<float>::quiet_NaN();
  std::vector<Tensor<T>> inputs;
  std::vector<std::function<std::vector<float>()>> gradients;
  for (const Shape& shape : shapes) {
    const std::size_t k = inputs.size();
    inputs.push_back(random_bfloat16<T>(shape, static_cast<std::uint32_t>(k + 1)));
    require_grad(inputs[k]);
    const auto bind = [&](const auto& memory) {
      inputs[k].slot()->bind(memory, add);
      gradients.push_back([memory] { return in_float(memory); });
    };
    if (parameters.contains(k)) {
      bind(Tensor<wide_t<T>>::full(shape, start));
    } else {
      bind(Tensor<T>::full(shape, static_cast<T>(start)));
    }
  }
  Tape tape;
  const auto output = function(inputs);
  std::vector<std::vector<float>> out{in_float(output)};
  using Output = typename std::decay_t<decltype(output)>::value_type;
  tape.backward(output, random_bfloat16<Output>(output.shape(), 90));
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    if (inputs[k].slot()->written()) out.push_back(gradients[k]());
  }
  return out;
}

}  // namespace detail

/// Runs function(inputs) on the same random inputs of these shapes as bfloat16 and as float32, and compares
/// the results and the gradients, written and added, by their relative L2 distance. `function` takes a vector
/// of tensors of either type and returns one tensor of either. `parameters` are the indices of inputs whose
/// gradients are float32. A failure names the calling line and the shapes.
template <class Function>
void check_bfloat16(Function function, const std::vector<Shape>& shapes,
                    const std::set<std::size_t>& parameters = {}, double tolerance = 5e-3,
                    const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  std::string where = str_cat(file, ":", line, ":");
  for (const Shape& shape : shapes) where += str_cat(" ", shape);
  for (const bool add : {false, true}) {
    const auto narrow = detail::run_in<bfloat16>(function, shapes, parameters, add);
    const auto wide = detail::run_in<float>(function, shapes, parameters, add);
    BOOST_TEST_REQUIRE(narrow.size() == wide.size(), where << ": " << narrow.size()
                                                           << " results in bfloat16, " << wide.size()
                                                           << " in float32");
    for (std::size_t i = 0; i < wide.size(); ++i) {
      const double error = relative_error(narrow[i], wide[i], file, line);
      BOOST_TEST(error <= tolerance, where << (i == 0 ? ": output" : ": gradient") << " " << i
                                           << (add ? " added" : "") << " is off by " << error);
    }
  }
}

}  // namespace pixnerd
