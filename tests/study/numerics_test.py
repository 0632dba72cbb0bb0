"""Studies that go on as they began, however the machine would lower them now."""

import contextlib
import dataclasses
import json
import sqlite3

import numpy as np
import pytest

from sparse_jax.ops import lowering as lowerings
from sparse_jax.ops.lowering import Lowering
from sparse_jax.settings.groups import Runtime
from sparse_jax.study import folder, numerics
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import FILE, Study, StudyError
from tests import tiny_study

DIRECT, PATCHES = Lowering('direct', 'map'), Lowering('patches', 'map')
TRIAL = Trial(0, np.zeros(3), 1)
needs_a_compiler = pytest.mark.skipif(
    not lowerings.runs_here('direct'), reason='no C++ compiler')


def _begin(path, lowering=None):
    """A study that has begun, with one trial, and remembers a lowering or none."""
    with contextlib.closing(Study(path)) as records:
        records.add_round(0, 0, [TRIAL], [{}], {})
        if lowering is not None:
            numerics.keep(records, lowering)


def _asked(path, wanted, stored=None):
    """(lowering of the study, what is said)."""
    said = []
    return numerics.lowering_for(path, wanted, stored, say=said.append), said


def test_auto_is_direct_on_a_cpu_with_a_compiler():
    assert lowerings.default_lowering('tpu') == Lowering('grouped', 'vmap')
    assert lowerings.default_lowering('gpu') == Lowering('tiled', 'vmap')
    conv = 'direct' if lowerings.runs_here('direct') else 'patches'
    assert lowerings.default_lowering('cpu') == Lowering(conv, 'map')
    if conv == 'direct':
        assert lowerings.chosen(prunes=False) == Lowering('direct-norm', 'map')
    assert lowerings.chosen('native', 'vmap') == Lowering('native', 'vmap')
    assert lowerings.chosen() == lowerings.default_lowering()


def test_a_new_study_is_lowered_as_its_settings_say(tmp_path):
    wanted = Runtime(conv='native', mapping='vmap')
    assert _asked(tmp_path / 'none', wanted) == (Lowering('native', 'vmap'), [])
    Study(tmp_path).close()  # no trial was suggested before the kill
    assert _asked(tmp_path, wanted) == (Lowering('native', 'vmap'), [])


@needs_a_compiler
def test_a_study_goes_on_as_it_began_and_says_so(tmp_path):
    _begin(tmp_path, PATCHES)
    assert _asked(tmp_path, Runtime(conv='patches')) == (PATCHES, [])
    found, said = _asked(tmp_path, Runtime(conv='direct', mapping='vmap'))
    assert found == PATCHES
    line, = said
    assert "as they began, with config.runtime.conv 'patches' and mapping 'map'" in line
    assert line.endswith("in place of 'direct' and 'vmap'")


@needs_a_compiler
def test_a_study_of_the_batch_norm_of_xla_keeps_it_and_its_kernels(tmp_path):
    _begin(tmp_path, DIRECT)
    said = []
    assert numerics.lowering_for(
        tmp_path, Runtime(), Runtime(), prunes=False, say=said.append) == DIRECT
    line, = said
    assert "conv 'direct' and mapping 'map' in place of 'direct-norm'" in line


@pytest.mark.parametrize('stored, conv', [
    (None, 'patches'), (Runtime(), 'patches'), (Runtime(conv='native'), 'native')])
def test_an_older_study_is_of_patches_unless_it_says_otherwise(tmp_path, stored, conv):
    _begin(tmp_path)
    found, said = _asked(tmp_path, Runtime(conv=conv), stored)
    assert found == Lowering(conv, 'map')
    line, = said
    assert 'made by a version that did not remember them' in line


def test_what_cannot_be_had_again_is_said(tmp_path):
    _begin(tmp_path)
    old = numerics.Numerics.here(PATCHES)._replace(jax='0.1.2', efforts='abc')
    with contextlib.closing(Study(tmp_path)) as records:
        records.set_meta(numerics.KEY, json.dumps(old._asdict()))
    found, (line,) = _asked(tmp_path, Runtime(conv='patches'))
    assert found == PATCHES
    assert 'jax 0.1.2 -> ' in line and 'efforts abc -> ' in line
    assert 'jaxlib' not in line and line.endswith('trainings may round differently')


