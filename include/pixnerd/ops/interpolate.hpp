// SPDX-License-Identifier: MIT
/// \file
/// Resizing images: nearest, bilinear and bicubic, as PyTorch does with align_corners and antialias off.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/scratch.hpp>
#include <pixnerd/ops/cpu/wide.hpp>

namespace pixnerd {

/// How a pixel of the result is computed from source pixels around its position.
enum class Interpolation {
  nearest,   ///< one pixel, at floor(i step)
  bilinear,  ///< two per direction, linear interpolation
  bicubic,   ///< four per direction, Keys' cubic with a = -0.75
};

/// Step in the source from one pixel of the result to the next, vertically and horizontally. 0 stands for the
/// ratio of the sizes, H / height and W / width.
struct InterpolationSteps {
  double down = 0, across = 0;
};

namespace detail {

/// Pixels of the source and their weights.
template <class W>
struct InterpolationTaps {
  std::int64_t at[4];
  W weight[4];
};

/// One direction of a resize: the source pixels of pixel i of the result. W is the type in which PyTorch
/// computes positions and weights, float32 for bfloat16.
template <class W>
struct InterpolationAxis {
  Interpolation mode;
  std::int64_t in, out;
  W step;

  InterpolationAxis(Interpolation mode_, std::int64_t in_, std::int64_t out_, double step_)
      : mode(mode_), in(in_), out(out_), step(step_ > 0 ? static_cast<W>(step_) : W(in_) / W(out_)) {}

  PIXNERD_HOST_DEVICE int count() const {
    return mode == Interpolation::bicubic ? 4 : mode == Interpolation::bilinear ? 2 : 1;
  }

  /// Beyond the border the border's pixel repeats, so one pixel may appear in several taps.
  PIXNERD_HOST_DEVICE InterpolationTaps<W> taps(std::int64_t i) const {
    W place = mode == Interpolation::nearest ? step * W(i) : step * (W(i) + W(0.5)) - W(0.5);
    if (place > W(in)) place = W(in);
    if (mode == Interpolation::bilinear && place < 0) place = 0;
    std::int64_t first = static_cast<std::int64_t>(place);  // rounds toward zero, then down
    if (W(first) > place) --first;
    if (first > in - 1) first = in - 1;
    if (mode == Interpolation::nearest) return {{first, 0, 0, 0}, {1, 0, 0, 0}};
    W t = place - W(first);
    if (t > 1) t = 1;
    if (mode == Interpolation::bilinear) return {{first, inside(first + 1), 0, 0}, {W(1) - t, t, 0, 0}};
    return {{inside(first - 1), inside(first), inside(first + 1), inside(first + 2)},
            {far(W(1) + t), near(t), near(W(1) - t), far(W(2) - t)}};
  }

  /// The total weight of source pixel p in pixel i of the result.
  PIXNERD_HOST_DEVICE W weight_of(std::int64_t p, std::int64_t i) const {
    const auto found = taps(i);
    W sum = 0;
    for (int k = 0; k < count(); ++k) sum += found.at[k] == p ? found.weight[k] : W(0);
    return sum;
  }

  /// A range of pixels of the result that contains all that use source pixel p, and few others.
  PIXNERD_HOST_DEVICE void range_of(std::int64_t p, std::int64_t& begin, std::int64_t& end) const {
    const W reach = W(2), half = mode == Interpolation::nearest ? W(0) : W(0.5);
    // One more pixel on either side covers rounding.
    begin = p == 0 ? 0 : within((W(p) - reach + half) / step - half - W(1));
    end = p == in - 1 ? out : within((W(p) + reach + half) / step - half + W(2));
  }

 private:
  PIXNERD_HOST_DEVICE std::int64_t inside(std::int64_t p) const {
    return p < 0 ? 0 : p > in - 1 ? in - 1 : p;
  }
  PIXNERD_HOST_DEVICE std::int64_t within(W i) const {
    return i < 0 ? 0 : i > W(out) ? out : static_cast<std::int64_t>(i);
  }
  /// Keys' cubic at a distance up to 1, and from 1 to 2.
  PIXNERD_HOST_DEVICE static W near(W x) { return (W(1.25) * x - W(2.25)) * x * x + W(1); }
  PIXNERD_HOST_DEVICE static W far(W x) { return ((W(-0.75) * x + W(3.75)) * x - W(6)) * x + W(3); }
};

/// A resize of `planes` images of one channel.
template <class W>
struct InterpolationSizes {
  std::int64_t planes;
  InterpolationAxis<W> rows, columns;
};

}  // namespace detail

template <class Device>
struct InterpolateKernel : MissingKernel<Device> {};

template <>
struct InterpolateKernel<Cpu> {
  /// Each row of the result is a weighted sum of source rows, which is then resized horizontally.
  template <class T>
  static void forward(const detail::InterpolationSizes<wide_t<T>>& sizes, const T* x, T* y) {
    using W = wide_t<T>;
    const auto &rows = sizes.rows, &columns = sizes.columns;
    const auto across = all_taps(columns);
    const auto* taps = across.data();
    parallel_for(sizes.planes * rows.out, [&, taps](std::int64_t index) {
      const T* plane = x + index / rows.out * rows.in * columns.in;
      T* out = y + index * columns.out;
      Scratch<W> scratch(columns.in, 1);
      W* sum = scratch.take(columns.in);
      const auto down = rows.taps(index % rows.out);
      for (int k = 0; k < rows.count(); ++k)
        add_row(columns.in, down.weight[k], plane + down.at[k] * columns.in, sum, k == 0);
      for (std::int64_t j = 0; j < columns.out; ++j) {
        W value = 0;
        for (int k = 0; k < columns.count(); ++k) value += taps[j].weight[k] * sum[taps[j].at[k]];
        out[j] = static_cast<T>(value);
      }
    });
  }

