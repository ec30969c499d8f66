// SPDX-License-Identifier: MIT
// Shared by tests: random tensors, gradient checks, relative errors.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/nn/module.hpp>

namespace pixnerd {

/// Standard normal elements, the same for the same stream.
template <class T = double>
Tensor<T> random_tensor(const Shape& shape, std::uint32_t stream) {
  const auto values = detail::test_values(shape.count(), 7, stream);
  return Tensor<T>::from_host(shape, std::vector<T>(values.begin(), values.end()));
}

/// gradcheck() with the project's tolerance. A failure names the calling line and the inputs' shapes.
template <class Function>
void check_gradient(Function function, const std::vector<Tensor<double>>& inputs, double tolerance = 1e-7,
                    const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  // One type for all tests, so gradcheck() is compiled once.
  const std::function<Tensor<double>(const std::vector<Tensor<double>>&)> erased = std::move(function);
  const auto result = gradcheck(erased, inputs);
  std::string shapes;
  for (const auto& input : inputs) shapes += str_cat(" ", input.shape());
  BOOST_TEST(result.ok(tolerance), file << ":" << line << ": gradient of input " << result.input << " of"
                                        << shapes << " is off by " << result.error);
}

/// gradcheck() of a module's call with respect to its parameters, set to random values of this deviation, and
/// its inputs. call(module, inputs) returns a tensor.
template <class Module, class Call>
void check_module_gradient(Module module, Call call, std::vector<Tensor<double>> inputs, double deviation = 1,
                           const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const std::size_t first_parameter = inputs.size();
  for_each_parameter(module, [&](const std::string&, const Tensor<double>& parameter) {
    inputs.push_back(random_tensor(parameter.shape(), static_cast<std::uint32_t>(100 + inputs.size())));
    for (std::int64_t i = 0; i < parameter.count(); ++i) inputs.back().data()[i] *= deviation;
  });
  BOOST_TEST(inputs.size() > first_parameter, file << ":" << line << ": the module has no parameters");
  check_gradient(
      [&](const std::vector<Tensor<double>>& t) {
        std::size_t next = first_parameter;
        for_each_parameter(module,
                           [&](const std::string&, Tensor<double>& parameter) { parameter = t[next++]; });
        return call(module, t);
      },
      inputs, 1e-7, file, line);
}

/// ||a - b|| / ||b||. Both must have the same number of elements.
template <class A, class B>
double relative_error(const std::vector<A>& a, const std::vector<B>& b, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  BOOST_TEST_REQUIRE(a.size() == b.size(),
                     file << ":" << line << ": " << a.size() << " against " << b.size() << " elements");
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

}  // namespace pixnerd
