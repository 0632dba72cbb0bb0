"""Results on disk."""

import dataclasses
import json
import subprocess
from unittest import mock

import pytest

from sparse_jax import replacing
from sparse_jax.baselines import rows

ROW = rows.Row('knn', 'digits', 10, 'abc', 'def', 0.9, 0.91, 4000, 1000, 1000, 3, 1.5,
               {'neighbours': 3}, {'kilobytes': 16.0, 'seed': 4})
OTHER = dataclasses.replace(ROW, method='svm', settings={'cost': 1.0, 'width': 0.3})


def test_rows_come_back_as_they_were_written(tmp_path):
    rows.write(tmp_path / 'new', [ROW])
    rows.write(tmp_path / 'new', [ROW, OTHER])
    assert rows.read(tmp_path / 'new') == [ROW, OTHER]
    assert sorted(p.name for p in (tmp_path / 'new').iterdir()) == [
        'SHA256SUMS', 'baselines.csv', 'baselines.json']
    subprocess.run(['sha256sum', '-c', '--quiet', rows.SUMS], cwd=tmp_path / 'new',
                   check=True)
    lines = (tmp_path / 'new' / rows.CSV).read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(
        'method,data,classes,split,test_split,validation,test,published_bytes')


def test_the_seed_is_what_was_asked_for():
    assert ROW.seed == 4 and 'seed' not in dataclasses.asdict(ROW)


def test_changed_rows_are_refused(tmp_path):
    rows.write(tmp_path, [ROW])
    path = tmp_path / rows.JSON
    path.write_text(path.read_text().replace('0.91', '0.99'))
    with pytest.raises(rows.RowsError, match='is not as it was written'):
        rows.read(tmp_path)


@pytest.mark.parametrize('place', range(3))
def test_a_kill_between_the_files_loses_no_row(tmp_path, place):
    rows.write(tmp_path, [ROW])
    whole, seen = replacing.write, []

    def killed(path, text):
        seen.append(path)
        if len(seen) > place:
            raise KeyboardInterrupt
        whole(path, text)

    with mock.patch.object(replacing, 'write', killed), \
            pytest.raises(KeyboardInterrupt):
        rows.write(tmp_path, [ROW, OTHER])
    found = rows.read(tmp_path)
    assert found == ([ROW, OTHER] if place else [ROW])
    assert rows.is_whole(tmp_path, found) == (place == 0)
    rows.write(tmp_path, found)
    assert rows.is_whole(tmp_path, found)


@pytest.mark.parametrize('text', ['', 'nonsense', '[]', '{"rows": []}'])
def test_what_holds_no_rows_is_one_line(tmp_path, text):
    with pytest.raises(rows.RowsError, match='has no rows of competitors'):
        rows.read(tmp_path)
    (tmp_path / rows.JSON).write_text(text)
    with pytest.raises(rows.RowsError, match='of another version') as found:
        rows.read(tmp_path)
    assert '\n' not in str(found.value)


def test_rows_of_another_version_are_one_line(tmp_path):
    rows.write(tmp_path, [ROW])
    tree = json.loads((tmp_path / rows.JSON).read_text())
    del tree['rows'][0]['asked']['seed']
    tree['digest'] = rows._digest(tree['rows'])
    (tmp_path / rows.JSON).write_text(json.dumps(tree))
    with pytest.raises(rows.RowsError, match='is of another version'):
        rows.read(tmp_path)


def test_rows_of_other_data_are_refused(tmp_path):
    rows.write(tmp_path, [ROW])
    assert rows.of_data(tmp_path, 'abc') == [ROW]
    with pytest.raises(rows.RowsError, match=r'has knn on other data \(digits\)'):
        rows.of_data(tmp_path, 'abd')
