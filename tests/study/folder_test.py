"""Studies in folders."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import pytest

from launch import config_flag
from sparse_jax.export.chip import boards
from sparse_jax.settings.reading import read
from sparse_jax.study import folder as workdir
from sparse_jax.study.opened import find_network, open_study
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import FILE, StudyError
from tests import tiny_study
from tests.launch import command_line


def test_a_study_makes_its_folder_and_keeps_its_configuration(tmp_path):
    folder, config = tmp_path / 'new' / 'deep', tiny_study.config()
    images = tiny_study.finished().setup.dataset
    for rounds in (2, 3):  # rounds may grow
        config.search.rounds = rounds
        workdir.start_study(str(folder), read(config), images).close()
        assert workdir.read_settings(str(folder)).search.rounds == rounds
    with pytest.raises(StudyError, match='seed: 0 -> 1'):
        workdir.start_study(str(folder), tiny_study.settings(seed=1), images)
    changed = images.train._replace(labels=images.train.labels[::-1])
    other = dataclasses.replace(images, train=changed)
    config.search.rounds = 4
    with pytest.raises(StudyError, match="labels of 'tiny', or .*, have changed since"):
        workdir.start_study(str(folder), read(config), other)
    assert workdir.read_settings(str(folder)).search.rounds == 3


def test_the_study_of_another_user_is_one_line(tmp_path, monkeypatch):
    """Before data are loaded; a system's administrator may write it, so it is asked."""
    tmp_path.joinpath(FILE).write_bytes(b'')
    workdir.check_settings(str(tmp_path), tiny_study.settings())
    asked = os.access
    monkeypatch.setattr(os, 'access', lambda path, mode: (
        pathlib.Path(path).name != FILE and asked(path, mode)))
    with pytest.raises(StudyError, match=r'study.sqlite cannot be written; allowed: a '
                                         r'study of yours, or a copy of the folder$'):
        workdir.check_settings(str(tmp_path), tiny_study.settings())


def test_settings_added_since_a_study_began_have_their_defaults(tmp_path):
    config, images = tiny_study.config(), tiny_study.finished().setup.dataset
    workdir.start_study(str(tmp_path), read(config), images).close()
    path = tmp_path / 'config.json'
    older = json.loads(path.read_text())
    del older['budgets'], older['search']['min_overlap']
    path.write_text(json.dumps(older))
    assert workdir.read_settings(str(tmp_path)) == read(config)
    open_study(str(tmp_path)).close()
    config.search.min_overlap = 0.25
    with pytest.raises(StudyError, match=r'search.min_overlap: 0.5 -> 0.25'):
        workdir.check_settings(str(tmp_path), read(config))
    config.search.min_overlap = 0.5
    workdir.start_study(str(tmp_path), read(config), images).close()
    assert 'min_overlap' in json.loads(path.read_text())['search']


def test_a_study_finds_its_data_from_anywhere(tmp_path, monkeypatch):
    config, images = tiny_study.config(), tiny_study.finished().setup.dataset
    monkeypatch.chdir(tiny_study.data_file().parent)
    config.data.path = tiny_study.data_file().name
    workdir.start_study(str(tmp_path), read(config), images).close()
    assert config.data.path == tiny_study.data_file().name
    monkeypatch.chdir('/')
    assert workdir.read_settings(str(tmp_path)).data.path == str(tiny_study.data_file())
    config.data.path = '/moved/tiny.npz'
    workdir.check_settings(str(tmp_path), read(config))


def test_the_configuration_of_a_study_is_an_experiment_file(tmp_path, capsys):
    images = tiny_study.finished().setup.dataset
    workdir.start_study(str(tmp_path), tiny_study.settings(), images).close()
    path = tmp_path / 'config.json'
    stored = config_flag.load(str(path))
    assert stored.to_dict() == tiny_study.config().to_dict()
    # The same configuration is accepted, another seed is not.
    found = command_line.run(capsys, 'search', f'--config={path}', '--config.seed=1',
                             f'--workdir={tmp_path}')
    assert found.code == 2 and 'another configuration' in found.err
    assert found.err.count(' -> ') == 2 and 'seed: 0 -> 1' in found.err


