// A ReLU and the maximum over windows as XLA custom calls. Every operand has all leading
// axes that vmap added.
#include "max_pool.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace sparse_jax {
namespace {

using Array = ffi::Buffer<ffi::F32>;
using Result = ffi::Result<Array>;

// Of x [..., maps, height, width, batch]; all is true.
Maps whole_maps(const Array& x, int64_t pool) {
  const auto sizes = x.dimensions();
  const auto last = sizes.last(3);
  int64_t maps = 1;
  for (const int64_t side : sizes.first(sizes.size() - 3)) maps *= side;
  return {maps, last[0], last[1], last[2], maps, last[0], last[1], pool};
}

ffi::Error Pool(Array x, bool relu, int64_t pool, Result y) {
  const Maps s = whole_maps(x, pool);
  for (int64_t map = 0; map < s.maps; ++map)
    max_pool(s, x.typed_data() + map * s.plane(), y->typed_data() + map * s.pooled_plane(),
             [=](Floats value) SPARSE_JAX_ALWAYS { return relu ? positive(value) : value; });
  return ffi::Error::Success();
}

ffi::Error PoolGradient(Array x, Array gradient, bool relu, int64_t pool, Result out) {
  const Maps s = whole_maps(x, pool);
  const auto value = [=](Floats input) SPARSE_JAX_ALWAYS {
    return relu ? positive(input) : input;
  };
  const auto give = [=](int64_t, Floats input, Floats own) SPARSE_JAX_ALWAYS {
    return relu ? through(own, input) : own;
  };
  for (int64_t map = 0; map < s.maps; ++map) {
    float* to = out->typed_data() + map * s.plane();
    if (s.height % pool || s.width % pool) std::fill(to, to + s.plane(), 0.0f);
    for (int64_t row = 0; row < s.height / pool; ++row)
      unpool_row(s, row, x.typed_data() + map * s.plane(),
                 gradient.typed_data() + map * s.pooled_plane(), to, value, give);
  }
  return ffi::Error::Success();
}

}  // namespace
}  // namespace sparse_jax

using sparse_jax::Array;

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    max_pool, sparse_jax::Pool,
    ffi::Ffi::Bind().Arg<Array>().Attr<bool>("relu").Attr<int64_t>("pool").Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    max_pool_gradient, sparse_jax::PoolGradient,
    ffi::Ffi::Bind().Arg<Array>().Arg<Array>().Attr<bool>("relu").Attr<int64_t>("pool")
        .Ret<Array>());
