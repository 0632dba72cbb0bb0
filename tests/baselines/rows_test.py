"""Results on disk."""

import dataclasses
import subprocess

import pytest

from sparse_jax.baselines import rows

ROW = rows.Row('knn', 'digits', 10, 'abc', 0.9, 0.91, 4000, 1000, 1000, 3, 1.5, 0,
               {'neighbours': 3})


def test_rows_come_back_as_they_were_written(tmp_path):
    other = dataclasses.replace(ROW, method='svm', settings={'cost': 1.0, 'width': 0.3})
    rows.write(tmp_path / 'new', [ROW])
    rows.write(tmp_path / 'new', [ROW, other])
    assert rows.read(tmp_path / 'new') == [ROW, other]
    assert sorted(p.name for p in (tmp_path / 'new').iterdir()) == [
        'SHA256SUMS', 'baselines.csv', 'baselines.json']
    subprocess.run(['sha256sum', '-c', '--quiet', rows.SUMS], cwd=tmp_path / 'new',
                   check=True)
    lines = (tmp_path / 'new' / rows.CSV).read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith('method,data,classes,split,validation,test,')


@pytest.mark.parametrize('name', [rows.JSON, rows.CSV])
def test_a_changed_file_is_refused(tmp_path, name):
    rows.write(tmp_path, [ROW])
    path = tmp_path / name
    path.write_text(path.read_text().replace('0.91', '0.99'))
    with pytest.raises(rows.RowsError, match='is not as it was written'):
        rows.read(tmp_path)


@pytest.mark.parametrize('text', ['', 'nonsense', 'a\nb  c'])
def test_a_folder_without_rows_is_one_line(tmp_path, text):
    (tmp_path / rows.SUMS).write_text(text)
    with pytest.raises(rows.RowsError, match='has no rows of competitors'):
        rows.read(tmp_path)
