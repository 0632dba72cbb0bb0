"""Kernels and memory traffic of a lowered program, counted on its StableHLO.

A model of a compiler that fuses well, so that lowerings can be compared where no device
is: products, convolutions, reductions, sorts and calls of libraries are kernels. Every
other operation is computed where its result is used, as often as it is used, and costs
nothing by itself; what a product, a convolution or a call reads, and what the program
returns, is written to memory by one kernel that reads what it is made of once.
"""

import collections
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

PRODUCTS = ('stablehlo.dot_general', 'stablehlo.convolution')
REDUCTIONS = ('stablehlo.reduce', 'stablehlo.reduce_window')
"""Kernels that compute what they read on the way."""
OTHERS = ('stablehlo.sort', 'stablehlo.scatter', 'stablehlo.select_and_scatter',
          'stablehlo.custom_call', 'stablehlo.rng_bit_generator')
LOOPS = ('stablehlo.while', 'stablehlo.case', 'stablehlo.if')
PARTS = ('stablehlo.slice', 'stablehlo.dynamic_slice')
"""Read as much as they give."""
SAME = ('stablehlo.reshape', 'stablehlo.optimization_barrier')
"""Another name of what they read."""
TURNED = 'stablehlo.transpose'
"""Products take either order of their operands; convolutions do not."""
COPIES = ('stablehlo.concatenate', 'stablehlo.gather', 'stablehlo.dynamic_slice',
          'stablehlo.dynamic_update_slice')


class Value(NamedTuple):
    """One array of a program, calls of its own functions written out."""

    op: str
    """Of the operation that gives it; '' for an argument, 'constant' for one."""
    reads: tuple['Value', ...]
    size: int
    """Bytes."""
    number: int
    """Of the operation; one operation may give several arrays."""
    at: int = 0


class Traffic(NamedTuple):
    """Counts of one program."""

    products: int
    """Matrix products and convolutions."""
    kernels: int
    """All of them."""
    copies: int
    """Concatenations, gathers and slices at places that are data."""
    bytes: int
    """Read and written."""


def count(lowered: Any) -> Traffic:
    """What a program that `jax.jit(...).lower` gives costs in this model.

    Raises:
      ValueError: it has a loop or a branch, which are run as often as data say.
    """
    module = lowered.compiler_ir('stablehlo')
    functions = {op.attributes['sym_name'].value: op.operation
                 for op in module.body.operations}
    reader = _Reader(functions)
    results = reader.call('main', None)
    return _Counter().count(results)


class _Reader:
    """Walks the functions of a module."""

    def __init__(self, functions: dict[str, Any]):
        self._functions = functions
        self._made = 0

    def call(self, name: str, arguments: list[Value] | None) -> list[Value]:
        """Values that a function returns; its own arguments where none are given."""
        block = self._functions[name].regions[0].blocks[0]
        if arguments is None:
            arguments = [self._new('', (), [a])[0] for a in block.arguments]
        known = dict(zip(block.arguments, arguments, strict=True))
        for op in block.operations:
            operands = [known[value] for value in op.operands]
            if op.operation.name.endswith('return'):
                return operands
            known.update(zip(op.results, self._results(op, operands), strict=True))
        raise ValueError(f'function {name!r} returns nothing')

    def _results(self, op: Any, operands: list[Value]) -> list[Value]:
        name = op.operation.name
        if name == 'func.call':
            return self.call(op.attributes['callee'].value, operands)
        if name in LOOPS:
            raise ValueError(f'{name} is not allowed; allowed: programs without loops')
        if name in SAME:
            # The name alone is new.
            return operands
        if name in ('stablehlo.constant', 'stablehlo.iota'):
            return self._new('constant', (), op.results)
        return self._new(name, tuple(operands), op.results)

    def _new(self, op: str, reads: tuple[Value, ...], results: Iterable[Any]
             ) -> list[Value]:
        self._made += 1
        return [Value(op, reads, _bytes(result.type), self._made, at)
                for at, result in enumerate(results)]


class _Counter:
    """Adds up what the results of a program need, each kernel once."""

    def __init__(self) -> None:
        self._done: set[tuple[int, int]] = set()
        self._kinds: collections.Counter[str] = collections.Counter()
        self._bytes = 0
        self._seen: set[int] = set()
        self._copies = 0

    def count(self, results: Iterable[Value]) -> Traffic:
        """Of all that these need."""
        waiting = list(results)
        while waiting:
            value = waiting.pop()
            kernel = value.op in (*PRODUCTS, *REDUCTIONS, *OTHERS)
            # All arrays of one kernel are written at once, those of fusions alone.
            key = (value.number, 0 if kernel else value.at)
            if key in self._done or value.op in ('', 'constant'):
                continue
            self._done.add(key)
            self._kinds['product' if value.op in PRODUCTS else 'other'] += 1
            if value.op in REDUCTIONS or not kernel:
                sources = self._leaves(value)
            else:
                turned = value.op == PRODUCTS[0]
                sources = {}
                for operand in value.reads:
                    while turned and operand.op == TURNED:
                        operand, = operand.reads
                    sources[operand.number, operand.at] = operand, operand.size
            self._bytes += value.size + sum(size for _, size in sources.values())
            waiting += [source for source, _ in sources.values()]
        return Traffic(self._kinds['product'], sum(self._kinds.values()), self._copies,
                       self._bytes)

    def _leaves(self, value: Value) -> dict[tuple[int, int], tuple[Value, int]]:
        """What a fusion reads: {array: (itself, bytes)}."""
        found: dict[tuple[int, int], tuple[Value, int]] = {}
        inside, waiting = set(), [(value, value)]
        while waiting:
            root, user = waiting.pop()
            written = root is not value and root.op in (
                '', *PRODUCTS, *REDUCTIONS, *OTHERS)
            if written:
                size = user.size if user.op in PARTS else root.size
                before = found.get((root.number, root.at), (root, 0))[1]
                found[root.number, root.at] = root, min(root.size, before + size)
            elif (root.number, user.number if user.op in PARTS else 0) not in inside:
                inside.add((root.number, user.number if user.op in PARTS else 0))
                if root.op in COPIES and root.number not in self._seen:
                    self._seen.add(root.number)
                    self._copies += 1
                waiting += [(source, root) for source in root.reads]
        return found


def _bytes(kind: Any) -> int:
    """Of an array type of StableHLO."""
    width = getattr(kind.element_type, 'width', 8)
    return math.prod(kind.shape) * max(1, width // 8)
