// Correlation of feature maps with kernels, without copies of shifted windows.
//
// Activations are [maps, height, width, batch]. The batch is innermost, so that a
// kernel's column shifts a row by `batch` whole elements: a row of the output is one
// contiguous run of width * batch numbers, and every tap adds weight * (a run of an
// input row). All taps of a few output maps are added up in registers before anything
// is written. The order of the sum is that of the taps, whatever the batch, the padding
// and the width of the vectors are.
#pragma once

#include <algorithm>
#include <vector>

#include "noise.h"
#include "rows.h"
#include "vectors.h"

namespace sparse_jax {

// Sizes of a correlation with `groups` independent groups of maps. `pad` rows and columns
// of zeros before the input, and as many behind it as the output needs, are implied and
// never read.
struct Sizes {
  int64_t groups, outputs, inputs, kernel, pad;  // outputs, inputs: of one group
  int64_t height, width, out_height, out_width, batch;
  int64_t row() const { return width * batch; }
  int64_t plane() const { return height * row(); }
  int64_t out_row() const { return out_width * batch; }
  int64_t out_plane() const { return out_height * out_row(); }
  int64_t taps() const { return inputs * kernel * kernel; }
  // Of the rows of a window in the input itself.
  Lines lines() const {
    Lines found{plane(), std::vector<int64_t>(kernel)};
    for (int64_t i = 0; i < kernel; ++i) found.rows[i] = i * row();
    return found;
  }
};

enum class Mode {
  kPlain,            // out = w * x
  kPlainBackward,    // the same with a turned kernel: the gradient of kPlain
  kSquares,          // out = a draw around w * x with variance v * x^2,
                     // slope_out = d out / d variance
  kSquaresBackward,  // out = w * x + 2 * centre * (v * (x * slope)) with turned kernels
  kPass,             // out = w * x, x in the cache: a pass of one of the two above
  kPassAround        // out = w * x + 2 * centre * out, x in the cache
};

template <Mode mode>
constexpr bool pair = mode == Mode::kSquares || mode == Mode::kSquaresBackward;
template <Mode mode>
constexpr bool around = mode == Mode::kSquaresBackward || mode == Mode::kPassAround;
template <Mode mode>
constexpr bool cached = mode == Mode::kPass || mode == Mode::kPassAround;
template <Mode mode>
constexpr bool backward = mode == Mode::kPlainBackward || mode == Mode::kSquaresBackward;

// Arrays of one correlation; those that the mode does not use are null. slope: what
// kSquares wrote; share: rows of x * slope, what of x reaches the variances.
struct Arrays {
  const float *x, *slope, *centre;
  const float *kernel, *second;
  float *out, *slope_out;
  const Noise* noise;
  const float* share;
};

// Taps that meet the image: rows [row0, row1) and columns [col0, col1) of the kernel.
struct Window {
  int64_t row0, row1, col0, col1;
};

inline void clip(int64_t at, int64_t size, const Sizes& s, int64_t* begin, int64_t* end) {
  *begin = std::max<int64_t>(0, s.pad - at);
  *end = std::max(*begin, std::min(s.kernel, size + s.pad - at));
}

// What one tile reads and writes, as offsets.
struct Place {
  int64_t group, output, row, n, count;  // count: lanes in use, of the last vector
  Window window;
  int64_t origin;      // of the window's rows in x
  const Lines* lines;  // from there, of rows that are copies or shares
};

template <Mode mode, int OB>
constexpr int kWeights = pair<mode> ? 2 * OB : OB;

// Vectors of a row at a time: what OB maps leave room for, and loops are unrolled to.
template <Mode mode, int OB>
constexpr int kColumns = std::min(16, std::max(2, (pair<mode> ? kPairTile : kTile) / OB));

// Adds one tap of a tile. The shorter side of the tile has its operands in registers, the
// other one's pass by. x(v), share(v): a vector of the inputs.
template <Mode mode, int OB, int NV, typename Input, typename Share>
SPARSE_JAX_INLINE void multiply(const float* w, Input&& x, Share&& share,
                                Floats (&mean)[OB][NV], Floats (&spread)[OB][NV]) {
  const auto second_of = [&](int v, Floats value) SPARSE_JAX_ALWAYS {
    if constexpr (mode == Mode::kSquares) return value * value;
    if constexpr (mode == Mode::kSquaresBackward) return keep(share(v));
    return value;
  };
  const auto add = [&](int o, int v, Floats value, Floats second) SPARSE_JAX_ALWAYS {
    mean[o][v] = add_product(mean[o][v], all(w[o]), value);
    if constexpr (pair<mode>)
      spread[o][v] = add_product(spread[o][v], all(w[OB + o]), second);
  };
  if constexpr (OB < NV) {
    SPARSE_JAX_UNROLL for (int v = 0; v < NV; ++v) {
      const Floats value = keep(x(v)), second = second_of(v, value);
      SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o) add(o, v, value, second);
    }
  } else {
    Floats value[NV], second[NV];
    SPARSE_JAX_UNROLL for (int v = 0; v < NV; ++v) {
      value[v] = keep(x(v));
      second[v] = second_of(v, value[v]);
    }
    SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o)
      SPARSE_JAX_UNROLL for (int v = 0; v < NV; ++v) add(o, v, value[v], second[v]);
  }
}

