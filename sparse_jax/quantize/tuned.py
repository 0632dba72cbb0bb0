"""The better of a network and its fine-tuned form, judged as both will run in int8."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax.model.compact import CompactNet, per_class
from sparse_jax.quantize.emulate import dequantize, emulate
from sparse_jax.quantize.quantize import quantize
from sparse_jax.quantize.quantized import UnfitNetworkError
from sparse_jax.quantize.ranges import Ranges, Tuning

_SHARE = 8
_FEWEST = 16
_MOST = 2000

Candidate = tuple[CompactNet, Ranges]


class Judge(NamedTuple):
    """Raw pixels [N, H, W, C] and labels [N] that tell the better network."""

    images: np.ndarray
    labels: np.ndarray

    def score(self, candidate: Candidate) -> tuple[float, float]:
        """(accuracy, mean log likelihood) in exact int8 arithmetic; larger is better.

        A network that int8 cannot hold scores (nan, -inf).
        """
        try:
            qnet = quantize(*candidate)
        except UnfitNetworkError:
            return np.nan, -np.inf
        codes, labels = emulate(qnet, self.images), np.asarray(self.labels, np.int64)
        real = per_class(dequantize(qnet, codes))
        right = float(np.mean(real.argmax(-1) == labels))
        real = real - real.max(axis=-1, keepdims=True)
        likely = real - np.log(np.exp(real).sum(axis=-1, keepdims=True))
        picked = np.take_along_axis(likely, labels[:, None], axis=-1)
        return right, float(picked.mean())


def hold_out(key: jax.Array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows to train with, rows that judge), ascending, of `count` images."""
    if count < _FEWEST:
        return np.arange(count), np.arange(count)
    order = np.asarray(jax.random.permutation(key, count))
    judges = min(count // _SHARE, _MOST)
    return np.sort(order[judges:]), np.sort(order[:judges])


def better(judge: Judge, start: Candidate, end: Candidate | None) -> Candidate:
    """The better candidate, the start if they are equal; its ranges say which it is.

    `end` is None if the training diverged.
    """
    before = judge.score(start)
    after = (np.nan, -np.inf) if end is None else judge.score(end)
    # A start that int8 cannot hold loses to any that it can.
    wins = np.isfinite(after[0]) and (not np.isfinite(before[0]) or after > before)
    net, ranges = end if end is not None and wins else start
    tuning = Tuning('end' if wins else 'start', before[0], after[0],
                    len(judge.labels))
    return net, dataclasses.replace(ranges, tuning=tuning)
