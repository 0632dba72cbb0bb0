// Rows of an input, copied side by side as the rows of the output need them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "vectors.h"

namespace sparse_jax {

// Where the rows of a window lie: row i of map c begins at c * plane + rows[i].
struct Lines {
  int64_t plane;
  std::vector<int64_t> rows;
};

// The newest `kernel` rows of every map. Of the layers of small networks they stay in the
// second-level cache; they are not whole pages apart, as in an image they may be, where
// they push each other out.
class Rows {
 public:
  Rows(int64_t kernel, int64_t maps, int64_t row)
      : kernel_(kernel), maps_(maps), row_(row), stride_((row + 15) / 16 * 16 + 16),
        memory_(new float[kernel * maps * stride_ + 16]) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.get());
    data_ = memory_.get() + (-address & 63) / sizeof(float);
  }

  const float* data() const { return data_; }

  // Forget all, for another image.
  void restart() { copied_ = 0; }

  // Takes the rows before `end` of an image [maps, plane] that were not taken yet:
  // make(read, n, soon) is the vector at n; what lies at soon is made with the next row.
  template <typename Make>
  void advance(int64_t plane, int64_t end, Make&& make) {
    for (; copied_ < end; ++copied_) {
      for (int64_t map = 0; map < maps_; ++map) {
        const int64_t from = map * plane + copied_ * row_;
        float* to = data_ + (copied_ % kernel_ * maps_ + map) * stride_;
        over_vectors(row_, [&](auto&& read, auto&& write, int64_t n) SPARSE_JAX_ALWAYS {
          write(to + n, make(read, from + n, from + n + row_));
        });
      }
    }
  }

  // Of the window whose first row is `first`, which may lie before the image.
  void find(int64_t first, Lines* lines) const {
    lines->plane = stride_;
    for (int64_t i = 0; i < kernel_; ++i)
      lines->rows[i] = (first + i + kernel_) % kernel_ * maps_ * stride_;
  }

 private:
  int64_t kernel_, maps_, row_, stride_, copied_ = 0;
  std::unique_ptr<float[]> memory_;
  float* data_;
};

// What rows are made of: an image, its squares, the product of two.
inline auto same(const float* image) {
  return [=](auto&& read, int64_t n, int64_t soon) SPARSE_JAX_ALWAYS {
    __builtin_prefetch(image + soon);
    return read(image + n);
  };
}

inline auto squares(const float* image) {
  return [=](auto&& read, int64_t n, int64_t soon) SPARSE_JAX_ALWAYS {
    __builtin_prefetch(image + soon);
    const Floats value = read(image + n);
    return value * value;
  };
}

inline auto products(const float* image, const float* other) {
  return [=](auto&& read, int64_t n, int64_t soon) SPARSE_JAX_ALWAYS {
    __builtin_prefetch(image + soon);
    __builtin_prefetch(other + soon);
    return read(image + n) * read(other + n);
  };
}

}  // namespace sparse_jax
