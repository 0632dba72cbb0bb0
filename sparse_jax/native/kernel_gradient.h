// Gradient of a correlation without padding with respect to its kernels.
//
// Every weight's gradient is an inner product of an output map with a shifted input map.
// A tile of a few outputs and taps keeps its partial sums, one per lane, in registers
// over a piece of a row; pieces are added up in memory. Of a pair, where there are 16
// registers, the means' weights take a piece before the variances' do, each with a tile of
// its own; the squares of the input's rows are then computed once, aside.
#pragma once

#include "correlate.h"

namespace sparse_jax {

// gradient: what arrives at the outputs; times slope, of a pair, what reaches the
// variances. kernel and second are written.
struct GradientArrays {
  const float *x, *gradient, *slope;
  float *kernel, *second;
};

// Elements of a row at a time: outputs of a tile stay in the first-level cache while all
// taps pass.
constexpr int64_t kPiece = 512;

// Operands of one tile over one piece.
struct Piece {
  const float *gradient, *share;
  const float* x[kMostTaps];
  const float *arriving, *slope;  // where both come from: what is read a row later
  const float* soon[3];
  int64_t count, stride;            // stride: from one output's gradient to the next one's
};

// Whose sums a tile keeps: of the means' weights, of the variances', of both.
enum class Kept { kMeans, kSpreads, kBoth };

// Taps at a time: what OB outputs leave room for.
template <bool pair, int OB>
constexpr int kTaps = std::min(kMostTaps, (pair ? kPairGradientTile : kGradientTile) / OB);

// Adds one vector of a piece to a tile. The shorter side of the tile has its operands in
// registers, the other one's pass by. gradient(o), share(o), x(t): a vector of each.
template <bool pair, int OB, int TB, typename Gradient, typename Share, typename Input>
SPARSE_JAX_INLINE void multiply(Gradient&& gradient, Share&& share, Input&& x,
                                Floats (&mean)[OB][TB], Floats (&spread)[OB][TB]) {
  const auto second_of = [&](int o, Floats d) SPARSE_JAX_ALWAYS {
    return pair ? keep(share(o)) : d;
  };
  const auto add = [&](int o, int t, Floats d, Floats e, Floats value,
                       Floats square) SPARSE_JAX_ALWAYS {
    mean[o][t] = add_product(mean[o][t], d, value);
    if (pair) spread[o][t] = add_product(spread[o][t], e, square);
  };
  if constexpr (OB < TB) {
    Floats d[OB], e[OB];
    SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o) {
      d[o] = keep(gradient(o));
      e[o] = second_of(o, d[o]);
    }
    SPARSE_JAX_UNROLL for (int t = 0; t < TB; ++t) {
      // Read once: from memory.
      const Floats value = OB == 1 && !pair ? x(t) : keep(x(t)), square = value * value;
      SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o) add(o, t, d[o], e[o], value, square);
    }
  } else {
    Floats value[TB], square[TB];
    SPARSE_JAX_UNROLL for (int t = 0; t < TB; ++t) {
      value[t] = keep(x(t));
      square[t] = value[t] * value[t];
    }
    SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o) {
      const Floats d = keep(gradient(o)), e = second_of(o, d);
      SPARSE_JAX_UNROLL for (int t = 0; t < TB; ++t) add(o, t, d, e, value[t], square[t]);
    }
  }
}

// sums: [OB][sums_stride vectors], at the tile's first tap; of variances behind means.
template <bool pair, int OB, int TB>
void accumulate(const Piece& p, float* sums, int64_t sums_stride, int64_t second) {
  Floats mean[OB][TB] = {}, spread[OB][TB] = {};
  over_vectors(p.count, [&](auto&& read, auto&&, int64_t n) SPARSE_JAX_ALWAYS {
    SPARSE_JAX_UNROLL for (int i = 0; i < 2 + pair; ++i) __builtin_prefetch(p.soon[i] + n);
    multiply<pair, OB, TB>(
        [&](int o) SPARSE_JAX_ALWAYS { return read(p.gradient + o * p.stride + n); },
        [&](int o) SPARSE_JAX_ALWAYS { return read(p.share + o * kPiece + n); },
        [&](int t) SPARSE_JAX_ALWAYS { return read(p.x[t] + n); }, mean, spread);
  });
  SPARSE_JAX_UNROLL for (int o = 0; o < OB; ++o) {
    SPARSE_JAX_UNROLL for (int t = 0; t < TB; ++t) {
      float* to = sums + (o * sums_stride + t) * kLanes;
      store(to, load(to) + mean[o][t]);
      if (pair) store(to + second, load(to + second) + spread[o][t]);
    }
  }
}

// Calls accumulate<pair, OB, count> for a count known at run time.
template <bool pair, int OB, int TB>
void over_count(int64_t count, const Piece& p, float* to, int64_t taps, int64_t second) {
  if constexpr (TB > 0) {
    if (count == TB) return accumulate<pair, OB, TB>(p, to, taps, second);
    over_count<pair, OB, TB - 1>(count, p, to, taps, second);
  }
}

// x: the first row of the piece's window; lines: where its rows are from there.
template <bool pair, int OB>
void over_taps(const Sizes& s, Piece p, const float* x, const Lines& lines, float* sums,
               int64_t second) {
  const int64_t taps = s.taps(), area = s.kernel * s.kernel;
  constexpr int most = kTaps<pair, OB>;
  const int64_t block = block_size(taps, most);
  int64_t output = 0;
  for (int64_t tap = 0; tap < taps; tap += block) {
    const int64_t count = std::min(block, taps - tap);
    for (int64_t t = 0; t < count; ++t) {
      const int64_t channel = (tap + t) / area, inside = (tap + t) % area;
      p.x[t] = x + channel * lines.plane + lines.rows[inside / s.kernel] +
               inside % s.kernel * s.batch;
    }
    // One line of each array per tile: with many maps the machine does not guess them.
    const int64_t next = output * s.out_plane() + s.out_row();
    output = output + 1 < OB ? output + 1 : 0;
    p.soon[0] = p.x[0] + s.row();
    p.soon[1] = p.arriving + next;
    if (pair) p.soon[2] = p.slope + next;
    float* to = sums + tap * kLanes;
    over_count<pair, OB, most>(count, p, to, taps, second);
  }
}

