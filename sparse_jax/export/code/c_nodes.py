"""C text of what has no weights: sums, concatenations and the image input."""

from sparse_jax.export.code.buffers import BufferPlan
from sparse_jax.export.code.c_tables import describe
from sparse_jax.quantize.quantized import (
    SUM_LEFT_SHIFT,
    QuantizedNet,
    QuantizedNode,
)


def copies(plan: BufferPlan, node: QuantizedNode) -> list:
    """[(input index, offset within the output)] that a concatenation must copy."""
    todo, offset = [], 0
    for index, name in enumerate(node.inputs):
        if plan.offsets[name] != plan.offsets[node.name] + offset \
                or name not in plan.in_place:
            todo.append((index, offset))
        offset += plan.sizes[name]
    return todo


def needs_raise(net: QuantizedNet, node: QuantizedNode) -> bool:
    """Whether a concatenation's own ReLU changes anything."""
    relu_of = {n.name: n.relu for n in net.nodes}
    return node.relu and not all(relu_of.get(name, False) for name in node.inputs)


def merge_function(net, plan, node, symbol):
    """A function without arguments that runs one sum or concatenation."""
    lines = [f'/* {describe(net, node)} */', f'static void @{symbol}(void)',
             '{', f'    int8_t *y = @arena + {plan.offsets[node.name]};']
    size, zero = plan.sizes[node.name], net.tensors[node.name].zero_point
    if node.op == 'sum':
        lines += [f'    for (int i = 0; i < {size}; ++i) {{',
                  '        int32_t sum = 0;']
        for name, m, s in zip(node.inputs, node.input_multiplier, node.input_shift):
            z = net.tensors[name].zero_point
            lines.append(f'        sum += @rescale((@arena[{plan.offsets[name]} + i] - '
                         f'({z})) * (1 << {SUM_LEFT_SHIFT}), {m}, {s});')
        lines += [f'        sum = @rescale(sum, {node.multiplier[0]}, '
                  f'{node.shift[0]}) + ({zero});',
                  f'        y[i] = @clamp(sum, {node.low});', '    }']
    else:
        for index, offset in copies(plan, node):
            name, m = node.inputs[index], node.input_multiplier[index]
            target = f'@arena + {plan.offsets[name]}, y + {offset}, {plan.sizes[name]}'
            z, s = net.tensors[name].zero_point, node.input_shift[index]
            lines.append(f'    @copy({target});' if m == 0 else
                         f'    @copy_rescaled({target}, {z}, {m}, {s}, {zero});')
        lines.append(f'    @raise(y, {size}, {node.low});' if needs_raise(net, node)
                     else '    (void)y;')
    return '\n'.join([*lines, '}']) + '\n'


def push_row_function(net: QuantizedNet, plan: BufferPlan) -> str:
    """Feeds one raw row: maximum over channels and over downsample x downsample."""
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
