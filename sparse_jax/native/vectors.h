// Vectors of the machine's own width by compiler extensions: one source for x86 and ARM.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace sparse_jax {

// Register tiles. Up to kOutputs maps at a time, times as many vectors of a row as kTile
// sums have room for: enough to hide the latency of a multiply-add, few enough that
// operands fit beside them (32 registers with AVX-512 and NEON, else 16). Tiles of a
// gradient are maps times taps. A *pair* keeps two tiles, of means and of variances; where
// there are 16 registers it is better taken in two passes, of a whole tile each.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kOutputs = 8, kTile = 24;
constexpr int kPairOutputs = 4, kPairTile = 12;
constexpr int kGradientOutputs = 8, kGradientTile = 24;
constexpr int kPairGradientOutputs = 4, kPairGradientTile = 12;
constexpr bool kTwoPasses = false;
#elif defined(__AVX__)
constexpr int kOutputs = 6, kTile = 12;
constexpr int kPairOutputs = 2, kPairTile = 4;
constexpr int kGradientOutputs = 4, kGradientTile = 12;
constexpr int kPairGradientOutputs = 2, kPairGradientTile = 4;
constexpr bool kTwoPasses = true;
#else
constexpr int kOutputs = 4, kTile = 8;
constexpr int kPairOutputs = 2, kPairTile = 4;
constexpr int kGradientOutputs = 3, kGradientTile = 9;
constexpr int kPairGradientOutputs = 2, kPairGradientTile = 4;
constexpr bool kTwoPasses = true;
#endif
constexpr int kMostTaps = 12;

typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes)));

#define SPARSE_JAX_INLINE inline __attribute__((always_inline))
#define SPARSE_JAX_ALWAYS __attribute__((always_inline))
#define SPARSE_JAX_UNROLL _Pragma("GCC unroll 16")

SPARSE_JAX_INLINE Floats load(const float* from) {
  Floats value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

SPARSE_JAX_INLINE Words load(const uint32_t* from) {
  Words value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// The first `count` lanes, the others 0; reads nothing beyond them.
template <typename T>
SPARSE_JAX_INLINE auto load_part(const T* from, int64_t count) {
  T lanes[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  return load(lanes);
}

SPARSE_JAX_INLINE void store(float* to, Floats value) {
  std::memcpy(to, &value, sizeof value);
}

SPARSE_JAX_INLINE void store_part(float* to, Floats value, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = value[i];
}

// Correctly rounded on every machine. A loop over lanes would pass through memory.
SPARSE_JAX_INLINE Floats root(Floats value) {
#if defined(__AVX512F__)
  return (Floats)_mm512_sqrt_ps((__m512)value);
#elif defined(__AVX__)
  return (Floats)_mm256_sqrt_ps((__m256)value);
#elif defined(__aarch64__)
  return (Floats)vsqrtq_f32((float32x4_t)value);
#else
  for (int i = 0; i < kLanes; ++i) value[i] = __builtin_sqrtf(value[i]);
  return value;
#endif
}

// sum + a * b, rounded once where the machine can: a compiler that chose would round one
// tile's sums in another way than the next one's.
SPARSE_JAX_INLINE Floats add_product(Floats sum, Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif defined(__FMA__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#elif defined(__aarch64__)
  return (Floats)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
#else
  return sum + a * b;
#endif
}

// All lanes the same.
SPARSE_JAX_INLINE Floats all(float value) { return value - Floats{}; }

// A vector that was loaded, kept in its register: a compiler that reads it from memory in
// every multiply-add instead has no register for the other factor. By value: as an element
// of an array it would be written to memory and read again.
SPARSE_JAX_INLINE Floats keep(Floats value) {
#if defined(__AVX512F__)
  asm("" : "+v"(value));
#elif defined(__AVX__)
  asm("" : "+x"(value));
#elif defined(__aarch64__)
  asm("" : "+w"(value));
#endif
  return value;
}

// Number of set bits: by one instruction where there is one, by a table of half bytes
// where there are byte shuffles, else by halves, quarters and so on.
SPARSE_JAX_INLINE Words count_bits(Words x) {
#if defined(__AVX512VPOPCNTDQ__)
  return (Words)_mm512_popcnt_epi32((__m512i)x);
#elif defined(__aarch64__)
  return (Words)vpaddlq_u16(vpaddlq_u8(vcntq_u8((uint8x16_t)x)));
#elif defined(__AVX2__) && !defined(__AVX512F__)
  const __m256i table = _mm256_setr_epi8(
      0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
      0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = (__m256i)(x & 0x0F0F0F0Fu), high = (__m256i)((x >> 4) & 0x0F0F0F0Fu);
  const __m256i bytes = _mm256_add_epi8(
      _mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high));
  const __m256i pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1));
  return (Words)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#else
  x = x - ((x >> 1) & 0x55555555u);
  x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
  x = (x + (x >> 4)) & 0x0F0F0F0Fu;
  return (x * 0x01010101u) >> 24;
#endif
}

// Calls body(read, write, n) for the vectors of [0, count), the last one in part.
template <typename Body>
SPARSE_JAX_INLINE void over_vectors(int64_t count, Body&& body) {
  int64_t n = 0;
  for (; n + kLanes <= count; n += kLanes)
    body([](const auto* from) SPARSE_JAX_ALWAYS { return load(from); },
         [](float* to, Floats value) SPARSE_JAX_ALWAYS { store(to, value); }, n);
  if (const int64_t rest = count - n; rest > 0)
    body([rest](const auto* from) SPARSE_JAX_ALWAYS { return load_part(from, rest); },
         [rest](float* to, Floats value) SPARSE_JAX_ALWAYS { store_part(to, value, rest); },
         n);
}

}  // namespace sparse_jax
