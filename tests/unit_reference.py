"""A slow count of a pruned network: graph search unit by unit, one layer after another.

Nothing is shared with `model.connectivity` or `objectives`, but the exact `Graph`.
"""

import math

import numpy as np


def edges(graph, kept):
    """{(tensor, channel): set of (node, channel)} for every kept weight."""
    shapes, found = graph.shapes(), {}
    link = lambda a, b: found.setdefault(a, set()).add(b)
    for node in graph.nodes:
        if node.op == 'sum':
            for u in range(node.channels):
                for source in node.inputs:
                    link((source, u), (node.name, u))
        elif node.op == 'dense':
            owners, lengths = [], []
            for t in node.inputs:
                owners += [(t, c) for c in range(shapes[t][0])]
                lengths += [math.prod(shapes[t][1:])] * shapes[t][0]
            starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            reads = np.logical_or.reduceat(kept[node.name], starts, axis=1)
            for u, owner in zip(*np.nonzero(reads)):
                link(owners[owner], (node.name, int(u)))
        elif node.op == 'depthwise':
            for c in np.unique(np.nonzero(kept[node.name])[0]):
                link((node.inputs[0], int(c)), (node.name, int(c)))
        else:
            for o, c in zip(*np.nonzero(kept[node.name].any(axis=(2, 3)))):
                link((node.inputs[0], int(c)), (node.name, int(o)))
    return found


def closure(start, links):
    """Everything that can be reached from `start`."""
    found, todo = set(start), list(start)
    while todo:
        for unit in links.get(todo.pop(), ()):
            if unit not in found:
                found.add(unit)
                todo.append(unit)
    return found


def living_units(graph, kept):
    """({tensor: units on a path}, the same with those that shapes force to stay)."""
    links, backward = edges(graph, kept), {}
    for a, ends in links.items():
        for b in ends:
            backward.setdefault(b, set()).add(a)
    shapes, last = graph.shapes(), graph.nodes[-1].name
    image = [('input', c) for c in range(shapes['input'][0])]
    classes = [(last, c) for c in range(graph.num_classes)]
    path = closure(image, links) & closure(classes, backward)
    path |= set(image) | set(classes)
    alive = {n: np.array([(n, c) in path for c in range(s[0])])
             for n, s in shapes.items()}
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
    """[5, layers]: weights, biases, elements read, elements written, MACs.

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
        rows.append((number, living if biased else 0, inputs, living * pixels,
                     number * pixels))
    return np.array(rows).T


def totals(counts):
    """Layer counts -> (model size, working memory (6), (5), MACs)."""
    weights, biases, inputs, outputs, macs = counts
    return [int(v) for v in (
        weights.sum() + biases.sum(), (inputs + outputs).max(),
        (inputs + weights).max(), macs.sum())]
