"""Programs of pages that have no test of their own run as they are printed."""

import bz2
import pathlib
import re
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.datasets import dump_svmlight_file

from sparse_jax.quantize.random_nets import random_images, random_net
from sparse_jax.settings.stored import dumps
from tests import tiny_study
from tests.docs.pages import ROOT, blocks

OWN = {'library.md': 'tests/docs_test.py', 'recipes.md': 'tests/docs/recipes_test.py',
       'tutorial.md': 'tests/docs/tutorial_test.py',
       'architecture.md': 'tests/recipes/mine_test.py'}
"""Pages whose programs have a test of their own."""
HERE = ('baselines.md', 'on_chip.md', 'report.md', 'sweeps.md')


def _program(page):
    """The only program of a page."""
    block, = blocks(page, 'python')
    return block.text


def test_every_page_with_a_program_is_here():
    pages = {page.name for page in (ROOT / 'docs').glob('*.md')
             if blocks(page.name, 'python')}
    assert pages == {*OWN, *HERE}
    for page, file in OWN.items():
        assert page in (ROOT / file).read_text()


def test_the_page_of_sweeps_prints_its_preset():
    preset = (ROOT / 'experiments' / 'digits_methods.py').read_text()
    functions = re.split(r'\n\n\n', _program('sweeps.md').strip())
    assert len(functions) == 2 and all(text in preset for text in functions)


def test_a_page_of_a_study_from_python(tmp_path):
    folder = tmp_path / 'digits'
    shutil.copytree(tiny_study.finished().workdir, folder)
    (folder / 'config.json').write_text(dumps(tiny_study.settings()))
    program = _program('report.md')
    assert "'runs/digits'" in program
    names = {}
    exec(program.replace('runs/digits', str(folder)), names)
    assert names['text'].startswith('<!DOCTYPE html>')


def test_how_usps_becomes_one_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.linspace(-1, 1, 20 * 256).reshape(20, 256)
    for name in ('usps', 'usps.t'):
        dump_svmlight_file(pixels, np.arange(20) % 10 + 1, name, zero_based=False)
        plain = pathlib.Path(name)
        plain.with_name(f'{name}.bz2').write_bytes(bz2.compress(plain.read_bytes()))
    text = (ROOT / 'docs' / 'data.md').read_text()
    program, = re.findall(r'((?:^    .*\n)*    np\.savez\(.*\n)', text, re.M)
    exec(re.sub('^    ', '', program, flags=re.M), {})
    with np.load('usps.npz') as made:
        assert made['x_train'].shape == (20, 16, 16) and made['y_test'].max() == 9
        np.testing.assert_array_equal(
            made['x_test'].ravel()[[0, -1]], [0, 255])


@pytest.mark.slow
def test_a_grid_of_a_competitor():
    exec(_program('baselines.md'), {})


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec('ziglang') and find_spec('unicorn')),
                    reason='needs requirements-mcu.txt')
def test_an_export_from_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = random_net(3)
    images = random_images(net, 6)
    exec(_program('on_chip.md'), {
        'net': net, 'train_images': images, 'test_images': images,
        'test_labels': np.zeros(6, np.int64)})
    assert (tmp_path / 'out' / 'report.json').is_file()
