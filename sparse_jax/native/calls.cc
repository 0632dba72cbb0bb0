// The kernels as XLA custom calls. Every operand may have leading axes that vmap added:
// each is 1 (shared) or as long as the result's. One thread per call: callers run calls
// in parallel, and no result depends on how many.
#include "correlate.h"
#include "kernel_gradient.h"
#include "noise.h"
#include "two_passes.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace sparse_jax {
namespace {

using Array = ffi::Buffer<ffi::F32>;
using Seeds = ffi::Buffer<ffi::U32>;
using Result = ffi::Result<Array>;

template <typename Buffer>
int64_t size_of(const Buffer& buffer, size_t rank, size_t axis) {
  const auto sizes = buffer.dimensions();
  return sizes[sizes.size() - rank + axis];
}

// Leading axes of a result, and where an operand's part of an entry starts.
class Leading {
 public:
  Leading(const Array& result, size_t rank)
      : sizes_(result.dimensions().begin(), result.dimensions().end() - rank) {}

  int64_t count() const {
    int64_t total = 1;
    for (const int64_t size : sizes_) total *= size;
    return total;
  }

  template <typename Buffer>
  auto* at(const Buffer& buffer, size_t rank, int64_t entry) const {
    const auto own = buffer.dimensions();
    int64_t stride = 1, offset = 0;
    for (size_t axis = own.size() - rank; axis < own.size(); ++axis) stride *= own[axis];
    for (size_t axis = own.size() - rank; axis-- > 0;) {
      if (own[axis] > 1) offset += entry % sizes_[axis] * stride;
      stride *= own[axis];
      entry /= sizes_[axis];
    }
    return buffer.typed_data() + offset;
  }

