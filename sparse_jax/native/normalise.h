// Batch norm of feature maps over the pixels that a candidate has, and the ReLU and the
// maximum over windows after it.
//
// Maps are [maps, height, width, batch], see correlate.h. A row of true pixels is one
// contiguous run: its sums are kept one per lane of a vector, rows are added up in
// double, so that padded maps, rows and columns change no bit.
#pragma once

#include <algorithm>
#include <cmath>

#include "max_pool.h"
#include "vectors.h"

namespace sparse_jax {

// value = x * factor + offset.
struct Line {
  float factor, offset;
};

struct Norm {
  float epsilon, keep;  // keep: of the running moments
  bool relu;
};

// Sum of the lanes, the first one first.
inline double lanes_of(Floats value) {
  double total = 0;
  for (int i = 0; i < kLanes; ++i) total += value[i];
  return total;
}

SPARSE_JAX_INLINE Floats at_line(Floats x, Line line) {
  return x * line.factor + line.offset;
}

// What becomes of a map's pixels.
SPARSE_JAX_INLINE Floats normalised(Floats x, Line line, bool relu) {
  const Floats value = at_line(x, line);
  return relu ? positive(value) : value;
}

// What reaches the line through the ReLU, if there is one.
SPARSE_JAX_INLINE Floats to_line(Floats gradient, Floats x, Line line, bool relu) {
  return relu ? through(gradient, at_line(x, line)) : gradient;
}

struct Sums {
  double first = 0, second = 0;
};

constexpr int kChains = 4;  // hide the latency of an addition

SPARSE_JAX_INLINE void add_chains(const Floats* first, const Floats* second, Sums* sums) {
  sums->first += lanes_of((first[0] + first[1]) + (first[2] + first[3]));
  sums->second += lanes_of((second[0] + second[1]) + (second[2] + second[3]));
}

// body(first, second, read, n) over the vectors of a run, with the sums of what it adds.
template <typename Body>
SPARSE_JAX_INLINE void add_run(int64_t count, Sums* sums, Body&& body) {
  Floats first[kChains] = {}, second[kChains] = {};
  const auto whole = [](const float* from) SPARSE_JAX_ALWAYS { return load(from); };
  int64_t n = 0;
  for (; n + kChains * kLanes <= count; n += kChains * kLanes)
    SPARSE_JAX_UNROLL for (int i = 0; i < kChains; ++i)
      body(&first[i], &second[i], whole, n + i * kLanes);
  for (; n + kLanes <= count; n += kLanes) body(&first[0], &second[0], whole, n);
  if (const int64_t rest = count - n; rest > 0)
    body(&first[0], &second[0],
         [rest](const float* from) SPARSE_JAX_ALWAYS { return load_part(from, rest); }, n);
  add_chains(first, second, sums);
}

// Sum and sum of squares of a map.
inline Sums moments(const Maps& s, const float* x) {
  Sums sums;
  for (int64_t row = 0; row < s.true_height; ++row)
    add_run(s.run(), &sums, [from = x + row * s.row()](
        Floats* first, Floats* second, auto&& read, int64_t n) SPARSE_JAX_ALWAYS {
      const Floats value = read(from + n);
      *first += value;
      *second += value * value;
    });
  return sums;
}

// Calls body(read, write, offset) for all true pixels of a map; `out` is 0 elsewhere.
template <typename Body>
SPARSE_JAX_INLINE void over_pixels(const Maps& s, float* out, Body&& body) {
  for (int64_t row = 0; row < s.true_height; ++row) {
    const int64_t line = row * s.row();
    over_vectors(s.run(), [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
      body(read, write, line + n);
    });
    std::fill(out + line + s.run(), out + line + s.row(), 0.0f);
  }
  std::fill(out + s.true_height * s.row(), out + s.plane(), 0.0f);
}

// All [maps], or [maps] planes. saved: [2, maps] mean and 1 / deviation of this batch.
struct NormArrays {
  const float *x, *scale, *shift, *mean, *var;
  float *y, *new_mean, *new_var, *saved;
};

inline void normalise(const Maps& s, const Norm& norm, const NormArrays& a) {
  for (int64_t map = 0; map < s.maps; ++map) {
    const bool exists = map < s.true_maps;
    const float* x = a.x + map * s.plane();
    float* y = a.y + map * s.pooled_plane();
    const Sums sums = exists ? moments(s, x) : Sums{};
    const double mean = sums.first / s.count();
    double var = sums.second / s.count() - mean * mean;
    if (var < 0) var = 0;
    const auto deviation = static_cast<float>(1.0 / std::sqrt(var + norm.epsilon));
    const auto own = static_cast<float>(mean);
    a.saved[map] = own;
    a.saved[s.maps + map] = deviation;
    a.new_mean[map] = norm.keep * a.mean[map] + (1 - norm.keep) * own;
    a.new_var[map] =
        norm.keep * a.var[map] + (1 - norm.keep) * static_cast<float>(var);
    if (!exists) {
      std::fill(y, y + s.pooled_plane(), 0.0f);
      continue;
    }
    const float factor = a.scale[map] * deviation;
    const Line line{factor, a.shift[map] - own * factor};
    const auto value = [&](Floats input) SPARSE_JAX_ALWAYS {
      return normalised(input, line, norm.relu);
    };
    if (s.pool > 1)
      max_pool(s, x, y, value);
    else
      over_pixels(s, y, [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
        write(y + n, value(read(x + n)));
      });
  }
}

// gradient: what arrives at y. out: of x; scale_out, shift_out [maps].
struct NormGradientArrays {
  const float *x, *scale, *shift, *saved, *gradient;
  float *out, *scale_out, *shift_out;
};

// Of what arrives at a map's normalised pixels, and of its product with the centred input.
template <typename Arriving>
SPARSE_JAX_INLINE Sums sums_of(const Maps& s, const float* x, float mean,
                               Arriving&& arriving) {
  Sums sums;
  for (int64_t row = 0; row < s.true_height; ++row)
    add_run(s.run(), &sums, [&, begin = row * s.row()](
        Floats* first, Floats* second, auto&& read, int64_t n) SPARSE_JAX_ALWAYS {
      const Floats value = arriving(read, begin + n);
      *first += value;
      *second += value * (read(x + begin + n) - mean);
    });
  return sums;
}

// The same where windows come after the pixels. `out`: what arrives, on the true pixels.
inline Sums pooled_sums(const Maps& s, bool relu, Line line, float mean, const float* x,
                        const float* gradient, float* out) {
  Sums sums;
  const auto value = [=](Floats input) SPARSE_JAX_ALWAYS {
    return normalised(input, line, relu);
  };
  if (s.true_height % s.pool || s.true_width % s.pool)
    std::fill(out, out + s.true_height * s.row(), 0.0f);
  for (int64_t row = 0; row < s.true_height / s.pool; ++row) {
    Floats first[kChains] = {}, second[kChains] = {};
    unpool_row(s, row, x, gradient, out, value,
               [&](int64_t t, Floats input, Floats own) SPARSE_JAX_ALWAYS {
      own = to_line(own, input, line, relu);
      first[t % kChains] += own;
      second[t % kChains] += own * (input - mean);
      return own;
    });
    add_chains(first, second, &sums);
  }
  return sums;
}

inline void normalise_gradient(const Maps& s, const Norm& norm,
                               const NormGradientArrays& a) {
  for (int64_t map = 0; map < s.maps; ++map) {
    const float *x = a.x + map * s.plane(), *gradient = a.gradient + map * s.pooled_plane();
    float* out = a.out + map * s.plane();
    if (map >= s.true_maps) {
      a.scale_out[map] = a.shift_out[map] = 0;
      std::fill(out, out + s.plane(), 0.0f);
      continue;
    }
    const float mean = a.saved[map], deviation = a.saved[s.maps + map];
    const float factor = a.scale[map] * deviation;
    const Line line{factor, a.shift[map] - mean * factor};
    const auto arriving = [&](auto&& read, int64_t n) SPARSE_JAX_ALWAYS {
      if (s.pool > 1) return read(out + n);
      return to_line(read(gradient + n), read(x + n), line, norm.relu);
    };
    const Sums sums = s.pool > 1
        ? pooled_sums(s, norm.relu, line, mean, x, gradient, out)
        : sums_of(s, x, mean, arriving);
    a.shift_out[map] = static_cast<float>(sums.first);
    a.scale_out[map] = static_cast<float>(sums.second * deviation);
    // The centred input comes first: x times a slope would cancel where means are large.
    const auto average = static_cast<float>(sums.first / s.count());
    const auto slope = static_cast<float>(
        sums.second * deviation * deviation / s.count());
    over_pixels(s, out, [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
      const Floats centred = read(x + n) - mean;
      write(out + n, factor * (arriving(read, n) - average - centred * slope));
    });
  }
}

}  // namespace sparse_jax
