"""What a pruning method of a person's own must give: checked on shapes alone.

The five functions are traced over a small tree of layers, and nothing is compiled.
"""

import math
import numbers
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from sparse_jax.factories import told
from sparse_jax.pruning.method import PruningMethod, Tree

_KERNELS = {'block-1-layer-1': (6, 2, 3, 3), 'block-1-layer-2': (6, 4, 4),
            'classifier': (5, 7)}
"""A convolution [outputs, inputs, height, width], a depthwise one [maps, height, width]
and a dense layer [units, inputs]; no two sizes of a kernel broadcast by accident."""
_NORMED = 'block-1-layer-1'
_NOISE = ('variance', 'group_mean', 'group_variance')
_FORMS = {
    'init': '(params, valid) -> {node: {name: array}}',
    'noise': "(params, aux) -> {node: {'variance': array}}, {} for none",
    'penalty': '(params, aux, valid) -> a number',
    'mean': '(params, aux) -> a tree like params',
    'score': '(params, aux) -> {node: array} of every layer with a kernel',
}


def check_method(method: PruningMethod) -> None:
    """Refuse a method whose functions do not give what trainings need.

    Args:
      method: any; those of the library pass.

    Raises:
      ValueError: one line: which part gives what, and what is allowed.
    """
    _check_fields(method)
    params, valid = _layers()
    aux = _given(method, 'init', params, valid)
    _check_aux(aux, params)
    _check_noise(_given(method, 'noise', params, aux))
    penalty = _given(method, 'penalty', params, aux, valid)
    if not hasattr(penalty, 'shape') or penalty.shape or not _is_real(penalty):
        raise _refusal('penalty', f'gives {_shown(penalty)}')
    _check_mean(_given(method, 'mean', params, aux), params)
    _check_score(_given(method, 'score', params, aux))


def _check_fields(method: PruningMethod) -> None:
    cut = method.default_cut
    if not isinstance(cut, numbers.Real) or not math.isfinite(cut):
        raise ValueError(f'default_cut is {cut!r:.40}; allowed: a finite number')
    for field in ('structured', 'gated', 'thresholds', 'prunes'):
        given = getattr(method, field)
        if not isinstance(given, bool):
            raise ValueError(f'{field} is {given!r:.40}; allowed: True or False')
    for part in _FORMS:
        if not callable(getattr(method, part)):
            raise _refusal(part, f'is {getattr(method, part)!r:.40}')


def _layers() -> tuple[Tree, Tree]:
    """(params, valid): shapes as those of a network."""
    params, valid = {}, {}
    for node, shape in _KERNELS.items():
        sizes = {'kernel': shape, 'bias': shape[:1]}
        valid[node] = {k: jax.ShapeDtypeStruct(s, bool) for k, s in sizes.items()}
        if node == _NORMED:
            # The shift of the batch norm is its bias.
            params[f'{node}-norm'] = {name: jax.ShapeDtypeStruct(shape[:1], jnp.float32)
                                      for name in ('scale', 'shift')}
            del sizes['bias']
        params[node] = {k: jax.ShapeDtypeStruct(s, jnp.float32)
                        for k, s in sizes.items()}
    return params, valid


def _given(method: PruningMethod, part: str, *trees: Tree) -> Any:
    """Shapes of what a function gives for trees of shapes."""
    try:
        return jax.eval_shape(getattr(method, part), *trees)
    # A person's program may raise anything.
    except Exception as error:
        raise _refusal(part, f'fails ({told(error)})') from error


def _refusal(part: str, what: str) -> ValueError:
    return ValueError(f'{part} {what}; allowed: a function of {_FORMS[part]}')


