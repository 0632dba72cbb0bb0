"""The C99 building blocks; `@` stands for the network's name and an underscore.

One loop serves convolutions, depthwise convolutions and dense layers: for every output
channel and every pooled position it takes the maximum of the int32 accumulators and
requantises once. Only the inner product differs between the weight formats.
"""

TYPES = '''\
/* A weighted layer; tables and zero values it does not use are 0. */
typedef struct {
    const int32_t *requant; /* per channel: bias (input zero point folded in), Q31 */
    const int8_t *shift;    /* per channel: power of two that completes the Q31 */
    const uint8_t *weights;
    const uint8_t *index;   /* bitmap: bits; gap: pairs per channel */
    const uint8_t *gather;  /* gaps between the inputs that are read */
    uint16_t channels;      /* of the output */
    uint16_t channel_step;  /* input bytes from one output channel to the next */
    uint16_t plane, width;  /* input bytes from one channel, one row to the next */
    uint16_t planes, rows, columns; /* extent of one channel's weights */
    uint16_t out_height, out_width;
    uint8_t pool;
    uint8_t count_bytes;    /* gap: width of the counts */
    int8_t zero_point, low; /* of the output; low is its smallest value */
} @layer;
'''

HIGH_MULTIPLY = '''\
/* (a * b + 2^30) >> 31 with b >= 0: TFLite's rounding doubling high multiply. */
static int32_t @high_multiply(int32_t a, int32_t b)
{
#if (defined(__thumb__) && !defined(__thumb2__)) || defined(NN_NO_LONG_MULTIPLY)
    /* No long multiply (Cortex-M0): four 16 x 16 products. */
    const int32_t a_high = a >> 16, a_low = a & 0xFFFF;
    const int32_t b_high = b >> 16, b_low = b & 0xFFFF;
    const uint32_t low = (uint32_t)a_low * (uint32_t)b_low;
    const int32_t middle = a_high * b_low + (int32_t)(low >> 16);
    const int32_t cross = a_low * b_high + (middle & 0xFFFF);
    int32_t high = a_high * b_high + (middle >> 16) + (cross >> 16);
    const uint32_t bottom = ((uint32_t)cross << 16) | (low & 0xFFFFu);
    const uint32_t rounded = bottom + 0x40000000u;
    high += rounded < bottom;
    return (int32_t)(((uint32_t)high << 1) | (rounded >> 31));
#else
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
#endif
}
'''

RESCALE = '''\
/* a * multiplier / 2^31 * 2^shift, rounded twice as TFLite does. */
static int32_t @rescale(int32_t a, int32_t multiplier, int shift)
{
%LEFT%    a = @high_multiply(a, multiplier);
    const int32_t mask = (int32_t)((1u << -shift) - 1u);
    const int32_t threshold = (mask >> 1) + (a < 0);
    return (a >> -shift) + ((a & mask) > threshold);
}
'''

LEFT_SHIFT = '''\
    if (shift > 0) {
        a *= (int32_t)1 << shift;
        shift = 0;
    }
'''

CLAMP = '''\
static int8_t @clamp(int32_t a, int low)
{
    return (int8_t)(a < low ? low : a > 127 ? 127 : a);
}
'''

LAYER = '''\
/* %COMMENT% */
static void @layer_%KIND%(const @layer *l, const int8_t *x, int8_t *y)
{
    const int32_t *requant = l->requant;
    const int pool = l->pool, width = l->width;
%SETUP%    for (int o = 0; o < l->channels; ++o, requant += 2) {
%BEGIN%        for (int i = 0; i < l->out_height; ++i) {
            for (int j = 0; j < l->out_width; ++j) {
                int32_t best = INT32_MIN;
                for (int di = 0; di < pool; ++di) {
                    const int8_t *start = x + (i * pool + di) * width + j * pool;
                    for (int dj = 0; dj < pool; ++dj) {
                        const int8_t *p = start + dj;
                        int32_t sum = requant[0];
%DOT%                        if (sum > best)
                            best = sum;
                    }
                }
                best = @rescale(best, requant[1], l->shift[o]) + l->zero_point;
                *y++ = @clamp(best, l->low);
            }
        }
%END%        x += l->channel_step;
    }
}
'''

_DENSE_DOT = '''\
const int8_t *w = weights;
for (int c = 0; c < l->planes; ++c) {
    for (int r = 0; r < l->rows; ++r) {
        const int8_t *row = p + c * l->plane + r * width;
        for (int q = 0; q < l->columns; ++q)
            sum += row[q] * w[q];
        w += l->columns;
    }
}
'''

