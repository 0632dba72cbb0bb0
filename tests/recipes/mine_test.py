"""The module of docs/architecture.md: a method, an objective and an algorithm of one's
own in one search, read again only with consent."""

import pathlib

import pytest

from sparse_jax.search import loop
from sparse_jax.settings.stored import dumps
from sparse_jax.study.opened import open_study
from sparse_jax.study.records import Study, StudyError
from tests import tiny_study

PAGE = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'architecture.md'


def test_it_is_searched_with_and_read_with_consent(tmp_path, monkeypatch):
    source = PAGE.read_text().split('```python\n')[1].split('```')[0]
    (tmp_path / 'code').mkdir()
    (tmp_path / 'code' / 'mine.py').write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path / 'code'))
    chosen = dict(
        pruning__method='mine:weight_decay', search__algorithm='mine:neighbours',
        objectives__names=('error', 'model_size', 'mine:traffic'), search__rounds=1)
    built = tiny_study.build(**chosen)
    folder = tmp_path / 'run'
    records = Study(folder)
    loop.run(built, records)
    records.close()
    (folder / 'config.json').write_text(dumps(tiny_study.settings(**chosen)))
    with pytest.raises(StudyError, match='trust_factories'):
        open_study(folder)
    with open_study(folder, trust_factories=True) as study:
        rows = study.records.rows()
        assert len(rows) == tiny_study.BATCH and study.front()
        for row in rows:
            net = study.network(row).net
            assert row.measured['traffic'] > 0 and net.nodes
        assert study.objectives.names == ('error', 'model_size', 'traffic')
