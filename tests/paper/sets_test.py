"""Sets of the paper that nobody downloads, from a folder of their form to a table."""

import pytest

from experiments.paper import competitors, table
from sparse_jax.baselines import rows
from tests.data import folders
from tests.launch import command_line


@pytest.mark.parametrize('preset, set_, make', [
    ('curet', 'curet-61', folders.materials),
    ('curet_binary', 'curet-2', folders.materials),
    ('usps_binary', 'usps-2', lambda path: folders.zip_codes(path / 'usps.npz'))])
def test_competitors_stand_beside_the_published_rows(
        tmp_path, capsys, preset, set_, make):
    words = [f'--config=experiments/{preset}_cpu.py', '--methods=knn',
             f'--workdir={tmp_path / "rows"}']
    missing = command_line.run(capsys, 'baselines', *words)
    assert missing.code == 2 and missing.err.count('\n') == 1
    assert 'nothing downloads it; accepted: data.path of ' in missing.err
    path = make(tmp_path / 'images')
    found = command_line.run(
        capsys, 'baselines', *words, f'--config.data.path={path}')
    assert found.code == 0, found.err
    row, = rows.read(tmp_path / 'rows')
    # A feature of every neighbour is a value: 32 x 32 grey pixels, and 16 x 16.
    features = 256 if set_ == 'usps-2' else 1024
    assert competitors.set_of(row) == set_ and row.values % features == 0
    text = table.text(table.Read([], {}, [row], []), hardware='')
    assert f'### {set_}\n' in text and f'| {100 * row.test:.2f} | {row.values:,} | ' \
        in text
    assert 'Tuned here on validation images: kNN (best of 3, seed 0).' in text