// OB output maps x NV vectors of one row, all taps.
template <Mode mode, int OB, int NV, bool partial>
SPARSE_JAX_INLINE void tile(
    const Sizes& s, const Arrays& a, const float* weights, const Place& at) {
  const auto read = [&](const float* from) SPARSE_JAX_ALWAYS {
    return partial ? load_part(from, at.count) : load(from);
  };
  Floats mean[OB][NV] = {}, spread[OB][NV] = {};
  const int64_t origin = at.origin + at.n - s.pad * s.batch;
  const int64_t plane = cached<mode> ? at.lines->plane : s.plane();
  const int64_t* rows = cached<mode> ? at.lines->rows.data() : nullptr;
  const int64_t first = at.group * s.outputs + at.output;
  const int64_t written = first * s.out_plane() + at.row * s.out_row() + at.n;
  if (around<mode>)
    SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o)
      SPARSE_JAX_UNROLL for (int v = 0; v < NV; ++v)
        __builtin_prefetch(a.centre + written + o * s.out_plane() + v * kLanes);
  for (int64_t c = 0; c < s.inputs; ++c) {
    // What the next row of outputs reads: with many maps the machine does not guess it.
    const int64_t ahead = origin + c * plane + at.window.row1 * s.row();
    SPARSE_JAX_UNROLL for (int v = 0; v < NV && !cached<mode>; ++v)
      __builtin_prefetch(a.x + ahead + v * kLanes);
    for (int64_t i = at.window.row0; i < at.window.row1; ++i) {
      // Rows of the image are known: a table of them costs plain layers a tenth.
      const int64_t line = origin + c * plane + (cached<mode> ? rows[i] : i * s.row());
      const int64_t shared = mode != Mode::kSquaresBackward ? 0 :
          at.n - s.pad * s.batch + c * at.lines->plane + at.lines->rows[i];
      const float* w = weights + ((c * s.kernel + i) * s.kernel + at.window.col0) *
                                     kWeights<mode, OB>;
      for (int64_t j = at.window.col0; j < at.window.col1; ++j) {
        const int64_t offset = line + j * s.batch;
        multiply<mode, OB, NV>(
            w, [&](int v) SPARSE_JAX_ALWAYS { return read(a.x + offset + v * kLanes); },
            [&](int v) SPARSE_JAX_ALWAYS {
              return read(a.share + shared + j * s.batch + v * kLanes);
            },
            mean, spread);
        w += kWeights<mode, OB>;
      }
    }
  }
  const auto write = [&](float* to, Floats value) SPARSE_JAX_ALWAYS {
    partial ? store_part(to, value, at.count) : store(to, value);
  };
  SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o) {
    SPARSE_JAX_UNROLL for (int v = 0; v < NV; ++v) {
      const int64_t offset = written + o * s.out_plane() + v * kLanes;
      if constexpr (mode == Mode::kPassAround) {
        const Floats centre = read(a.centre + offset), sum = read(a.out + offset);
        write(a.out + offset, mean[o][v] + 2.0f * centre * sum);
      } else if constexpr (!pair<mode>) {
        write(a.out + offset, mean[o][v]);
      } else if constexpr (mode == Mode::kSquaresBackward) {
        const Floats centre = read(a.centre + offset);
        write(a.out + offset, mean[o][v] + 2.0f * centre * spread[o][v]);
      } else {
        write(a.out + offset, mean[o][v]);
        write(a.slope_out + offset, spread[o][v]);
      }
    }
  }
}

