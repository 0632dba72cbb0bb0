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

// NaN stays.
SPARSE_JAX_INLINE Floats positive(Floats value) {
  const Floats zero = {};
  return value < zero ? zero : value;
}

// What reaches `value` through a ReLU.
SPARSE_JAX_INLINE Floats through(Floats gradient, Floats value) {
  const Floats zero = {};
  return value > zero ? gradient : zero;
}

// NaN if either is.
SPARSE_JAX_INLINE Floats larger(Floats a, Floats b) {
  return ((a > b) | (a != a)) ? a : b;
}

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

// y: [height / pool, width / pool, batch], the maxima of value(x); 0 beyond the true
// windows.
template <typename Value>
SPARSE_JAX_INLINE void max_pool(const Maps& s, const float* x, float* y, Value&& value) {
  const int64_t rows = s.true_height / s.pool, area = s.pool * s.pool;
  for (int64_t row = 0; row < rows; ++row) {
    over_windows(s, row, [&](int64_t window, int64_t pooled) SPARSE_JAX_ALWAYS {
      over_vectors(s.batch, [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
        const float* from = x + window + n;
        Floats most = value(read(from));
        for (int64_t t = 1; t < area; ++t)
          most = larger(most, value(read(from + s.inside(t))));
        write(y + pooled + n, most);
      });
    });
    const int64_t end = row * s.pooled_row() + s.true_width / s.pool * s.batch;
    std::fill(y + end, y + (row + 1) * s.pooled_row(), 0.0f);
  }
  std::fill(y + rows * s.pooled_row(), y + s.pooled_plane(), 0.0f);
}

// One window of two by two on the way back: calls give(t, value's input, what arrives).
template <typename Value, typename Read, typename Give>
SPARSE_JAX_INLINE void unpool_four(const Maps& s, Floats gradient, const float* x,
                                   Value&& value, Read&& read, Give&& give) {
  Floats input[4], own[4];
  SPARSE_JAX_UNROLL for (int t = 0; t < 4; ++t) {
    input[t] = read(x + s.inside(t));
    own[t] = value(input[t]);
  }
  const Floats most = larger(own[0], own[1]), more = larger(most, own[2]);
  const Floats last = to_second(gradient, more, own[3]);
  const Floats third = to_second(gradient - last, most, own[2]);
  const Floats both = gradient - last - third;
  const Floats second = to_second(both, own[0], own[1]);
  const Floats arriving[4] = {both - second, second, third, last};
  SPARSE_JAX_UNROLL for (int t = 0; t < 4; ++t) give(t, input[t], arriving[t]);
}

// A window of any size. `out`: of the map, where maxima so far wait for their turn.
template <typename Value, typename Read, typename Write, typename Give>
SPARSE_JAX_INLINE void unpool(const Maps& s, Floats gradient, const float* x, float* out,
                              Value&& value, Read&& read, Write&& write, Give&& give) {
  const int64_t area = s.pool * s.pool;
  Floats most = value(read(x));
  for (int64_t t = 1; t < area; ++t) {
    write(out + s.inside(t), most);
    most = larger(most, value(read(x + s.inside(t))));
  }
  for (int64_t t = area - 1; t > 0; --t) {
    const Floats input = read(x + s.inside(t));
    const Floats taken = to_second(gradient, read(out + s.inside(t)), value(input));
    give(t, input, taken);
    gradient -= taken;
  }
  give(0, read(x), gradient);
}

// Writes give(t, input, what arrives) for every pixel of the windows of one row, the t-th
// of its window, some images at a time; pixels that no window has are left alone.
template <typename Value, typename Give>
SPARSE_JAX_INLINE void unpool_row(const Maps& s, int64_t row, const float* x,
                                  const float* gradient, float* out, Value&& value,
                                  Give&& give) {
  over_windows(s, row, [&](int64_t window, int64_t pooled) SPARSE_JAX_ALWAYS {
    over_vectors(s.batch, [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
      const int64_t first = window + n;
      const auto pixel = [&](int64_t t, Floats input, Floats arriving) SPARSE_JAX_ALWAYS {
        write(out + first + s.inside(t), give(t, input, arriving));
      };
      const Floats own = read(gradient + pooled + n);
      if (s.pool == 2)
        unpool_four(s, own, x + first, value, read, pixel);
      else
        unpool(s, own, x + first, out + first, value, read, write, pixel);
    });
  });
}

}  // namespace sparse_jax
