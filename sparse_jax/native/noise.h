// The noise of sparse_jax.counter_noise.fast_normal, bit for bit.
#pragma once

#include "vectors.h"

namespace sparse_jax {

constexpr uint32_t kIndexFactor = 0x9E3779B9u;

// index: a number times kIndexFactor, which callers find once for many calls.
SPARSE_JAX_INLINE Words hash_bits(Words index, uint32_t first, uint32_t second) {
  Words x = index + first;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) + second;
  x = (x ^ (x >> 16)) * 0x846CA68Bu;
  return x ^ (x >> 16);
}

// Counts and 24-bit words fit a signed conversion, which every machine has.
SPARSE_JAX_INLINE Floats to_floats(Words x) {
  typedef int32_t Integers __attribute__((vector_size(4 * kLanes)));
  return __builtin_convertvector((Integers)x, Floats);
}

SPARSE_JAX_INLINE Floats fast_normal(Words index, uint32_t first, uint32_t second) {
  const Words word = hash_bits(index, first, second);
  const Words rest = (word * 0xC2B2AE35u) ^ (word >> 7);
  const Floats smooth = to_floats(rest >> 8) * 0x1p-24f;
  constexpr float kScale = 0x1.682aecp-2f;  // 1 / sqrt(8 + 1 / 12)
  return (to_floats(count_bits(word)) + smooth - 16.5f) * kScale;
}

// Noise of one layer: element (map, row, n) of the output has the number
// map * map_stride + row * row_stride + column under the seed of its map; columns[n] is
// its column times kIndexFactor.
struct Noise {
  const uint32_t* seeds;  // [2, maps]
  int64_t maps;
  uint32_t map_stride, row_stride;
  const uint32_t* columns;  // [output width * batch]
  float scale, epsilon;
};

}  // namespace sparse_jax
