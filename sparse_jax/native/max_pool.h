// A maximum over the windows of a map, of what a function makes of its pixels, and the
// way back. Nobody writes the map that is pooled: it is made once more on the way back.
#pragma once

#include <algorithm>

#include "vectors.h"

namespace sparse_jax {

// Padded sizes, and the true ones that begin at the first map, row and column. pool: side
// and stride of the windows after it, 1 for none.
struct Maps {
  int64_t maps, height, width, batch;
  int64_t true_maps, true_height, true_width;
  int64_t pool;
  int64_t row() const { return width * batch; }
  int64_t plane() const { return height * row(); }
  int64_t run() const { return true_width * batch; }
  double count() const {
    return static_cast<double>(std::max<int64_t>(true_height * run(), 1));
  }
  int64_t pooled_row() const { return width / pool * batch; }
  int64_t pooled_plane() const { return height / pool * pooled_row(); }
  // From a window's first pixel to its t-th one, row by row.
  int64_t inside(int64_t t) const { return t / pool * row() + t % pool * batch; }
};

SPARSE_JAX_INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }

// What of a gradient goes to the second of two numbers whose maximum was taken: half of
// it where they are equal, as with jnp.maximum.
SPARSE_JAX_INLINE Floats to_second(Floats gradient, Floats first, Floats second) {
  const Floats zero = {};
  const Floats tied = first == second ? 0.5f * gradient : zero;
  return second > first ? gradient : tied;
}

// Calls body(window, pooled) for every window of one row of true windows: offsets of its
// first pixel and of its maximum, for the first image.
template <typename Body>
SPARSE_JAX_INLINE void over_windows(const Maps& s, int64_t row, Body&& body) {
  for (int64_t column = 0; column < s.true_width / s.pool; ++column)
    body(s.pool * (row * s.row() + column * s.batch),
         row * s.pooled_row() + column * s.batch);
}

// y: [height / pool, width / pool, batch], the maxima of value(x) by `value(read, n)`;
// 0 beyond the true windows.
template <typename Value>
SPARSE_JAX_INLINE void max_pool(const Maps& s, float* y, Value&& value) {
  const int64_t rows = s.true_height / s.pool, area = s.pool * s.pool;
  for (int64_t row = 0; row < rows; ++row) {
    over_windows(s, row, [&](int64_t window, int64_t pooled) SPARSE_JAX_ALWAYS {
      over_vectors(s.batch, [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
        Floats most = value(read, window + n);
        for (int64_t t = 1; t < area; ++t)
          most = larger(most, value(read, window + s.inside(t) + n));
        write(y + pooled + n, most);
      });
    });
    const int64_t end = row * s.pooled_row() + s.true_width / s.pool * s.batch;
    std::fill(y + end, y + (row + 1) * s.pooled_row(), 0.0f);
  }
  std::fill(y + rows * s.pooled_row(), y + s.pooled_plane(), 0.0f);
}

// One window on the way back, some images of it: `out` has what arrives at its pixels.
// The maxima so far wait there until their turn.
template <typename Value, typename Read, typename Write>
SPARSE_JAX_INLINE void unpool(const Maps& s, Floats gradient, float* out, int64_t n,
                              Value&& value, Read&& read, Write&& write) {
  const int64_t area = s.pool * s.pool;
  Floats most = value(read, n);
  for (int64_t t = 1; t < area; ++t) {
    write(out + n + s.inside(t), most);
    most = larger(most, value(read, n + s.inside(t)));
  }
  for (int64_t t = area - 1; t > 0; --t) {
    float* own = out + n + s.inside(t);
    const Floats taken =
        to_second(gradient, read(own), value(read, n + s.inside(t)));
    write(own, taken);
    gradient -= taken;
  }
  write(out + n, gradient);
}

}  // namespace sparse_jax