// Turns the means in `out` and the variances in `slope` into draws and their slopes: maps
// [at.output, at.output + maps), elements [at.n, end) of a row. Apart from the tiles, whose
// registers are full of sums.
inline void add_noise(const Sizes& s, const Arrays& a, const Place& at, int64_t maps,
                      int64_t end) {
  const Noise noise = *a.noise;
  for (int64_t o = 0; o < maps; ++o) {
    const int64_t map = at.group * s.outputs + at.output + o;
    const int64_t line = map * s.out_plane() + at.row * s.out_row() + at.n;
    const uint32_t first = static_cast<uint32_t>(map) * noise.map_stride +
                           static_cast<uint32_t>(at.row) * noise.row_stride;
    const uint32_t seed = first * kIndexFactor + noise.seeds[map];
    const uint32_t other = noise.seeds[noise.maps + map];
    over_vectors(end - at.n, [=](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
      float *value = a.out + line + n, *slope = a.slope_out + line + n;
      const Words hashed = read(noise.columns + at.n + n);
      const Floats draw = noise.scale * fast_normal(hashed, seed, other);
      const Floats deviation = root(read(slope) + noise.epsilon);
      write(value, read(value) + draw * deviation);
      write(slope, 0.5f * draw / deviation);
    });
  }
}

// Blocks of outputs: as few as fit in registers, as even as possible.
inline int64_t block_size(int64_t outputs, int64_t most) {
  const int64_t blocks = (outputs + most - 1) / most;
  return (outputs + blocks - 1) / blocks;
}

// Elements of a run at a time: noise finds the sums in the first-level cache.
constexpr int64_t kChunk = 512;

// Elements [at.n, end) of one row for a block of outputs.
template <Mode mode, int OB>
void chunk(const Sizes& s, const Arrays& a, const float* weights, Place at, int64_t end) {
  constexpr int wide = kColumns<mode, OB>;
  const int64_t begin = at.n;
  at.count = kLanes;
  for (; at.n + wide * kLanes <= end; at.n += wide * kLanes)
    tile<mode, OB, wide, false>(s, a, weights, at);
  // Columns at the edges are runs of a batch alone.
  if (wide >= 8)
    for (; at.n + wide / 2 * kLanes <= end; at.n += wide / 2 * kLanes)
      tile<mode, OB, std::max(2, wide / 2), false>(s, a, weights, at);
  if (wide > 2)
    for (; at.n + 2 * kLanes <= end; at.n += 2 * kLanes)
      tile<mode, OB, 2, false>(s, a, weights, at);
  for (; at.n + kLanes <= end; at.n += kLanes)
    tile<mode, OB, 1, false>(s, a, weights, at);
  if (at.n == end) return;
  if (end - begin >= kLanes && mode != Mode::kPassAround) {
    // The last whole vector once more, shifted: the same sums, written twice.
    at.n = end - kLanes;
    tile<mode, OB, 1, false>(s, a, weights, at);
  } else {
    at.count = end - at.n;
    tile<mode, OB, 1, true>(s, a, weights, at);
  }
}

// A run [at.n, end) of one row for a block of outputs.
template <Mode mode, int OB>
void run(const Sizes& s, const Arrays& a, const float* weights, Place at, int64_t end) {
  if (mode != Mode::kSquares) return chunk<mode, OB>(s, a, weights, at, end);
  for (int64_t next; at.n < end; at.n = next) {
    next = end - at.n < 2 * kChunk ? end : at.n + kChunk;
    chunk<mode, OB>(s, a, weights, at, next);
    add_noise(s, a, at, OB, next);
  }
}

// Calls run<mode, size> for a size known at run time.
template <Mode mode, int OB>
void dispatch(int64_t size, const Sizes& s, const Arrays& a, const float* weights,
              const Place& at, int64_t end) {
  if constexpr (OB > 0) {
    if (size == OB) return run<mode, OB>(s, a, weights, at, end);
    dispatch<mode, OB - 1>(size, s, a, weights, at, end);
  }
}