def test_points_of_another_table_are_one_line(tmp_path):
    """As of a version whose table had a row less."""
    images = tiny_study.finished().setup.dataset
    study = workdir.start_study(str(tmp_path), tiny_study.settings(), images)
    rows = len(tiny_study.finished().setup.space.dimensions)
    study.add_round(0, 0, [Trial(0, np.full(rows - 1, 0.5), 1)], [{}], {})
    study.close()
    line = (f'trial 0 is a point of a table of {rows - 1} rows, that of '
            f"config.space.rows='table' has {rows}; allowed: the version")
    with pytest.raises(StudyError, match=line):
        open_study(tmp_path)
    with pytest.raises(StudyError, match=line):
        workdir.start_study(str(tmp_path), tiny_study.settings(), images)


def test_a_study_keeps_its_board(tmp_path, monkeypatch):
    board, images = tmp_path / 'mine.json', tiny_study.finished().setup.dataset
    board.write_text((boards.FOLDER / 'microbit.json').read_text())
    config = tiny_study.config()
    config.objectives.board, config.budgets.latency = str(board), 5.0
    for _ in range(2):
        workdir.start_study(str(tmp_path / 'run'), read(config), images).close()
    with monkeypatch.context() as patch:
        patch.setattr(workdir, 'models_digest', lambda: 'of another version')
        with pytest.raises(StudyError, match='cost models of the library have changed'):
            workdir.start_study(str(tmp_path / 'run'), read(config), images)
        open_study(str(tmp_path / 'run')).close()
    faster = json.loads(board.read_text()) | {'clock_hz': 32e6}
    board.write_text(json.dumps(faster))
    with pytest.raises(StudyError, match='of board .*mine.json. has changed since'):
        workdir.start_study(str(tmp_path / 'run'), read(config), images)


def test_the_file_of_a_board_is_found_from_anywhere(tmp_path, monkeypatch):
    images, elsewhere = tiny_study.finished().setup.dataset, tmp_path / 'elsewhere'
    elsewhere.mkdir()
    board = tmp_path / 'mine.json'
    board.write_text((boards.FOLDER / 'microbit.json').read_text())
    monkeypatch.chdir(tmp_path)
    config = tiny_study.config()
    config.objectives.board, config.budgets.latency = 'mine.json', 5.0
    workdir.start_study('run', read(config), images).close()
    # Continued by the same command, looked at from another folder.
    workdir.start_study('run', read(config), images).close()
    monkeypatch.chdir(elsewhere)
    with open_study('../run') as study:
        assert study.settings.objectives.board == str(board)


def test_an_unknown_network_is_named_with_those_there_are(tmp_path):
    setup = tiny_study.finished().setup
    records = workdir.start_study(str(tmp_path), tiny_study.settings(), setup.dataset)
    line = '--trial=7: no such trial; allowed: best, none yet'
    with pytest.raises(StudyError, match=line):
        find_network(records, '7', setup.objectives)
    with pytest.raises(StudyError, match='soft bounds of 2048 B and 2048 B yet'):
        find_network(records, 'best', setup.objectives)
    records.close()


def test_a_folder_of_several_studies_names_what_reads_them(tmp_path):
    (tmp_path / 'sweep' / 'one').mkdir(parents=True)
    (tmp_path / 'sweep' / 'one' / 'study.sqlite').write_text('')
    with pytest.raises(StudyError, match='sweep.: has several studies and is none; '
                                         'allowed: .* launch.compare for all'):
        workdir.read_settings(tmp_path / 'sweep')
    with pytest.raises(StudyError, match='no study here'):
        workdir.read_settings(tmp_path)
