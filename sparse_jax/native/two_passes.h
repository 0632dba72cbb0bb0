// Noisy correlations in two passes: the products of the variances, then those of the means.
//
// Two sums per output leave 16 registers with tiles so small that every weight is read
// again for two vectors. One sum at a time has room for the tiles of plain products. A
// pass takes a piece of a row, whose sums are still in the first-level cache when the
// next pass adds to them. Every number is summed in the same order as in one pass.
#pragma once

#include "correlate.h"

namespace sparse_jax {

// Below so many taps there is too little to multiply for what copies of the rows cost.
constexpr int64_t kFewestTaps = 32;
// Elements of a run at a time.
constexpr int64_t kStretch = 96;

template <Mode mode>
void two_passes(const Sizes& s, const Arrays& a) {
  constexpr bool back = mode == Mode::kSquaresBackward;
  constexpr Mode order = back ? Mode::kPlainBackward : Mode::kPlain;
  const int64_t block = block_size(s.outputs, kOutputs);
  Arrays means = a, spreads = a;
  spreads.kernel = a.second;
  spreads.out = back ? a.out : a.slope_out;
  const std::vector<float> own = pack<order>(s, means, block);
  const std::vector<float> other = pack<order>(s, spreads, block);
  Rows x(s.kernel, s.inputs, s.row()), second(s.kernel, s.inputs, s.row());
  means.x = x.data();
  spreads.x = second.data();
  Lines lines{0, std::vector<int64_t>(s.kernel)};
  const auto pieces = [&](Place at, int64_t end) {
    for (int64_t next; at.n < end; at.n = next) {
      next = end - at.n < 2 * kStretch ? end : at.n + kStretch;
      over_blocks<Mode::kPass>(s, spreads, other.data(), block, at, next);
      over_blocks<back ? Mode::kPassAround : Mode::kPass>(
          s, means, own.data(), block, at, next);
      at.output = 0;
      if constexpr (!back) add_noise(s, a, at, s.outputs, next);
    }
  };
  Place at{};
  at.lines = &lines;
  for (at.group = 0; at.group < s.groups; ++at.group) {
    const int64_t image = at.group * s.inputs * s.plane();
    x.restart();
    second.restart();
    for (at.row = 0; at.row < s.out_height; ++at.row) {
      const int64_t end = std::min(s.height, at.row - s.pad + s.kernel);
      x.advance(s.plane(), end, same(a.x + image));
      if (back) second.advance(s.plane(), end, products(a.x + image, a.slope + image));
      if (!back) second.advance(s.plane(), end, squares(a.x + image));
      x.find(at.row - s.pad, &lines);
      over_runs(s, at, pieces);
    }
  }
}

// `correlate` of a pair in the way that is faster here.
template <Mode mode>
void correlate_pair(const Sizes& s, const Arrays& a) {
  if constexpr (kTwoPasses)
    if (s.taps() >= kFewestTaps && s.outputs >= fewest_outputs(s))
      return two_passes<mode>(s, a);
  correlate<mode>(s, a);
}

}  // namespace sparse_jax
