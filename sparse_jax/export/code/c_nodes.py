"""C text of what has no weights: the functions of operations and the image input."""

from sparse_jax.export.code.c_tables import describe
from sparse_jax.export.operations import SUMS, BufferPlan
from sparse_jax.export.operations.table import function
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode


def node_function(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode, symbol: str
) -> str:
    """A function without arguments that runs one node without weights."""
    return '\n'.join([
        f'/* {describe(net, node)} */', f'static void @{symbol}(void)', '{',
        f'    int8_t *y = @arena + {plan.offsets[node.name]};',
        *function(node).body(net, plan, node), '}']) + '\n'


def push_row_function(net: QuantizedNet, plan: BufferPlan) -> str:
    """Feeds one raw row: maximum over channels, and over downsample x downsample its
    maximum or mean."""
    if net.averages:
        return _averaging_row(net, plan)
    _, width, channels = net.input_shape
    planes, rows, columns = net.shapes['input']
    rate, base = net.downsample, plan.offsets['input']
    code = '''
void @push_row(int row, const uint8_t *pixels)
{
    int8_t *out = @arena + %BASE%;
    if (row >= %USED%)
        return;
%FIND%    for (int j = 0; j < %COLUMNS%; ++j, ++out) {
        for (int c = 0; c < %PLANES%; ++c) {
            int best = %FIRST%;
%MAX%            out[c * %PLANE%] = (int8_t)best;
        }
%SKIP%    }
}
'''
    if rate == 1 and planes == channels:
        first, peak = 'pixels[c] - 128', ''
        find = f'    out += row * {columns};\n'
    else:
        first = f'row ? out[c * {rows * columns}] : -128'
        find = (f'    for (; row >= {rate}; row -= {rate})\n'
                f'        out += {columns};\n')
        start, step = ('c', channels) if planes == channels else ('0', 1)
        peak = (f'            for (int k = {start}; k < {rate * channels}; k += {step})'
                '\n                if (pixels[k] - 128 > best)\n'
                '                    best = pixels[k] - 128;\n')
    values = {'BASE': base, 'USED': rows * rate, 'FIND': find, 'COLUMNS': columns,
              'PLANES': planes, 'FIRST': first, 'MAX': peak, 'PLANE': rows * columns,
              'SKIP': f'        pixels += {rate * channels};\n'}
    for key, value in values.items():
        code = code.replace(f'%{key}%', str(value))
    return code


def _averaging_row(net: QuantizedNet, plan: BufferPlan) -> str:
    """Sums of a row of windows lie, as two bytes each, where the image is not yet."""
    _, _, channels = net.input_shape
    planes, rows, columns = net.shapes['input']
    rate, count = net.downsample, net.downsample**2
    if planes == channels:
        added = f'                sum += pixels[k * {channels} + c];'
    else:
        added = f"""                int best = 0;
                for (int q = 0; q < {channels}; ++q)
                    if (pixels[k * {channels} + q] > best)
                        best = pixels[k * {channels} + q];
                sum += best;"""
    return f"""
void @push_row(int row, const uint8_t *pixels)
{{
    int8_t *out = @arena + {plan.offsets['input']};
    uint8_t *sums = (uint8_t *)@arena + {plan.offsets[SUMS]};
    if (row >= {rows * rate})
        return;
    for (; row >= {rate}; row -= {rate})
        out += {columns};
    for (int j = 0; j < {columns}; ++j, ++out) {{
        for (int c = 0; c < {planes}; ++c, sums += 2) {{
            int32_t sum = row ? sums[0] + 256 * (int32_t)sums[1] : 0;
            for (int k = 0; k < {rate}; ++k) {{
{added}
            }}
            sums[0] = (uint8_t)(sum & 255);
            sums[1] = (uint8_t)(sum >> 8);
            if (row < {rate - 1})
                continue;
            sum -= {128 * count};
            sum = (sum > 0 ? sum + {count // 2} : sum - {count // 2}) / {count};
            out[c * {rows * columns}] = (int8_t)sum;
        }}
        pixels += {rate * channels};
    }}
}}
"""
