// Vectors of the machine's own width by compiler extensions: one source for x86 and ARM.
#pragma once

#include <cstdint>
#include <cstring>

namespace sparse_jax {

// Register tiles, in vectors. A tile of kOutputs maps times kColumns vectors stays in
// registers over all taps: large enough to hide the latency of a multiply-add, small
// enough that operands fit beside it (32 registers with AVX-512 and NEON, else 16).
// A *pair* keeps two tiles, one of means and one of variances.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kOutputs = 8, kColumns = 2, kPairOutputs = 4;
constexpr int kGradientOutputs = 6, kPairGradientOutputs = 4;
#elif defined(__AVX__)
constexpr int kLanes = 8;
constexpr int kOutputs = 6, kColumns = 2, kPairOutputs = 2;
constexpr int kGradientOutputs = 4, kPairGradientOutputs = 2;
#elif defined(__aarch64__)
constexpr int kLanes = 4;
constexpr int kOutputs = 8, kColumns = 2, kPairOutputs = 4;
constexpr int kGradientOutputs = 6, kPairGradientOutputs = 4;
#else
constexpr int kLanes = 4;
constexpr int kOutputs = 4, kColumns = 2, kPairOutputs = 2;
constexpr int kGradientOutputs = 3, kPairGradientOutputs = 2;
#endif
constexpr int kGradientTaps = 3;

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
template <typename Vector, typename T>
SPARSE_JAX_INLINE Vector load_part(const T* from, int64_t count) {
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

// Correctly rounded; the loop becomes one instruction.
SPARSE_JAX_INLINE Floats root(Floats value) {
  float lanes[kLanes];
  store(lanes, value);
  for (int i = 0; i < kLanes; ++i) lanes[i] = __builtin_sqrtf(lanes[i]);
  return load(lanes);
}

}  // namespace sparse_jax
