// SPDX-License-Identifier: MIT
#include "compare.cuh"

#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/ops/flow_mix.cuh>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_flow_mix)

namespace {

struct SigmaWeight {
  PIXNERD_HOST_DEVICE double operator()(const PathPoint& p) const { return 0.5 + p.sigma; }
};

template <class T, class Device, class Path, class Weight>
std::vector<std::vector<double>> mix(const Shape& shape, const Path& path, const Weight& weight) {
  const auto fill = [&](std::uint32_t stream) {
    return Tensor<T, Device>::from_host(shape, detail::random_elements<T>(shape.count(), stream));
  };
  std::vector<double> times;
  for (std::int64_t b = 0; b < shape[0]; ++b) times.push_back(static_cast<double>(b) / 4);
  const auto sample =
      flow_sample(path, fill(1), fill(2), Tensor<double, Device>::from_host({shape[0]}, times), weight);
  std::vector<std::vector<double>> out{detail::doubles_of(sample.x), detail::doubles_of(sample.target),
                                       detail::doubles_of(sample.t)};
  if (sample.weight.defined()) out.push_back(detail::doubles_of(sample.weight));
  return out;
}

template <class T, class Path, class Weight>
void check(const Shape& shape, const Path& path, const Weight& weight) {
  const auto gpu = mix<T, Cuda>(shape, path, weight), cpu = mix<T, Cpu>(shape, path, weight);
  BOOST_TEST_REQUIRE(gpu.size() == cpu.size());
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    detail::check_close(str_cat("flow_mix ", element_name<T>, " ", shape, " ", i), gpu[i], cpu[i],
                        device_tolerance<T>);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_cpu) {
  for (const Shape& shape : {Shape{5}, Shape{5, 1}, Shape{2, 3, 5, 7}, Shape{3, 4}, Shape{3, 1028},
                             Shape{2, 40001}, Shape{0, 4}, Shape{4, 0}}) {
    check<float>(shape, LinearPath{}, UnitWeight{});
    check<float>(shape, CosinePath{}, SigmaWeight{});
    check<double>(shape, CosinePath{}, SigmaWeight{});
    check<bfloat16>(shape, CosinePath{}, SigmaWeight{});
  }
}

BOOST_AUTO_TEST_SUITE_END()
