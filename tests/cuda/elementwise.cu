// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_elementwise_ops)

namespace {

template <class Function>
void compare_in_float_and_bfloat16(const std::string& what, const std::vector<Input>& inputs,
                                   Function function) {
  compare_devices<float>(what, inputs, function);
  compare_devices<bfloat16>(what, inputs, function);
}

/// A view of the rows from the second on of a tensor of odd width: not aligned to 16 bytes.
template <class T, class Device>
Tensor<T, Device> unaligned(const std::vector<double>& values) {
  std::vector<T> elements(7);
  for (const double value : values) elements.push_back(static_cast<T>(static_cast<float>(value)));
  const auto count = static_cast<std::int64_t>(elements.size());
  const auto all = Tensor<T, Device>::from_host({count}, elements);
  return all.rows(7, count);
}

}  // namespace

BOOST_AUTO_TEST_CASE(equal_shapes) {
  for (const std::int64_t n : {0, 1, 7, 251, 8192}) {
    const std::vector<Input> two{{{n}}, {{n}}};
    compare_devices_in_all_types("add", two, [](const auto& in) { return in[0] + in[1]; });
    compare_devices<float>("subtract", two, [](const auto& in) { return in[0] - in[1]; });
    compare_in_float_and_bfloat16("multiply", two, [](const auto& in) { return in[0] * in[1]; });
    compare_in_float_and_bfloat16("swiglu", two, [](const auto& in) { return swiglu(in[0], in[1]); });
  }
  compare_devices<double>("swiglu", {{{5, 13}}, {{5, 13}}},
                          [](const auto& in) { return swiglu(in[0], in[1]); });
}

BOOST_AUTO_TEST_CASE(one_tensor_twice) {
  for (const std::int64_t n : {1, 64, 1001}) {
    const std::vector<Input> one{{{n}}};
    compare_in_float_and_bfloat16("add", one, [](const auto& in) { return in[0] + in[0]; });
    compare_in_float_and_bfloat16("multiply", one, [](const auto& in) { return in[0] * in[0]; });
    compare_in_float_and_bfloat16("swiglu", one, [](const auto& in) { return swiglu(in[0], in[0]); });
  }
}

BOOST_AUTO_TEST_CASE(inputs_without_gradient) {
  const std::vector<Input> two{{{3, 40}}, {{3, 40}}};
  compare_in_float_and_bfloat16("swiglu", two, [](const auto& in) { return swiglu(in[0].detach(), in[1]); });
  compare_in_float_and_bfloat16("swiglu", two, [](const auto& in) { return swiglu(in[0], in[1].detach()); });
  compare_in_float_and_bfloat16("multiply", two, [](const auto& in) { return in[0] * in[1].detach(); });
  compare_in_float_and_bfloat16("multiply", two, [](const auto& in) { return in[0].detach() * in[1]; });
}

BOOST_AUTO_TEST_CASE(swiglu_of_large_numbers) {
  for (const double scale_of_a : {50.0, 1e4}) {
    compare_in_float_and_bfloat16("swiglu of large numbers", {{{300}}, {{300}}},
                                  [=](const auto& in) { return swiglu(in[0] * scale_of_a, in[1]); });
  }
}

BOOST_AUTO_TEST_CASE(numbers) {
  for (const std::int64_t n : {1, 333}) {
    compare_in_float_and_bfloat16("scale", {{{n}}}, [](const auto& in) { return in[0] * 0.3; });
    compare_in_float_and_bfloat16("add_scalar", {{{n}}}, [](const auto& in) { return in[0] + 0.3; });
  }
  // Its gradient cannot be taken over, because the first term reads it too.
  compare_in_float_and_bfloat16("add_scalar", {{{333}}},
                                [](const auto& in) { return (in[0] + 0.3) + in[0]; });
}

BOOST_AUTO_TEST_CASE(views_off_16_bytes) {
  const auto values = detail::test_values(100, 3, 0);
  const auto run = [&]<class Device>(Device) {
    const auto a = unaligned<bfloat16, Device>(values);
    const auto whole = copy(a);
    auto results = detail::doubles_of(swiglu(a, whole));
    for (const auto& more : {a + whole, scale(a, 2.0), copy(a.reshape({10, 10}) + a.rows(0, 10))}) {
      const auto next = detail::doubles_of(more);
      results.insert(results.end(), next.begin(), next.end());
    }
    const auto next = detail::doubles_of(cast<float>(a));
    results.insert(results.end(), next.begin(), next.end());
    return results;
  };
  detail::check_close("views", run(Cuda{}), run(Cpu{}), device_tolerance<bfloat16>);
}

BOOST_AUTO_TEST_CASE(conversion) {
  for (const std::int64_t n : {0, 1, 8, 1003}) {
    compare_devices<float>("cast", {{{n}}}, [](const auto& in) { return cast<bfloat16>(in[0]); });
    compare_devices<float>("cast", {{{n}}}, [](const auto& in) { return cast<double>(in[0]); });
    compare_devices<double>("cast", {{{n}}}, [](const auto& in) { return cast<bfloat16>(in[0]); });
    compare_devices<double>("cast", {{{n}}}, [](const auto& in) { return cast<float>(in[0]); });
    compare_devices<bfloat16>("cast", {{{n}}}, [](const auto& in) { return cast<float>(in[0]); });
    compare_devices<bfloat16>("cast", {{{n}}}, [](const auto& in) { return cast<double>(in[0]); });
  }
}

BOOST_AUTO_TEST_CASE(rounding_to_bfloat16) {
  // Ties, numbers that round to infinity, subnormal ones: the same bits as on the CPU.
  std::vector<float> values;
  for (std::uint32_t bits = 0x3f800000u; bits < 0x3f840000u; bits += 0x1001u)
    values.push_back(bit_cast<float>(bits));
  for (const std::uint32_t bits : {0x3f808000u, 0x3f818000u, 0x7f7fffffu, 0x7f800000u, 0xff800000u,
                                   0x00000001u, 0x00018000u, 0x80000000u})
    values.push_back(bit_cast<float>(bits));
  const auto count = static_cast<std::int64_t>(values.size());
  const auto cpu = cast<bfloat16>(Tensor<float, Cpu>::from_host({count}, values)).to_host();
  const auto gpu = cast<bfloat16>(Tensor<float, Cuda>::from_host({count}, values)).to_host();
  for (std::size_t i = 0; i < values.size(); ++i) BOOST_TEST(gpu[i].bits == cpu[i].bits);
}

BOOST_AUTO_TEST_SUITE_END()
