"""The C99 loop over a weighted layer, in one variant per way to read the weights.

One loop serves convolutions, depthwise convolutions and dense layers: for every output
channel and every pooled position it takes the maximum of the int32 accumulators and
requantises once. Only the inner product differs between the weight formats.
"""

LAYER = '''\
/* %COMMENT% */
@NOINLINE static void @layer_%KIND%(const @layer *l, const int8_t *x,
    int8_t *y%SCRATCH%)
{
    const int32_t *requant = l->requant;
    const int pool = l->pool, width = l->width%STRIDE%;
%SETUP%    for (int o = 0; o < l->channels; ++o, requant += 2) {
%BEGIN%        for (int i = 0; i < l->out_height; ++i) {
            for (int j = 0; j < l->out_width; ++j) {
                int32_t best = INT32_MIN;
                for (int di = 0; di < pool; ++di) {
                    const int8_t *start = x + %START%;
%POSITIONS%                }
                best = @rescale(best, requant[1], l->shift[o]) + l->zero_point;
                *y++ = @clamp(best, l->low);
            }
        }
%END%        x += l->channel_step;
    }
}
'''

_POSITIONS = '''\
                    for (int dj = 0; dj < pool; ++dj) {
                        const int8_t *p = start + dj%STEP%;
                        int32_t sum = requant[0];
%DOT%                        if (sum > best)
                            best = sum;
                    }
'''

_PAIR_POSITIONS = '''\
                    int dj = 0;
                    for (; dj + 1 < pool; dj += 2) {
                        const int32_t sum = @dot2(start + dj, pairs, count, requant[0]);
                        if (sum > best)
                            best = sum;
                    }
                    if (dj < pool) {
                        const int32_t sum = @dot(start + dj, pairs, count, requant[0]);
                        if (sum > best)
                            best = sum;
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
w = weights;
for (int left = l->columns; left > 0; left -= 8) {
    uint32_t bits = *map++;
    for (int q = left < 8 ? left : 8; q > 0; --q, bits >>= 1) {
        while (*gap == 255)
            p += *gap++;
        p += *gap++;
        if (bits & 1)
            sum += *p * *w++;
    }
}
'''

_FLAT_DOT = '''\
const uint8_t *map = l->index + o * map_bytes;
w = weights;
for (int n = 0; n < map_bytes; ++n) {
    const int8_t *q = p + 8 * n;
    for (uint32_t bits = *map++; bits; bits >>= 1, ++q)
        if (bits & 1)
            sum += *q * *w++;
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

_COUNT_OR_UNPACK = '''\
        const uint8_t *pairs = stored;
        int count;
        if (l->count_bytes == 0) {
            stored = (const uint8_t *)@unpack(l, o, (const int8_t *)stored, scratch,
                                              &count);
            pairs = scratch;
        } else {
            count = *counts++;
            if (l->count_bytes == 2)
                count |= *counts++ << 8;
        }
'''

_DOT_CALL = 'sum = @dot(p, pairs, count, sum);\n'
"""Windows with a stride are no neighbours that a pair could be read for at once."""

KINDS = {
    'dense': ('All weights stored.', _SIZE + _WEIGHTS, '', _DENSE_DOT,
              '        weights += size;\n'),
    'bitmap': ('Convolutions: one bit per weight, non-zero weights stored.', _MAP, '',
               _BITMAP_DOT, '        weights = w;\n'),
    'flat': ('Dense layers: one bit per weight, non-zero weights stored.', _MAP, '',
             _FLAT_DOT, '        weights = w;\n'),
    'gap': ('Pairs of (distance to the next input, weight).',
            '    const uint8_t *pairs = l->weights, *counts = l->index;\n', _COUNT,
            '', '        pairs += 2 * count;\n'),
    'gather': ('Listed inputs, all weights stored.', _WEIGHTS, '', _GATHER_DOT,
               '        weights += l->columns;\n'),
    'gather_bitmap': ('Listed inputs, one bit per weight.', _MAP, '',
                      _GATHER_BITMAP_DOT, '        weights = w;\n'),
    # The gap kernel that also takes other formats, unpacked into idle arena bytes.
    'unpacked': ('Pairs of (distance to the next input, weight), unpacked if need be.',
                 '    const uint8_t *stored = l->weights, *counts = l->index;\n',
                 _COUNT_OR_UNPACK, '',
                 '        if (l->count_bytes)\n            stored += 2 * count;\n'),
}

_STEPS = {
    False: {'STRIDE': '', 'STEP': '', 'START': '(i * pool + di) * width + j * pool'},
    True: {'STRIDE': ', stride = l->stride', 'STEP': ' * stride',
           'START': '((i * pool + di) * width + j * pool) * stride'}}
"""Where windows begin, without and with strides."""

def layer_kernel(kind: str, strides: bool) -> str:
    """C text of the layer loop for one of `KINDS`; `strides`: whether layers of the
    network have strides."""
    comment, setup, begin, dot, end = KINDS[kind]
    indent = ' ' * 24
    dot = dot or (_DOT_CALL if strides else '')
    dot = ''.join(indent + line for line in dot.splitlines(keepends=True))
    positions = _POSITIONS if dot else _PAIR_POSITIONS
    text = LAYER.replace('%POSITIONS%', positions)
    scratch = ', uint8_t *scratch' if kind == 'unpacked' else ''
    for key, value in {'COMMENT': comment, 'KIND': kind, 'SETUP': setup,
                       'BEGIN': begin, 'DOT': dot, 'END': end,
                       'SCRATCH': scratch, **_STEPS[strides]}.items():
        text = text.replace(f'%{key}%', value)
    return text