def _check_aux(aux: Any, params: Tree) -> None:
    for node, leaves in _nodes('init', aux, params).items():
        # What has no kernel is a batch norm: an entry for every map.
        kernel = _KERNELS.get(node, params[node].get('scale', params[node].get(
            'kernel')).shape)
        for name, leaf in _leaves('init', node, leaves).items():
            # Stored weights are cut and inherited by these names.
            by_input = len(kernel) == 2 and name.startswith('group_')
            sizes = {(), kernel, kernel[1:] if by_input else kernel[:1]}
            if leaf.shape not in sizes or not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise ValueError(
                    f'init gives {node}/{name} as {_shown(leaf)}, where the kernel is '
                    f'{kernel}; allowed: floats of the shape of the kernel, [] or '
                    '[outputs], in a dense layer [inputs] by a name that starts with '
                    "'group_'")


def _check_noise(noise: Any) -> None:
    for node, leaves in _nodes('noise', noise, _KERNELS).items():
        kernel = _KERNELS[node]
        found = _leaves('noise', node, leaves)
        groups = kernel[1:] if len(kernel) == 2 else kernel[:1]
        fine = set(found) <= set(_NOISE) and (
            'group_mean' in found) == ('group_variance' in found)
        fine = fine and all(
            _spreads(leaf, kernel) if name == 'variance' else leaf.shape == groups
            for name, leaf in found.items())
        if not fine:
            given = ', '.join(f'{name} {leaf.shape}' for name, leaf in found.items())
            raise ValueError(
                f'noise gives {node} with {given:.120}, where the kernel has the shape '
                f"{kernel}; allowed: 'variance' of that shape, and 'group_mean' with "
                "'group_variance' of [outputs], in a dense layer of [inputs]")


def _check_mean(mean: Any, params: Tree) -> None:
    found = {node: _leaves('mean', node, leaves)
             for node, leaves in _nodes('mean', mean, params).items()}
    for node, leaves in params.items():
        for name, leaf in leaves.items():
            given = found.get(node, {}).get(name)
            if given is None or given.shape != leaf.shape or not _is_real(given):
                raise _refusal('mean', f'gives {node}/{name} as {_shown(given)}, which '
                                       f'in params has the shape {leaf.shape}')
        extra = set(found[node]) - set(leaves)
        if extra:
            raise _refusal('mean', f'gives {node}/{sorted(extra)[0]}, which is not in '
                                   'params')


def _check_score(score: Any) -> None:
    if not isinstance(score, Mapping):
        raise _refusal('score', f'gives {_shown(score)}')
    for node, kernel in _KERNELS.items():
        given = score.get(node)
        if not hasattr(given, 'shape') or not _spreads(given, kernel):
            raise _refusal('score', f'gives {node} as {_shown(given)}, which does not '
                                    f'broadcast to the kernel {kernel}')


def _nodes(part: str, tree: Any, known: Mapping) -> Mapping:
    """A tree by the names of layers."""
    if not isinstance(tree, Mapping):
        raise _refusal(part, f'gives {_shown(tree)}')
    for node in tree:
        if node not in known:
            raise _refusal(part, f'gives {node!r:.40}, which is no layer of '
                                 f'{", ".join(known)}')
    return tree


def _leaves(part: str, node: str, leaves: Any) -> Mapping:
    """The arrays of a layer by their names."""
    if not isinstance(leaves, Mapping) or not all(
            hasattr(leaf, 'shape') for leaf in leaves.values()):
        raise _refusal(part, f'gives {node} as {_shown(leaves)}')
    return leaves


def _spreads(given: Any, kernel: tuple[int, ...]) -> bool:
    """Whether numbers broadcast against a kernel, to its shape."""
    try:
        return _is_real(given) and jnp.broadcast_shapes(given.shape, kernel) == kernel
    except ValueError:
        return False


def _is_real(leaf: Any) -> bool:
    return not jnp.issubdtype(leaf.dtype, jnp.complexfloating)


def _shown(given: Any) -> str:
    """A shape, or what there is in its place."""
    if hasattr(given, 'shape'):
        return f'{given.dtype} of shape {given.shape}'
    return 'nothing' if given is None else f'a {type(given).__name__}'
