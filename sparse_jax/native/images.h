// Images of one step: chosen, moved and mirrored, the batch innermost.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sparse_jax {

// Of the result; whole_*: of an image, of which there are `number`.
struct ImageSizes {
  int64_t batch, height, width, colours, number, whole_height, whole_width;
};

// A line of memory of the result at a time.
constexpr int64_t kImages = 16;

// images: [number, whole_height, whole_width, colours]; rows [batch] of them. Pixel (i, j)
// of image b is read from ys[b, i], xs[b, j]; what is outside is the nearest that is
// inside. out: [colours, height, width, batch].
inline void take_images(const ImageSizes& s, const float* images, const int32_t* rows,
                        const int32_t* ys, const int32_t* xs, float* out) {
  const int64_t line = s.whole_width * s.colours, image = s.whole_height * line;
  const int64_t plane = s.height * s.width * s.batch;
  if (s.number * image == 0) {
    std::fill_n(out, s.colours * plane, 0.0f);
    return;
  }
  const auto inside = [](int64_t value, int64_t size) {
    return std::max<int64_t>(0, std::min(value, size - 1));
  };
  std::vector<int64_t> columns(s.width * kImages);
  for (int64_t b = 0; b < s.batch; b += kImages) {
    const int64_t count = std::min(kImages, s.batch - b);
    const float* first[kImages];
    for (int64_t i = 0; i < count; ++i) {
      first[i] = images + inside(rows[b + i], s.number) * image;
      for (int64_t j = 0; j < s.width; ++j)
        columns[j * kImages + i] =
            inside(xs[(b + i) * s.width + j], s.whole_width) * s.colours;
    }
    for (int64_t row = 0; row < s.height; ++row) {
      const float* from[kImages];
      for (int64_t i = 0; i < count; ++i)
        from[i] = first[i] + inside(ys[(b + i) * s.height + row], s.whole_height) * line;
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