 private:
  std::vector<int64_t> sizes_;
};

// x [..., C, H, W, B], kernel [..., O, C / groups, k, k], y [..., O, H', W', B].
Sizes forward(const Array& x, const Array& kernel, const Array& y) {
  const int64_t inputs = size_of(kernel, 4, 1), groups = size_of(x, 4, 0) / inputs;
  return {groups, size_of(kernel, 4, 0) / groups, inputs, size_of(kernel, 4, 2), 0,
          size_of(x, 4, 1), size_of(x, 4, 2), size_of(y, 4, 1), size_of(y, 4, 2),
          size_of(x, 4, 3)};
}

// From what arrives at y to x.
Sizes backward_of(const Array& y, const Array& kernel, const Array& x) {
  const Sizes s = forward(x, kernel, y);
  return {s.groups, s.inputs, s.outputs, s.kernel, s.kernel - 1,
          s.out_height, s.out_width, s.height, s.width, s.batch};
}

ffi::Error Correlate(Array x, Array kernel, Result out) {
  const Sizes sizes = forward(x, kernel, *out);
  const Leading leading(*out, 4);
  for (int64_t i = 0; i < leading.count(); ++i) {
    Arrays arrays{};
    arrays.x = leading.at(x, 4, i);
    arrays.kernel = leading.at(kernel, 4, i);
    arrays.out = leading.at(*out, 4, i);
    correlate<Mode::kPlain>(sizes, arrays);
  }
  return ffi::Error::Success();
}

ffi::Error InputGradient(Array gradient, Array kernel, Result out) {
  const Sizes sizes = backward_of(gradient, kernel, *out);
  const Leading leading(*out, 4);
  for (int64_t i = 0; i < leading.count(); ++i) {
    Arrays arrays{};
    arrays.x = leading.at(gradient, 4, i);
    arrays.kernel = leading.at(kernel, 4, i);
    arrays.out = leading.at(*out, 4, i);
    correlate<Mode::kPlainBackward>(sizes, arrays);
  }
  return ffi::Error::Success();
}

ffi::Error NoisyCorrelate(Array x, Array mean, Array variance, Array scale, Seeds seeds,
                          int64_t map_stride, int64_t row_stride, int64_t column_stride,
                          float epsilon, Result out, Result slope) {
  const Sizes sizes = forward(x, mean, *out);
  std::vector<uint32_t> columns(sizes.out_row());
  for (int64_t n = 0; n < sizes.out_row(); ++n)
    columns[n] = kIndexFactor * static_cast<uint32_t>(
        n / sizes.batch * column_stride + n % sizes.batch);
  const Leading leading(*out, 4);
  for (int64_t i = 0; i < leading.count(); ++i) {
    const Noise noise{leading.at(seeds, 2, i), size_of(seeds, 2, 1),
                      static_cast<uint32_t>(map_stride), static_cast<uint32_t>(row_stride),
                      columns.data(), *leading.at(scale, 0, i), epsilon};
    Arrays arrays{};
    arrays.x = leading.at(x, 4, i);
    arrays.kernel = leading.at(mean, 4, i);
    arrays.second = leading.at(variance, 4, i);
    arrays.out = leading.at(*out, 4, i);
    arrays.slope_out = leading.at(*slope, 4, i);
    arrays.noise = &noise;
    correlate_pair<Mode::kSquares>(sizes, arrays);
  }
  return ffi::Error::Success();
}

ffi::Error NoisyInputGradient(Array gradient, Array slope, Array x, Array mean,
                              Array variance, Result out) {
  const Sizes sizes = backward_of(gradient, mean, x);
  const Leading leading(*out, 4);
  for (int64_t i = 0; i < leading.count(); ++i) {
    Arrays arrays{};
    arrays.x = leading.at(gradient, 4, i);
    arrays.slope = leading.at(slope, 4, i);
    arrays.centre = leading.at(x, 4, i);
    arrays.kernel = leading.at(mean, 4, i);
    arrays.second = leading.at(variance, 4, i);
    arrays.out = leading.at(*out, 4, i);
    correlate_pair<Mode::kSquaresBackward>(sizes, arrays);
  }
  return ffi::Error::Success();
}

ffi::Error KernelGradient(Array x, Array gradient, Result out) {
  const Sizes sizes = forward(x, *out, gradient);
  const Leading leading(*out, 4);
  for (int64_t i = 0; i < leading.count(); ++i) {
    const GradientArrays arrays{leading.at(x, 4, i), leading.at(gradient, 4, i), nullptr,
                                leading.at(*out, 4, i), nullptr};
    kernel_gradient<false>(sizes, arrays);
  }
  return ffi::Error::Success();
}

ffi::Error NoisyKernelGradient(Array x, Array gradient, Array slope, Result mean,
                               Result variance) {
  const Sizes sizes = forward(x, *mean, gradient);
  const Leading leading(*mean, 4);
  for (int64_t i = 0; i < leading.count(); ++i) {
    const GradientArrays arrays{leading.at(x, 4, i), leading.at(gradient, 4, i),
                                leading.at(slope, 4, i), leading.at(*mean, 4, i),
                                leading.at(*variance, 4, i)};
    kernel_gradient<true>(sizes, arrays);
  }
  return ffi::Error::Success();
}

}  // namespace
}  // namespace sparse_jax

using sparse_jax::Array;
using sparse_jax::Seeds;

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    correlate, sparse_jax::Correlate,
    ffi::Ffi::Bind().Arg<Array>().Arg<Array>().Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    input_gradient, sparse_jax::InputGradient,
    ffi::Ffi::Bind().Arg<Array>().Arg<Array>().Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    noisy_correlate, sparse_jax::NoisyCorrelate,
    ffi::Ffi::Bind().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Seeds>()
        .Attr<int64_t>("map_stride").Attr<int64_t>("row_stride")
        .Attr<int64_t>("column_stride").Attr<float>("epsilon").Ret<Array>().Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    noisy_input_gradient, sparse_jax::NoisyInputGradient,
    ffi::Ffi::Bind().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    kernel_gradient, sparse_jax::KernelGradient,
    ffi::Ffi::Bind().Arg<Array>().Arg<Array>().Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    noisy_kernel_gradient, sparse_jax::NoisyKernelGradient,
    ffi::Ffi::Bind().Arg<Array>().Arg<Array>().Arg<Array>().Ret<Array>().Ret<Array>());
