"""C99 building blocks; `@` stands for the network's name and an underscore."""

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
    uint8_t pool;%STRIDE%
    uint8_t count_bytes;    /* gap: width of the counts; 0: unpack to pairs first */
    int8_t zero_point, low; /* of the output; low is its smallest value */
} @layer;
'''

PREAMBLE = '''\
#if defined(__GNUC__)
#define @NOINLINE __attribute__((noinline))
#else
#define @NOINLINE
#endif
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

DOT = '''\
/* The inner loop of sparse layers, kept apart so that it has the registers. */
@NOINLINE static int32_t @dot(const int8_t *x, const uint8_t *pair, int count,
                              int32_t sum)
{
    for (; count > 0; --count) {
        x += pair[0];
        sum += *x * (int8_t)pair[1];
        pair += 2;
    }
    return sum;
}
'''

DOT_2 = '''\
/* The larger of two neighbouring sums: each pair is read once for both. */
@NOINLINE static int32_t @dot2(const int8_t *x, const uint8_t *pair, int count,
                               int32_t sum)
{
    int32_t right = sum;
    for (; count > 0; --count) {
        const int32_t weight = (int8_t)pair[1];
        x += pair[0];
        sum += x[0] * weight;
        right += x[1] * weight;
        pair += 2;
    }
    return sum > right ? sum : right;
}
'''

UNPACK = '''\
/* Turns the dense or bitmap weights of one channel, which end where this returns,
   into the pairs of the gap format; their number goes to *count. */
@NOINLINE static const int8_t *@unpack(const @layer *l, int o, const int8_t *weights,
                                       uint8_t *pairs, int *count)
{
    const uint8_t *map = l->index, *first = pairs;
    uint32_t bits = 1;
    int last = 0;
    if (map)
        map += o * ((l->planes * l->rows * l->columns + 7) / 8);
    for (int c = 0; c < l->planes; ++c) {
        for (int r = 0; r < l->rows; ++r) {
            int position = c * l->plane + r * l->width;
            for (int q = l->columns; q > 0; --q, ++position) {
                if (map) {
                    if (bits == 1)
                        bits = 0x100u | *map++;
                    const uint32_t here = bits & 1;
                    bits >>= 1;
                    if (!here)
                        continue;
                }
                const int8_t weight = *weights++;
                if (!weight)
                    continue;
                for (last = position - last; last > 255; last -= 255) {
                    *pairs++ = 255;
                    *pairs++ = 0;
                }
                *pairs++ = (uint8_t)last;
                *pairs++ = (uint8_t)weight;
                last = position;
            }
        }
    }
    *count = (int)(pairs - first) / 2;
    return weights;
}
'''

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


HELPERS = {'copy': COPY, 'copy_rescaled': COPY_RESCALED, 'raise': RAISE}
"""What functions of operations may call, in the order of the source."""


def types(strides: bool) -> str:
    """C text of the layer descriptor; with a stride only if a layer needs one."""
    field = '\n    uint8_t stride;         /* from one window to the next */'
    return TYPES.replace('%STRIDE%', field if strides else '')


def rescale_kernel(left: bool) -> str:
    """C text of the requantisation, with left shifts only if a layer needs them."""
    return RESCALE.replace('%LEFT%', LEFT_SHIFT if left else '')
