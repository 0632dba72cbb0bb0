// Images of one step: chosen, moved and mirrored, the batch innermost.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sparse_jax {

// Of the result; whole_*: of an image.
struct ImageSizes {
  int64_t batch, height, width, colours, whole_height, whole_width;
};

// A line of memory of the result at a time.
constexpr int64_t kImages = 16;

// images: [N, whole_height, whole_width, colours]; rows [batch] of them, inside [0, N). Pixel (i, j) of
// image b is read from ys[b, i], xs[b, j]. out: [colours, height, width, batch].
inline void take_images(const ImageSizes& s, const float* images, const int32_t* rows,
                        const int32_t* ys, const int32_t* xs, float* out) {
  const int64_t line = s.whole_width * s.colours, image = s.whole_height * line;
  const int64_t plane = s.height * s.width * s.batch;
  std::vector<int64_t> columns(s.width * kImages);
  for (int64_t b = 0; b < s.batch; b += kImages) {
    const int64_t count = std::min(kImages, s.batch - b);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < s.width; ++j)
        columns[j * kImages + i] = xs[(b + i) * s.width + j] * s.colours;
    for (int64_t row = 0; row < s.height; ++row) {
      const float* from[kImages];
      for (int64_t i = 0; i < count; ++i)
        from[i] = images + rows[b + i] * image + ys[(b + i) * s.height + row] * line;
      for (int64_t j = 0; j < s.width; ++j) {
        const int64_t* column = &columns[j * kImages];
        float* to = out + (row * s.width + j) * s.batch + b;
        for (int64_t c = 0; c < s.colours; ++c)
          for (int64_t i = 0; i < count; ++i) to[c * plane + i] = from[i][column[i] + c];
      }
    }
  }
}

}  // namespace sparse_jax
