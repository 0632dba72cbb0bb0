"""The network of a point, written again from the table in plain NumPy (float64).

Nothing here is shared with the library: neither its graph nor its sizes.
"""

import numpy as np


def layer_tag(block, layer):
    return f'block-{block}-layer-{layer}'


def down_sample(point, images):
    """Images [N, H, W, C] -> [N, c, h, w]."""
    x = np.asarray(images, np.float64).transpose(0, 3, 1, 2)
    if point['downsample-input-in-depth']:
        x = x.max(axis=1)[:, None]
    return max_pool(x, point['input-downsampling-rate']) \
        if point['downsample-input'] else x


def max_pool(x, size):
    n, c, h, w = x.shape
    out = np.empty((n, c, h // size, w // size))
    for i in range(h // size):
        for j in range(w // size):
            window = x[:, :, i * size:(i + 1) * size, j * size:(j + 1) * size]
            out[:, :, i, j] = window.max(axis=(2, 3))
    return out


def conv(x, kernel):
    n, _, h, w = x.shape
    k = kernel.shape[-1]
    out = np.empty((n, len(kernel), h - k + 1, w - k + 1))
    for i in range(h - k + 1):
        for j in range(w - k + 1):
            window = x[:, :, i:i + k, j:j + k].reshape(n, -1)
            out[:, :, i, j] = window @ kernel.reshape(len(kernel), -1).T
    return out


def depthwise(x, kernel):
    maps = [conv(x[:, c:c + 1], kernel[c][None, None]) for c in range(len(kernel))]
    return np.concatenate(maps, axis=1)


def channels_first(vector, ndim):
    return vector.reshape((1, -1) + (1,) * (ndim - 2))


def finish(x, name, params, stats, norm):
    """Bias or batch norm with given moments, then ReLU."""
    if norm:
        assert set(params[name]) == {'kernel'}
        learnt, moments = params[f'{name}-norm'], stats[f'{name}-norm']
        centred = x - channels_first(moments['mean'], x.ndim)
        x = centred / channels_first(np.sqrt(moments['var'] + 1e-3), x.ndim)
        x = (x * channels_first(learnt['scale'], x.ndim)
             + channels_first(learnt['shift'], x.ndim))
    else:
        x = x + channels_first(params[name]['bias'], x.ndim)
    return np.maximum(x, 0.0)


def conv_layer(point, block, layer, x, params, stats):
    """One layer of the table, shapes checked against the table's numbers."""
    tag = layer_tag(block, layer)
    kind, k = point[f'layer-type-{tag}'], point[f'kernel-size-{tag}']
    filters, fan_in = point[f'num-filters-{tag}'], x.shape[1]
    kernel = params[tag]['kernel']
    if kind == 'Conv2D':
        assert kernel.shape == (filters, fan_in, k, k)
        y = conv(x, kernel)
    elif kind == 'DownsampledConv2D':
        maps = max(1, int(point[f'downsample-{tag}'] * fan_in + 0.5))
        reduce = params[f'{tag}-reduce']
        assert set(reduce) == {'kernel'}
        assert reduce['kernel'].shape == (maps, fan_in, 1, 1)
        assert kernel.shape == (filters, maps, k, k)
        y = conv(conv(x, reduce['kernel']), kernel)
    else:
        depth = params[f'{tag}-depthwise']
        assert set(depth) == {'kernel'}
        assert depth['kernel'].shape == (fan_in, k, k)
        assert kernel.shape == (filters, fan_in, 1, 1)
        y = conv(depthwise(x, depth['kernel']), kernel)
    return finish(y, tag, params, stats, point['batch-norm'])


def fc_widths(point, fan_in):
    """Units of the FC branches: floor(share of the budget / fan-in), at least 1."""
    merged = point['left-branch'] or point['right-branch']
    summed = merged and point['merge-type'] == 'Sum'
    present = [b for b, on in [
        ('main', point['num-fc-layers'] == 1 or summed),
        ('left', point['left-branch']), ('right', point['right-branch'])] if on]
    shares = {b: point[f'weight-fraction-{b}-branch'] for b in present}
    if len(present) == 1 or sum(shares.values()) == 0:
        shares = dict.fromkeys(present, 1.0)
    scale = point['total-fc-layer-weights'] / sum(shares.values()) if shares else 0
    units = {b: max(1, int(shares[b] * scale / fan_in[b] + 1e-9)) for b in present}
    return {b: min(units.values()) for b in units} if summed else units


def logits(point, num_classes, params, stats, images):
    """Exact params and moments, normalised images [N, H, W, C] -> [N, classes]."""
    image = x = down_sample(point, images)
    first = None
    for block in range(1, point['num-conv-blocks'] + 1):
        for layer in range(1, point[f'num-conv-layers-block-{block}'] + 1):
            x = conv_layer(point, block, layer, x, params, stats)
        x = max_pool(x, 2) if point[f'pool-block-{block}'] else x
        first = x if first is None else first
    flat = {'main': x.reshape(len(x), -1), 'left': first.reshape(len(x), -1),
            'right': image.reshape(len(x), -1)}
    units = fc_widths(point, {b: v.shape[1] for b, v in flat.items()})
    branches = {}
    for branch, width in units.items():
        kernel = params[f'{branch}-fc']['kernel']
        assert kernel.shape == (width, flat[branch].shape[1])
        branches[branch] = finish(flat[branch] @ kernel.T, f'{branch}-fc', params,
                                  stats, point['batch-norm'])
    branches.setdefault('main', flat['main'])
    joined = [branches[b] for b in ('main', 'left', 'right') if b in branches]
    if len(joined) > 1 and point['merge-type'] == 'Sum':
        merged = sum(joined)
    else:
        merged = np.concatenate(joined, axis=1)
    last = params['classifier']
    assert last['kernel'].shape == (num_classes, merged.shape[1])
    return merged @ last['kernel'].T + last['bias']
