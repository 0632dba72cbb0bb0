"""Random legal compact networks, for property tests and for fitting cost models."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparse_jax.model.compact import CompactNet, CompactNode, output_units

_SPARSITY = (0.0, 0.2, 0.5, 0.8, 0.95, 1.0)
_RESIDUAL = 0.25
"""How often a step of a branch adds maps; as often it averages them."""


class _Builder:
    """Grows one network; `shapes` holds every tensor made so far."""

    def __init__(
        self, rng: np.random.Generator, image: tuple[int, ...], maps: int, units: int,
        residual: bool, strides: bool,
    ):
        self.rng, self.residual, self.strides = rng, residual, strides
        self.nodes: list[CompactNode] = []
        self.shapes = {'input': image}
        self.maps, self.units = maps, units

    def pick(self, *options: float) -> float:
        return options[self.rng.integers(len(options))]

    def weight(self, *shape: int) -> np.ndarray:
        w = self.rng.normal(size=shape) * self.pick(0.1, 0.5, 2.0)
        return (w * (self.rng.random(shape) >= self.pick(*_SPARSITY))).astype('f4')

    def add(
        self, op: str, inputs: Sequence[str], shape: tuple[int, ...], **fields: Any
    ) -> str:
        name = f'{op}_{len(self.nodes)}'
        if fields.get('weight') is not None and self.rng.random() < 0.9:
            count = len(fields['weight'])
            fields['bias'] = self.rng.normal(size=count).astype('f4')
        fields.setdefault('relu', bool(self.rng.random() < 0.6))
        self.nodes.append(CompactNode(name, op, tuple(inputs), **fields))
        self.shapes[name] = shape
        return name

    def pooled(self, op: str, inputs: Sequence[str], full: tuple[int, ...],
               **fields: Any) -> str:
        """A node whose maps may be pooled: `full` is its shape before."""
        c, h, w = full
        pool = int(self.rng.integers(1, min(3, h, w) + 1))
        return self.add(op, inputs, (c, h // pool, w // pool), pool=pool, **fields)

    def spatial(self, name: str) -> str:
        """A convolution with an optional pool, or the same tensor if none fits."""
        c, h, w = self.shapes[name]
        k = int(self.rng.integers(1, min(5, h, w) + 1))
        depthwise = bool(self.rng.random() < 0.3)
        out = c if depthwise else int(self.rng.integers(1, self.maps + 1))
        stride = int(self.rng.integers(1, 3)) if self.strides else 1
        rows, columns = ((side - k) // stride + 1 for side in (h, w))
        pool = int(self.rng.integers(1, min(3, rows, columns) + 1))
        weight = self.weight(c, k, k) if depthwise else self.weight(out, c, k, k)
        return self.add('depthwise' if depthwise else 'conv', [name],
                        (out, rows // pool, columns // pool), weight=weight, pool=pool,
                        stride=stride)

    def average(self, name: str) -> str:
        """An average pool, of the whole map along an axis shorter than its kernel."""
        c, h, w = self.shapes[name]
        kernel = int(self.rng.integers(1, max(h, w) + 2))
        return self.pooled(
            'average_pool', [name], (c, max(h // kernel, 1), max(w // kernel, 1)),
            kernel=kernel)

    def block(self, name: str) -> str:
        """A tensor and convolutions of it, added."""
        parts = [name, *(self.spatial(name)
                         for _ in range(int(self.rng.integers(1, 3))))]
        parts = [parts[i] for i in self.rng.permutation(len(parts))]
        maps, height, width = zip(*(self.shapes[part] for part in parts))
        return self.pooled('add', parts, (max(maps), min(height), min(width)))

    def step(self, name: str) -> str:
        """One operation more on feature maps."""
        chance = self.rng.random() if self.residual else 1.0
        if chance < _RESIDUAL:
            return self.block(name)
        return self.average(name) if chance < 2 * _RESIDUAL else self.spatial(name)

    def dense(self, name: str, units: int, **fields: Any) -> str:
        size = int(np.prod(self.shapes[name]))
        gather = None
        if self.rng.random() < 0.5:
            keep = int(self.rng.integers(1, size + 1))
            gather = np.sort(self.rng.choice(size, keep, replace=False))
        width = size if gather is None else len(gather)
        return self.add('dense', [name], (units,), weight=self.weight(units, width),
                        gather=gather, **fields)

    def branch(self, source: str) -> str:
        name = source
        for _ in range(int(self.rng.integers(0, 3))):
            if len(self.shapes[name]) == 3:
                name = self.step(name)
        return name

    def merge(self, branches: Sequence[str]) -> str:
        units = int(self.rng.integers(1, self.units + 1))
        if self.rng.random() < 0.5:
            names = [self.dense(b, units) for b in branches]
            return self.add('sum', names, (units,))
        names = [b if self.rng.random() < 0.5 else self.dense(b, units)
                 for b in branches]
        size = sum(int(np.prod(self.shapes[n])) for n in names)
        return self.add('concatenate', names, (size,))


def random_net(
    seed: int, *, largest: int = 14, maps: int = 6, units: int = 11,
    residual: bool = True, classes: int | None = None, averaged: bool = False,
    strides: bool = False,
) -> CompactNet:
    """A legal network drawn from `seed`; images up to `largest` pixels a side.

    maps, units: most output maps of a convolution and units of a hidden dense layer.
    residual: whether there may be adds of feature maps and average pools.
    classes: two of them are one output unit; drawn too if absent.
    averaged: whether its input is down-sampled by means.
    strides: whether windows of convolutions may be two pixels apart.
    """
    rng = np.random.default_rng(seed)
    h, w = (int(v) for v in rng.integers(1, largest + 1, size=2))
    c = int(rng.choice([1, 3]))
    rate = int(rng.integers(1, min(3, h, w) + 1))
    squeeze = bool(rng.random() < 0.5)
    build = _Builder(rng, (1 if squeeze else c, h // rate, w // rate),
                     maps, units, residual, strides)
    name = build.branch('input')
    for _ in range(int(rng.integers(0, 3))):
        count = int(rng.integers(1, 4))
        name = build.merge([build.branch(name) for _ in range(count)])
    drawn = int(rng.integers(1, 11))
    build.dense(name, drawn if classes is None else output_units(classes), relu=False)
    return CompactNet((h, w, c), rate, squeeze, float(rng.uniform(0, 255)),
                      float(rng.uniform(20, 120)), tuple(build.nodes),
                      'average' if averaged else 'max')


def random_images(net: CompactNet, count: int, seed: int = 0) -> np.ndarray:
    """[count, H, W, C] uint8 pixels; the first two are all dark and all bright."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, size=(count, *net.input_shape)).astype(np.uint8)
    images[:1], images[1:2] = 0, 255
    return images