template <bool pair, int OB>
void dispatch_gradient(int64_t size, const Sizes& s, const Piece& p, const float* x,
                       const Lines& lines, float* sums, int64_t second) {
  if constexpr (OB > 0) {
    if (size == OB) return over_taps<pair, OB>(s, p, x, lines, sums, second);
    dispatch_gradient<pair, OB - 1>(size, s, p, x, lines, sums, second);
  }
}

// What reaches the variances: shares [outputs][kPiece] of a piece.
inline void share(const Piece& p, int64_t outputs, int64_t plane, float* shares) {
  for (int64_t o = 0; o < outputs; ++o)
    over_vectors(p.count, [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
      const int64_t from = o * plane + n;
      write(shares + o * kPiece + n, read(p.arriving + from) * read(p.slope + from));
    });
}

// One piece, elements [n, n + kPiece) of a row of the outputs' gradients, of all outputs.
template <Kept kept>
void over_outputs(const Sizes& s, const GradientArrays& a, int64_t group, int64_t row,
                  int64_t n, const Lines& lines, std::vector<float>* sums) {
  constexpr bool pair = kept == Kept::kBoth;
  constexpr int most = pair ? kPairGradientOutputs : kGradientOutputs;
  alignas(64) float shares[kept == Kept::kMeans ? 1 : most * kPiece];
  const int64_t block = block_size(s.outputs, most);
  for (int64_t o = 0; o < s.outputs; o += block) {
    const int64_t map = group * s.outputs + o, outputs = std::min(block, s.outputs - o);
    const int64_t offset = map * s.out_plane() + row * s.out_row() + n;
    const float* arriving = a.gradient + offset;
    Piece piece{arriving, shares, {}, arriving, nullptr, {},
                std::min(kPiece, s.out_row() - n), s.out_plane()};
    if (kept != Kept::kMeans) {
      piece.slope = a.slope + offset;
      share(piece, outputs, s.out_plane(), shares);
    }
    if (kept == Kept::kSpreads) {
      piece.gradient = shares;
      piece.arriving = piece.slope;
      piece.stride = kPiece;
    }
    dispatch_gradient<pair, most>(
        outputs, s, piece, a.x + n, lines, sums->data() + map * s.taps() * kLanes,
        s.groups * s.outputs * s.taps() * kLanes);
  }
}

// Sum of the lanes of every weight.
inline void reduce(const std::vector<float>& sums, int64_t begin, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) {
    float total = 0;
    for (int lane = 0; lane < kLanes; ++lane) total += sums[(begin + i) * kLanes + lane];
    to[i] = total;
  }
}

// The input with the zeros behind it that the output needs, in `copy` if it needs any.
inline Sizes with_zeros(const Sizes& s, const float** x, std::vector<float>* copy) {
  Sizes wide = s;
  wide.height = s.out_height + s.kernel - 1;
  wide.width = s.out_width + s.kernel - 1;
  if (wide.height == s.height && wide.width == s.width) return s;
  const int64_t maps = s.groups * s.inputs;
  copy->resize(maps * wide.plane());
  for (int64_t map = 0; map < maps; ++map)
    for (int64_t row = 0; row < s.height; ++row)
      std::copy_n(*x + map * s.plane() + row * s.row(), s.row(),
                  copy->data() + map * wide.plane() + row * wide.row());
  *x = copy->data();
  return wide;
}

// apart: of a pair, in two passes.
template <bool pair, bool apart>
void add_gradients(const Sizes& narrow, GradientArrays a) {
  std::vector<float> copy;
  const Sizes s = with_zeros(narrow, &a.x, &copy);
  const int64_t weights = s.groups * s.outputs * s.taps();
  std::vector<float> sums(weights * kLanes * (pair && !apart ? 2 : 1));
  std::vector<float> spreads(apart ? weights * kLanes : 0);
  Rows second(apart ? s.kernel : 0, s.inputs, s.row());
  const Lines lines = s.lines();
  Lines beside = lines;
  for (int64_t group = 0; group < s.groups; ++group) {
    const float* image = a.x + group * s.inputs * s.plane();
    second.restart();
    for (int64_t row = 0; row < s.out_height; ++row) {
      GradientArrays means = a, variances = a;
      means.x = image + row * s.row();
      variances.x = second.data();
      if (apart) second.advance(s.plane(), row + s.kernel, squares(image));
      if (apart) second.find(row, &beside);
      for (int64_t n = 0; n < s.out_row(); n += kPiece) {
        over_outputs<pair && !apart ? Kept::kBoth : Kept::kMeans>(
            s, means, group, row, n, lines, &sums);
        if (apart)
          over_outputs<Kept::kSpreads>(s, variances, group, row, n, beside, &spreads);
      }
    }
  }
  reduce(sums, 0, weights, a.kernel);
  if (apart) reduce(spreads, 0, weights, a.second);
  if (pair && !apart) reduce(sums, weights, weights, a.second);
}

template <bool pair>
void kernel_gradient(const Sizes& s, const GradientArrays& a) {
  if constexpr (pair && kTwoPasses)
    if (s.outputs >= fewest_outputs(s)) return add_gradients<true, true>(s, a);
  add_gradients<pair, false>(s, a);
}

}  // namespace sparse_jax