  /// The transpose: each row of the source's gradient gathers from the rows that used it.
  template <class T>
  static void backward(const detail::InterpolationSizes<wide_t<T>>& sizes, const T* grad_y,
                       GradTarget<T> grad_x) {
    using W = wide_t<T>;
    const auto &rows = sizes.rows, &columns = sizes.columns;
    const auto across = all_taps(columns);
    const auto* taps = across.data();
    parallel_for(sizes.planes * rows.in, [&, taps](std::int64_t index) {
      const std::int64_t p = index % rows.in;
      const T* plane = grad_y + index / rows.in * rows.out * columns.out;
      Scratch<W> scratch(columns.out + columns.in, 2);
      W* sum = scratch.take(columns.out);
      W* total = scratch.take(columns.in);
      std::fill_n(sum, columns.out, W(0));
      std::fill_n(total, columns.in, W(0));
      std::int64_t begin, end;
      rows.range_of(p, begin, end);
      for (std::int64_t i = begin; i < end; ++i) {
        const W weight = rows.weight_of(p, i);
        if (weight != 0) add_row(columns.out, weight, plane + i * columns.out, sum, false);
      }
      for (std::int64_t j = 0; j < columns.out; ++j) {
        for (int k = 0; k < columns.count(); ++k) total[taps[j].at[k]] += taps[j].weight[k] * sum[j];
      }
      for (std::int64_t q = 0; q < columns.in; ++q)
        grad_x.put(index * columns.in + q, static_cast<T>(total[q]));
    });
  }

 private:
  template <class W>
  static std::vector<detail::InterpolationTaps<W>> all_taps(const detail::InterpolationAxis<W>& axis) {
    std::vector<detail::InterpolationTaps<W>> out;
    for (std::int64_t i = 0; i < axis.out; ++i) out.push_back(axis.taps(i));
    return out;
  }

  template <class T>
  static void add_row(std::int64_t n, wide_t<T> weight, const T* row, wide_t<T>* sum, bool first) {
    using W = wide_t<T>;
    if (first) {
      for (std::int64_t j = 0; j < n; ++j) sum[j] = weight * W(row[j]);
    } else {
      for (std::int64_t j = 0; j < n; ++j) sum[j] += weight * W(row[j]);
    }
  }
};

/// Resizes images, by the rules of torch.nn.functional.interpolate with align_corners and antialias false:
/// pixel i of the result is at (i + 1/2) step - 1/2 in the source, for `nearest` at floor(i step), and the
/// source's outermost pixels repeat beyond its border. x (B, C, H, W) -> (B, C, height, width). `steps` are
/// the inverse of PyTorch's scale_factor, if one is given there. Positions and weights are computed in
/// wide_t<T>, results rounded once. Saves nothing. Throws ShapeError unless x has four axes and pixels,
/// ValueError for a height or width below 1 or a step outside [1e-6, 1e6]. Source: DINOv2 in
/// src/models/encoder.py and PixNerDiT in pixnerd_t2i_heavydecoder.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> interpolate(const Tensor<T, Device>& x, std::int64_t height, std::int64_t width,
                              Interpolation mode, const InterpolationSteps& steps = {}) {
  if (x.rank() != 4 || x.size(2) < 1 || x.size(3) < 1)
    raise<ShapeError>("interpolate", "images (B, C, H, W) with pixels", str_cat(x.shape()));
  if (height < 1 || width < 1)
    raise<ValueError>("interpolate", "a size of at least 1 x 1", str_cat(height, " x ", width));
  for (const double step : {steps.down, steps.across}) {
    if (step != 0 && !(step >= 1e-6 && step <= 1e6))
      raise<ValueError>("interpolate", "steps of 0 or from 1e-6 to 1e6", str_cat(step));
  }
  using W = wide_t<T>;
  using kernel = InterpolateKernel<Device>;
  const detail::InterpolationSizes<W> sizes{
      x.size(0) * x.size(1), {mode, x.size(2), height, steps.down}, {mode, x.size(3), width, steps.across}};
  Tensor<T, Device> y({x.size(0), x.size(1), height, width});
  kernel::forward(sizes, static_cast<const T*>(x.data()), y.data());
  if (needs_grad(x)) {
    record(y, [sizes, slot = x.slot()](const Tensor<T, Device>& grad_y) {
      kernel::backward(sizes, static_cast<const T*>(grad_y.data()), grad_target<T>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