def test_another_kind_of_processor_is_said(tmp_path, monkeypatch):
    _begin(tmp_path)
    stored = lambda **changes: json.dumps(
        (numerics.Numerics.here(PATCHES)._asdict() | {'vectors': 'AVX2'}) | changes)
    monkeypatch.setattr(numerics.processor, 'vectors', lambda: 'AVX-512')
    assert numerics.Numerics.here(PATCHES).vectors == 'AVX-512'
    # Of a cluster this process does not know them.
    assert [numerics.Numerics.here(PATCHES, platform).vectors
            for platform in ('cpu', 'gpu')] == ['', '']
    for changes, expected in (
            ({}, ['vectors AVX2 -> AVX-512']), ({'vectors': ''}, []),
            ({'vectors': 'AVX-512'}, [])):
        with contextlib.closing(Study(tmp_path)) as records:
            records.set_meta(numerics.KEY, stored(**changes))
        _, said = _asked(tmp_path, Runtime(conv='patches'))
        assert [line.split('(')[1].split(')')[0] for line in said] == expected


def test_the_platform_is_that_of_the_devices_that_train(tmp_path):
    # On a cluster: this process decides on a CPU, workers with GPUs train.
    setup = tiny_study.finished().setup
    folder.start_study(
        str(tmp_path), setup.settings, setup.dataset, PATCHES, 'gpu').close()
    with contextlib.closing(Study(tmp_path)) as records:
        assert json.loads(records.meta(numerics.KEY))['platform'] == 'gpu'
    wanted, said = Runtime(conv='patches', mapping='map'), []
    ask = lambda platform: numerics.lowering_for(
        tmp_path, wanted, platform=platform, say=said.append)
    assert (ask('gpu'), said) == (PATCHES, [])
    assert ask(None) == PATCHES
    assert 'have changed (platform gpu -> cpu): further trainings' in said[0]


def test_a_study_of_direct_convolutions_needs_them(tmp_path, monkeypatch):
    monkeypatch.setattr(lowerings, 'runs_here', lambda conv: conv != 'direct')
    _begin(tmp_path, DIRECT)
    with pytest.raises(StudyError, match='direct convolutions, which cannot') as e:
        _asked(tmp_path, Runtime(conv='patches'))
    assert 'allowed: JAX_PLATFORMS=cpu and a C++ compiler (c++, ' in str(e.value)
    assert len(str(e.value).splitlines()) == 1


def test_a_folder_remembers_and_refuses_another_lowering(tmp_path):
    setup = tiny_study.finished().setup
    start = lambda lowering: folder.start_study(
        str(tmp_path), setup.settings, setup.dataset, lowering)
    with contextlib.closing(start(PATCHES)) as records:
        text = records.meta(numerics.KEY)
    assert json.loads(text) == numerics.Numerics.here(PATCHES)._asdict()
    start(PATCHES).close()
    with pytest.raises(StudyError, match="began with conv 'patches' and mapping 'map'"):
        start(Lowering('native', 'map'))
    # The machine's settings are not locked, and stay as the person wrote them.
    runtime = dataclasses.replace(setup.settings.runtime, conv='native')
    other = dataclasses.replace(setup.settings, runtime=runtime)
    folder.start_study(str(tmp_path), other, setup.dataset, PATCHES).close()
    assert folder.read_settings(str(tmp_path)).runtime.conv == 'native'


def test_what_is_no_record_is_none(tmp_path):
    _begin(tmp_path, PATCHES)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute('UPDATE meta SET value = ? WHERE key = ?', ('[1]', numerics.KEY))
    found, said = _asked(tmp_path, Runtime(conv='patches'))
    assert found == PATCHES and len(said) == 1
    (tmp_path / FILE).write_bytes(b'no database')
    assert _asked(tmp_path, Runtime(conv='native')) == (Lowering('native', 'map'), [])
