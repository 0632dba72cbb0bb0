// Choice of images as an XLA custom call.
#include "images.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace sparse_jax {
namespace {

using Numbers = ffi::Buffer<ffi::S32>;

ffi::Error TakeImages(ffi::Buffer<ffi::F32> images, Numbers rows, Numbers ys, Numbers xs,
                      ffi::Result<ffi::Buffer<ffi::F32>> out) {
  const auto sizes = out->dimensions(), whole = images.dimensions();
  take_images({sizes[3], sizes[1], sizes[2], sizes[0], whole[0], whole[1], whole[2]},
              images.typed_data(), rows.typed_data(), ys.typed_data(), xs.typed_data(),
              out->typed_data());
  return ffi::Error::Success();
}

}  // namespace
}  // namespace sparse_jax

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    take_images, sparse_jax::TakeImages,
    ffi::Ffi::Bind().Arg<ffi::Buffer<ffi::F32>>().Arg<sparse_jax::Numbers>()
        .Arg<sparse_jax::Numbers>().Arg<sparse_jax::Numbers>()
        .Ret<ffi::Buffer<ffi::F32>>());