// One weight of a kernel [groups * outputs, inputs, k, k]; of the gradient to the input,
// which swaps outputs and inputs and turns the window, the kernel is that of the forward
// product, [groups * inputs, outputs, k, k].
template <Mode mode>
SPARSE_JAX_INLINE float weight(const Sizes& s, const float* kernel, int64_t group, int64_t o,
                               int64_t tap) {
  if (!backward<mode>) return kernel[(group * s.outputs + o) * s.taps() + tap];
  const int64_t area = s.kernel * s.kernel, input = group * s.inputs + tap / area;
  return kernel[(input * s.outputs + o) * area + area - 1 - tap % area];
}

// Kernels -> [block of outputs][tap][output of block], means and variances of a block side
// by side: one run of memory per tile.
template <Mode mode>
std::vector<float> pack(const Sizes& s, const Arrays& a, int64_t block) {
  std::vector<float> packed(s.groups * s.outputs * s.taps() * (pair<mode> ? 2 : 1));
  float* to = packed.data();
  for (int64_t group = 0; group < s.groups; ++group) {
    for (int64_t o = 0; o < s.outputs; o += block) {
      const int64_t end = std::min(o + block, s.outputs);
      for (int64_t tap = 0; tap < s.taps(); ++tap) {
        for (int64_t i = o; i < end; ++i) *to++ = weight<mode>(s, a.kernel, group, i, tap);
        if (!pair<mode>) continue;
        for (int64_t i = o; i < end; ++i) *to++ = weight<mode>(s, a.second, group, i, tap);
      }
    }
  }
  return packed;
}

// Copies of rows pay by every output and every row of a window that reads them.
inline int64_t fewest_outputs(const Sizes& s) { return s.kernel > 1 ? 3 : 8; }

// Calls body(at, end) for the runs of columns of a row that meet the same taps.
template <typename Body>
void over_runs(const Sizes& s, Place at, Body&& body) {
  clip(at.row, s.height, s, &at.window.row0, &at.window.row1);
  for (int64_t column = 0, next; column < s.out_width; column = next) {
    clip(column, s.width, s, &at.window.col0, &at.window.col1);
    Window other = at.window;
    for (next = column + 1; next < s.out_width; ++next) {
      clip(next, s.width, s, &other.col0, &other.col1);
      if (other.col0 != at.window.col0 || other.col1 != at.window.col1) break;
    }
    at.n = column * s.batch;
    body(at, next * s.batch);
  }
}

// Elements [at.n, end) of a row of all outputs of a group, a block of them at a time.
template <Mode mode>
void over_blocks(const Sizes& s, const Arrays& a, const float* packed, int64_t block,
                 Place at, int64_t end) {
  constexpr int most = pair<mode> ? kPairOutputs : kOutputs;
  const int64_t per_map = s.taps() * (pair<mode> ? 2 : 1);
  for (at.output = 0; at.output < s.outputs; at.output += block) {
    const int64_t first = at.group * s.outputs + at.output;
    dispatch<mode, most>(std::min(block, s.outputs - at.output), s, a,
                         packed + first * per_map, at, end);
  }
}

template <Mode mode>
void correlate(const Sizes& s, Arrays a) {
  constexpr bool shares = mode == Mode::kSquaresBackward;
  const int64_t block = block_size(s.outputs, pair<mode> ? kPairOutputs : kOutputs);
  const std::vector<float> packed = pack<mode>(s, a, block);
  Rows share(shares ? s.kernel : 0, s.inputs, s.row());
  Lines lines{0, std::vector<int64_t>(s.kernel)};
  a.share = share.data();
  Place at{};
  at.lines = &lines;
  for (at.group = 0; at.group < s.groups; ++at.group) {
    const int64_t image = at.group * s.inputs * s.plane();
    share.restart();
    for (at.row = 0; at.row < s.out_height; ++at.row) {
      if (shares) {
        share.advance(s.plane(), std::min(s.height, at.row - s.pad + s.kernel),
                      products(a.x + image, a.slope + image));
        share.find(at.row - s.pad, &lines);
      }
      at.origin = at.group * s.inputs * s.plane() + (at.row - s.pad) * s.row();
      over_runs(s, at, [&](const Place& from, int64_t end) {
        over_blocks<mode>(s, a, packed.data(), block, from, end);
      });
    }
  }
}

}  // namespace sparse_jax