_BITMAP_DOT = '''\
const uint8_t *map = l->index + o * map_bytes;
uint32_t bits = 1;
w = weights;
for (int c = 0; c < l->planes; ++c) {
    for (int r = 0; r < l->rows; ++r) {
        const int8_t *row = p + c * l->plane + r * width;
        for (int q = 0; q < l->columns; ++q) {
            if (bits == 1)
                bits = 0x100u | *map++;
            if (bits & 1)
                sum += row[q] * *w++;
            bits >>= 1;
        }
    }
}
'''

_GAP_DOT = '''\
const uint8_t *pair = pairs;
for (int n = count; n > 0; --n) {
    p += pair[0];
    sum += *p * (int8_t)pair[1];
    pair += 2;
}
'''

_GATHER_DOT = '''\
const uint8_t *gap = l->gather;
for (int q = 0; q < l->columns; ++q) {
    while (*gap == 255)
        p += *gap++;
    p += *gap++;
    sum += *p * weights[q];
}
'''

_GATHER_BITMAP_DOT = '''\
const uint8_t *gap = l->gather, *map = l->index + o * map_bytes;
uint32_t bits = 1;
w = weights;
for (int q = 0; q < l->columns; ++q) {
    while (*gap == 255)
        p += *gap++;
    p += *gap++;
    if (bits == 1)
        bits = 0x100u | *map++;
    if (bits & 1)
        sum += *p * *w++;
    bits >>= 1;
}
'''

_WEIGHTS = '    const int8_t *weights = (const int8_t *)l->weights;\n'
_SIZE = '    const int size = l->planes * l->rows * l->columns;\n'
_MAP = ('    const int map_bytes = (l->planes * l->rows * l->columns + 7) / 8;\n'
        + _WEIGHTS + '    const int8_t *w = weights;\n')
_COUNT = '''\
        int count = *counts++;
        if (l->count_bytes == 2)
            count |= *counts++ << 8;
'''

KINDS = {
    'dense': ('All weights stored.', _SIZE + _WEIGHTS, '', _DENSE_DOT,
              '        weights += size;\n'),
    'bitmap': ('One bit per weight, non-zero weights stored.', _MAP, '', _BITMAP_DOT,
               '        weights = w;\n'),
    'gap': ('Pairs of (distance to the next input, weight).',
            '    const uint8_t *pairs = l->weights, *counts = l->index;\n', _COUNT,
            _GAP_DOT, '        pairs += 2 * count;\n'),
    'gather': ('Listed inputs, all weights stored.', _WEIGHTS, '', _GATHER_DOT,
               '        weights += l->columns;\n'),
    'gather_bitmap': ('Listed inputs, one bit per weight.', _MAP, '',
                      _GATHER_BITMAP_DOT, '        weights = w;\n'),
}

COPY = '''\
static void @copy(const int8_t *x, int8_t *y, int size)
{
    for (int i = 0; i < size; ++i)
        y[i] = x[i];
}
'''

COPY_RESCALED = '''\
static void @copy_rescaled(const int8_t *x, int8_t *y, int size, int x_zero,
                           int32_t multiplier, int shift, int y_zero)
{
    for (int i = 0; i < size; ++i)
        y[i] = @clamp(@rescale(x[i] - x_zero, multiplier, shift) + y_zero, -128);
}
'''

RAISE = '''\
/* ReLU of int8 values in place. */
static void @raise(int8_t *y, int size, int low)
{
    for (int i = 0; i < size; ++i)
        if (y[i] < low)
            y[i] = (int8_t)low;
}
'''


def layer_kernel(kind: str) -> str:
    """C text of the layer loop for one of `KINDS`."""
    comment, setup, begin, dot, end = KINDS[kind]
    indent = ' ' * 24
    dot = ''.join(indent + line for line in dot.splitlines(keepends=True))
    text = LAYER
    for key, value in {'COMMENT': comment, 'KIND': kind, 'SETUP': setup,
                       'BEGIN': begin, 'DOT': dot, 'END': end}.items():
        text = text.replace(f'%{key}%', value)
    return text


def rescale_kernel(left: bool) -> str:
    """C text of the requantisation, with left shifts only if a layer needs them."""
    return RESCALE.replace('%LEFT%', LEFT_SHIFT if left else '')
