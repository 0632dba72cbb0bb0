"""A plain count of a pruned network: a search in the graph of its units, then sums.

Nothing is shared with `model.connectivity` or `objectives`, but the exact `Graph`.
"""

import math

import numpy as np
import scipy.sparse


def numbers(graph):
    """{tensor: numbers of its units}, counted through all tensors."""
    found, start = {}, 0
    for name, shape in graph.shapes().items():
        found[name] = np.arange(start, start + shape[0])
        start += shape[0]
    return found, start


def edges(graph, kept):
    """[N, N] sparse matrix: a kept weight leads from unit (row) to unit (column)."""
    shapes, (number, count) = graph.shapes(), numbers(graph)
    sources, targets = [], []
    for node in graph.nodes:
        own = number[node.name]
        if node.op == 'sum':
            # Thousands of units: not through a square matrix.
            sources += [number[t] for t in node.inputs]
            targets += [own] * len(node.inputs)
            continue
        if node.op == 'dense':
            lengths = [math.prod(shapes[t][1:])
                       for t in node.inputs for _ in range(shapes[t][0])]
            starts = np.cumsum([0, *lengths[:-1]])
            reads = np.logical_or.reduceat(kept[node.name], starts, axis=1)
        elif node.op == 'depthwise':
            reads = np.diag(kept[node.name].any(axis=(1, 2)))
        else:
            reads = kept[node.name].any(axis=(2, 3))
        u, i = np.nonzero(reads)
        sources.append(np.concatenate([number[t] for t in node.inputs])[i])
        targets.append(own[u])
    pairs = np.concatenate(sources), np.concatenate(targets)
    return scipy.sparse.csr_array(
        (np.ones(len(pairs[0])), pairs), shape=(count, count))


def closure(start, links):
    """[N] bool: every unit that can be reached from `start`."""
    found, before = np.zeros(links.shape[0], bool), None
    found[start] = True
    while before is None or (found != before).any():
        before, found = found, found | (links.T @ found > 0)
    return found


def living_units(graph, kept):
    """({tensor: units on a path}, the same with those that shapes force to stay)."""
    links, (number, _) = edges(graph, kept), numbers(graph)
    ends = number['input'], number[graph.nodes[-1].name]
    path = closure(ends[0], links) & closure(ends[1], links.T)
    path[np.concatenate(ends)] = True
    alive = {name: path[of] for name, of in number.items()}
    stay = dict(alive)
    for node in graph.nodes:
        if node.op == 'sum':
            stay |= {t: alive[node.name] for t in node.inputs if alive[t].any()}
        if node.op == 'depthwise' and alive[node.name].any():
            stay[node.name] = alive[node.inputs[0]]
    return alive, stay


def living_kernel(graph, node, kept, alive):
    """Kept weights of a node between units on a path."""
    sources = alive[node.inputs[0]]
    if node.op == 'dense':
        sources = np.concatenate([
            np.repeat(alive[t], math.prod(graph.shapes()[t][1:])) for t in node.inputs])
        return kept & np.outer(alive[node.name], sources)
    if node.op == 'depthwise':
        return kept & (alive[node.name] & sources)[:, None, None]
    return kept & np.outer(alive[node.name], sources)[:, :, None, None]


def layer_counts(graph, stay, weights):
    """[6, layers]: weights, biases, elements read, elements written, MACs, alive.

    `stay` are the units that remain, `weights` {node: number of its living weights}.
    """
    shapes = graph.shapes()
    read = {'input': math.prod(shapes['input'])}
    rows, side = [], {'input': shapes['input'][1:]}
    for node in graph.nodes:
        inputs = sum(read[t] for t in node.inputs)
        if node.op == 'sum':
            read[node.name] = inputs
            continue
        living, number = int(stay[node.name].sum()), int(weights[node.name])
        read[node.name] = living * math.prod(shapes[node.name][1:])
        pixels, side[node.name] = 1, (1, 1)
        if node.op != 'dense':
            h, w = (n - node.kernel + 1 for n in side[node.inputs[0]])
            pixels, side[node.name] = h * w, (h // node.pool, w // node.pool)
        biased = node.relu or node is graph.nodes[-1]
        # What is dead is no layer.
        rows.append((number, living if biased else 0, inputs * bool(living),
                     living * pixels,
                     number * pixels))
    return np.array([(*row, alive) for row, alive in zip(rows, alive_counts(
        graph, stay, [row[3] for row in rows]))]).T


def alive_counts(graph, stay, written):
    """The most elements there are at once during each layer, without the image.

    written: elements of every layer before its pool, in order.
    """
    shapes = graph.shapes()
    layers = [node for node in graph.nodes if node.op != 'sum']
    merged = {node.name: node.inputs for node in graph.nodes if node.op == 'sum'}
    reads = [{t for name in node.inputs for t in merged.get(name, (name,))}
             for node in layers]
    size = {name: int(mask.sum()) * math.prod(shapes[name][1:])
            for name, mask in stay.items()}
    if graph.downsample == 1 and not graph.squeeze_depth:
        size['input'] = 0
    # Memory as a set of tensors: what nobody reads any more is thrown out.
    memory, found = {'input'}, []
    needed = lambda name, after: any(
        name in read and stay[layer.name].any()
        for layer, read in list(zip(layers, reads))[after:])
    for i, node in enumerate(layers):
        if not stay[node.name].any():
            found.append(0)
            continue
        before = sum(size[name] for name in memory if needed(name, i)) + written[i]
        memory = {name for name in memory if needed(name, i + 1)}
        pooling = written[i] + size[node.name] if node.pool > 1 else 0
        found.append(max(before, pooling and sum(map(size.get, memory)) + pooling))
        memory.add(node.name)
    return found


def totals(counts):
    """Layer counts -> (model size, working memory (6), (5), MACs, without image)."""
    weights, biases, inputs, outputs, macs, alive = counts
    return [int(v) for v in (
        weights.sum() + biases.sum(), (inputs + outputs).max(),
        (inputs + weights).max(), macs.sum(), alive.max())]
