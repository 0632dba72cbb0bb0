"""Lowering through the store: traced once, the same to the last bit ever after."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.lowered import files
from sparse_jax.lowered import lower as lowering
from sparse_jax.lowered.lower import lower


class Pair(NamedTuple):
    """Arguments and results of the programs below."""

    key: jax.Array
    x: jax.Array


lowering.register(Pair)


@pytest.fixture
def store(tmp_path):
    """A store of one test."""
    lowering.use(tmp_path)
    yield tmp_path
    lowering.use(None)


class Counted:
    """Makes functions of (pair, number) that JAX has not seen; counts their traces."""

    def __init__(self):
        self.traces = 0

    def fresh(self):
        def function(pair, n):
            self.traces += 1
            noise = jax.random.normal(pair.key, pair.x.shape)
            return {
                'a': Pair(jax.random.split(pair.key)[0], jnp.sin(pair.x) * noise + n)}

        return function


def _sharded(axis='d'):
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ('d',))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(axis))
    return jax.device_put(np.linspace(-2, 2, 12).reshape(4, 3).astype('f4'), place)


def _arguments(x=None):
    return Pair(jax.random.key(3), np.ones(4, np.float32) if x is None else x), 2


def _run(function, decided_by='it', arguments=None):
    arguments = arguments or _arguments()
    function = function.fresh() if isinstance(function, Counted) else function
    found = lower(function, arguments, decided_by=decided_by).compile()(*arguments)
    is_key = lambda leaf: jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.device_get(jax.tree.map(
        lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, found))


def test_a_program_is_traced_once(store):
    function = Counted()
    first, again = (_run(function) for _ in range(2))
    assert function.traces == 1 and len(list(store.iterdir())) == 1
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert isinstance(again['a'], Pair)
    lowering.use(None)
    jax.tree.map(np.testing.assert_array_equal, first, _run(function))
    assert function.traces == 2


def test_what_decides_it_makes_it_another(store):
    function = Counted()
    _run(function)
    _run(function, decided_by='other')
    _run(function, arguments=_arguments(np.ones(5, np.float32)))
    with jax.enable_x64(True):
        _run(function)
    assert function.traces == 4 == len(list(store.iterdir()))


def test_sharded_arguments_are_taken_from_the_store(store):
    function = Counted()
    results = []
    for axis in ('d', None, 'd', None):
        x = _sharded(axis)
        key = jax.device_put(jax.random.key(3), x.sharding.mesh.devices.flat[0])
        key = jax.device_put(key, jax.sharding.NamedSharding(
            x.sharding.mesh, jax.sharding.PartitionSpec()))
        results.append(_run(function, arguments=(Pair(key, x), np.int32(1))))
    assert function.traces == 2
    for found in results:
        np.testing.assert_array_equal(found['a'].x, results[0]['a'].x)


@pytest.mark.parametrize('content', [b'', b'not a program', bytes(1000)])
def test_a_damaged_or_foreign_entry_is_written_again(store, content):
    function = Counted()
    first = _run(function)
    path, = store.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    _run(function)
    assert function.traces == 2 and files.read(store, path.stem)
    # Under the right name and whole, but no program.
    files.write(store, path.stem, content)
    for _ in range(2):
        jax.tree.map(np.testing.assert_array_equal, first, _run(function))
    assert function.traces == 3


def test_what_cannot_be_described_is_traced_each_time(store):
    function = Counted()
    for _ in range(2):
        _run(function, decided_by=lambda: None)
    assert function.traces == 2 and not list(store.iterdir())


def test_an_error_of_the_function_is_raised(store):
    def fails(pair, n):
        raise ValueError('its own')

    with pytest.raises(ValueError, match='its own'):
        _run(fails)
    assert not list(store.iterdir())


def test_events_tell_what_was_traced(store):
    events = []
    listen = lambda event, **_: events.append(event)
    jax.monitoring.register_event_listener(listen)
    try:
        for _ in range(2):
            _run(Counted())
    finally:
        jax.monitoring.unregister_event_listener(listen)
    own = [event for event in events if event.startswith('/sparse_jax/')]
    assert own == [lowering.TRACED, lowering.READ]
