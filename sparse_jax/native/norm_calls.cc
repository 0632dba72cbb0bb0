// Batch norm as XLA custom calls. Every operand has all leading axes that vmap added.
#include "normalise.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace sparse_jax {
namespace {

using Array = ffi::Buffer<ffi::F32>;
using Whole = ffi::Buffer<ffi::S32>;
using Result = ffi::Result<Array>;

// Sizes of entry i of x [..., maps, height, width, batch], true ones [..., 3].
Maps sizes_of(const Array& x, const Whole& size, int64_t pool, int64_t i) {
  const auto padded = x.dimensions().last(4);
  const int32_t* own = size.typed_data() + 3 * i;
  const auto within = [](int64_t value, int64_t most) {
    return std::max<int64_t>(0, std::min(value, most));
  };
  return {padded[0], padded[1], padded[2], padded[3], within(own[0], padded[0]),
          within(own[1], padded[1]), within(own[2], padded[2]), pool};
}

int64_t entries(const Array& x) {
  int64_t total = 1;
  for (const int64_t side : x.dimensions().first(x.dimensions().size() - 4)) total *= side;
  return total;
}

ffi::Error Normalise(Array x, Whole size, Array scale, Array shift, Array mean, Array var,
                     float epsilon, float keep, bool relu, int64_t pool, Result y,
                     Result new_mean, Result new_var, Result saved) {
  for (int64_t i = 0; i < entries(x); ++i) {
    const Maps s = sizes_of(x, size, pool, i);
    const int64_t map = i * s.maps, first = map * s.plane();
    const int64_t pooled = map * s.pooled_plane();
    normalise(s, {epsilon, keep, relu},
              {x.typed_data() + first, scale.typed_data() + map, shift.typed_data() + map,
               mean.typed_data() + map, var.typed_data() + map, y->typed_data() + pooled,
               new_mean->typed_data() + map, new_var->typed_data() + map,
               saved->typed_data() + 2 * map});
  }
  return ffi::Error::Success();
}

ffi::Error NormaliseGradient(Array x, Whole size, Array scale, Array shift, Array saved,
                             Array gradient, float epsilon, bool relu, int64_t pool,
                             Result out, Result scale_out, Result shift_out) {
  for (int64_t i = 0; i < entries(x); ++i) {
    const Maps s = sizes_of(x, size, pool, i);
    const int64_t map = i * s.maps, first = map * s.plane();
    const int64_t pooled = map * s.pooled_plane();
    normalise_gradient(
        s, {epsilon, 0, relu},
        {x.typed_data() + first, scale.typed_data() + map, shift.typed_data() + map,
         saved.typed_data() + 2 * map, gradient.typed_data() + pooled,
         out->typed_data() + first, scale_out->typed_data() + map,
         shift_out->typed_data() + map});
  }
  return ffi::Error::Success();
}

}  // namespace
}  // namespace sparse_jax

using sparse_jax::Array;
using sparse_jax::Whole;

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    normalise, sparse_jax::Normalise,
    ffi::Ffi::Bind().Arg<Array>().Arg<Whole>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Arg<Array>().Attr<float>("epsilon").Attr<float>("keep").Attr<bool>("relu")
        .Attr<int64_t>("pool").Ret<Array>().Ret<Array>().Ret<Array>().Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    normalise_gradient, sparse_jax::NormaliseGradient,
    ffi::Ffi::Bind().Arg<Array>().Arg<Whole>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Arg<Array>().Attr<float>("epsilon").Attr<bool>("relu").Attr<int64_t>("pool")
        .Ret<Array>().Ret<Array>().Ret<Array>());
