"""launch.data: what a person reads of their images."""

import json

import numpy as np
import PIL.Image

from tests.data import folders
from tests.launch import command_line


def _run(capsys, folder, *more):
    return command_line.run(capsys, 'data', '--config.data.name=own',
                            f'--config.data.path={folder}', *more)


def test_a_folder_of_pictures(tmp_path, capsys):
    written = folders.classes(tmp_path / 'set', ('cat', 'dog', 'a bird'))
    first = next(iter(written.values()))
    for i in range(15):
        folders.picture(tmp_path / 'set' / 'dog' / f'more{i}.png', folders.grey())
    folders.picture(tmp_path / 'set' / 'dog' / 'same.png', first)
    before = command_line.contents(tmp_path)
    found = _run(capsys, tmp_path / 'set', f'--out={tmp_path}/new/sheet.png',
                 '--config.train.batch_size=8')
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert max(map(len, lines)) <= 100
    assert 'own: 6x5x1 pixels, uint8' in found.out
    table = {line[:8].strip(): line[8:].split() for line in lines if line.strip()}
    counts = {name: sum(map(int, table[name])) for name in ('cat', 'dog', 'a bird')}
    assert counts == {'cat': 10, 'dog': 26, 'a bird': 10}
    assert table['total'] == ['33', '4', '9']
    assert "always naming the largest class, 'dog'" in found.out
    assert 'an epoch has 4 steps of 8 images; 40 epochs are 160 steps' in found.out
    # In whichever parts the two equal pictures are.
    assert 'warning: 1 ' in found.out
    assert PIL.Image.open(tmp_path / 'new' / 'sheet.png').mode == 'RGB'
    (tmp_path / 'new' / 'sheet.png').unlink()
    assert command_line.contents(tmp_path) == before


def test_json(tmp_path, capsys):
    folders.classes(tmp_path / 'set')
    found = json.loads(_run(capsys, tmp_path / 'set', '--json').out)
    assert found['class_names'] == ['cat', 'dog'] and found['shape'] == [6, 5, 1]
    assert np.sum(list(found['counts'].values())) == 20
    assert found['steps_per_epoch'] == 1 and found['repeated'] == []


def test_mistakes_are_one_line(tmp_path, capsys):
    folders.classes(tmp_path / 'set')
    for more, words in ((['--out=sheet.jpg'], 'ends in .png'),
                        ([f'--out={tmp_path}/set/cat/00.png/s.png'], '00.png'),
                        (['--config.data.channels=2'], 'channels: 2')):
        found = _run(capsys, tmp_path / 'set', *more)
        assert found.code == 2 and found.err.count('\n') == 1, found
        assert words in found.err
