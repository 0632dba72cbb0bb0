"""Inputs that no launcher may take, and the table of what each one prints.

    python -m tests.launch.bad_inputs > docs/bad_inputs.md

runs all of them and writes the table again.
"""

import contextlib
import io
import json
import pathlib
import re
import shutil
import sqlite3
import tempfile
from typing import NamedTuple

import numpy as np
import PIL.Image

from sparse_jax.settings.stored import dumps
from sparse_jax.study import schema
from tests import tiny_study
from tests.launch import command_line


class Case(NamedTuple):
    """A command line and words that its one line of error must have."""

    title: str
    launcher: str
    arguments: tuple[str, ...]
    """{dir} stands for the folder of `prepare`."""
    words: tuple[str, ...]


def _search(title, *arguments, words, workdir='--workdir={dir}/new'):
    return Case(title, 'search', (*filter(None, [workdir]), *arguments), words)


def _sweep(title, text, *words):
    return Case(title, 'sweep', ('--workdir={dir}/new', f'--sweep={text}'), words)


def _setting(title, override, *words):
    return _search(title, f'--config.{override}', words=words)


CASES = (
    _search('unknown flag', '--bogus=1', words=('unknown flag --bogus', '--help')),
    _search('misspelt flag', '--wrkdir=x', words=('--wrkdir', 'mean --workdir')),
    _search('word that is no flag', 'extra', words=("'extra'", 'start with --')),
    _search('required flag missing', workdir=None, words=('--workdir is missing',)),
    _search('empty workdir', workdir='--workdir=',
            words=('--workdir', 'is empty; allowed: a folder')),
    _search('flag without its value', '--config.search.rounds', words=('rounds',)),
    _setting('unknown setting', 'search.xyzzy=3', 'config.search.xyzzy',
             'search.batch, ', 'search.rounds, '),
    _setting('misspelt setting', 'search.ruonds=3', 'mean search.rounds'),
    _setting('unknown group', 'serach.rounds=3', 'mean search.rounds'),
    _setting('group in place of a setting', 'search=3', 'group', 'search.rounds'),
    _setting('wrong type', 'search.rounds=abc', "rounds: 'abc'", 'a whole number'),
    _setting('fraction of a round', 'search.rounds=2.5', "'2.5'", 'a whole number'),
    _setting('text for a number', 'train.decay=half', "'half'", 'a number'),
    _setting('no rounds', 'search.rounds=0', 'rounds: 0', '1 or more'),
    _setting('out of range', 'train.decay=2', 'decay: 2.0', '0 to 1'),
    _setting('infinite number', 'objectives.error=inf', 'error: inf', 'finite'),
    _setting('unknown pruning method', 'pruning.method=lasso', "'lasso'", 'sparse_vd'),
    _setting('pruning method of one\'s own that does not exist',
             'pruning.method=nosuch:method', "No module named 'nosuch'"),
    _setting('pruning method of one\'s own that is none',
             'pruning.method=collections:Counter', 'a PruningMethod'),
    _search('a row that a schedule holds',
            '--config.pruning.method=gradual_magnitude',
            '--config.space.restrict=log-alpha-offset=1',
            words=('log-alpha-offset', 'allowed: ')),
    _search('pruning to a limit that there is none of',
            '--config.pruning.method=gradual_magnitude',
            "--config.objectives.names=('error','latency')",
            words=('without a limit', 'model_size')),
    _search('pruning at an end that there is none of',
            '--config.pruning.method=gradual_magnitude',
            '--config.pruning.at_end=True',
            words=('at_end: True', 'search.final_share above 0')),
    _setting('unknown algorithm', 'search.algorithm=grid', "'grid'", 'random'),
    _setting('bad tiers', 'tiers.widths=(4,8)', '(4, 8)', 'at least 100'),
    _setting('tiers that are text', 'tiers.widths=abc', 'abc', 'whole numbers'),
    _setting('kernel ranges with a gap', 'tiers.kernels=((2,3),)', '2 to 5'),
    _setting('unknown objective', "objectives.names=('error','volume')", 'volume',
             'flash, ram'),
    _setting('objectives without the error', "objectives.names=('flash','ram')",
             "'error', then"),
    _setting('objective twice', "objectives.names=('error','ram','ram')", 'different'),
    _setting('restriction of no row', 'space.restrict=kernel=3', "'kernel' is no row",
             'kernel-size-block-*'),
    _setting('restriction without a value', 'space.restrict=batch-norm', 'ROW=VALUE'),
    _setting('restriction to other values', 'space.restrict=num-filters-*=0:9',
             'num-filters-block-1-layer-1', '1 to 100'),
    _setting('restriction that leaves nothing',
             'space.restrict=num-conv-layers-block-1=3,kernel-size-*=5', '(8, 8, 1)',
             'smaller kernels'),
    _setting('unknown board', 'objectives.board=z80', "'z80'", 'microbit'),
    _setting('negative budget', 'budgets.ram=-1', 'budgets.ram: -1', '0 (no budget)'),
    _setting('budget that nothing meets', 'budgets.ram=5', 'ram 5', 'might meet'),
    _setting('limit that nothing is within', 'limits.max_weights=1', 'max_weights 1'),
    _setting('soft bound of nothing', 'objectives.latency=0', 'latency: 0.0'),
    _setting('negative seed', 'seed=-1', 'seed: -1', '0 to 4294967295'),
    _setting('too large a seed', 'seed=4294967296', '0 to 4294967295'),
    _setting('more epochs than numbers', 'train.epochs=4294967296',
             'train.epochs: 4294967296', 'up to 1,000,000'),
    _setting('a fraction of epochs beyond measure', 'train.epochs=1e20',
             'a whole number'),
    _setting('too large a batch', 'search.batch=4294967296', 'up to 10,000'),
    _setting('a shift to the other side', 'train.augment.shift=-2', '-2', '0 (none)'),
    _setting('a flip of another kind', 'train.augment.flip=vertical', "'vertical'",
             'auto, on, off'),
    _setting('a schedule that is none', 'train.schedule=step', 'linear, cosine'),
    _setting('too many images in a step', 'train.batch_size=4294967296', '1 to 4096'),
    _setting('infinite cut', 'pruning.cuts=(1e999,)', 'finite numbers'),
    _setting('cut beyond measure', 'pruning.cuts=(1e300,)', 'up to 1,000'),
    _setting('memory beyond measure', 'runtime.memory=1e308', 'up to 1,000,000'),
    _setting('number of 400 digits', f'search.rounds={10**400}', 'search.rounds: 1000',
             'up to 1,000,000'),
    _setting('budget of 400 digits', f'budgets.macs={10**400}', 'macs: '),
    _setting('unknown data set', 'data.name=nosuch', 'nosuch', 'digits'),
    _setting('data set of a name that no file can hold', 'data.name=a\udcff',
             r"data.name: 'a\udcff' is not allowed", 'text'),
    _setting('bad grouping', 'data.classes=0-99/1', '0-99', 'accepted'),
    _search('experiment file missing', '--config=nosuch.py',
            words=('nosuch.py', 'no such experiment file')),
    _search('experiment file with a syntax error', '--config={dir}/syntax.py',
            words=('syntax.py', 'SyntaxError')),
    _search('experiment file without get_config', '--config={dir}/empty.py',
            words=('empty.py', 'no get_config()')),
    _search('get_config without return', '--config={dir}/none.py',
            words=('None', 'default_config()')),
    _search('misspelt setting in an experiment file', '--config={dir}/typo.py',
            words=('search.ruonds', 'mean search.rounds')),
    _search('wrong type in an experiment file', '--config={dir}/type.py',
            words=('type.py', 'TypeError')),
    _search('folder twice', '--workdir', '{dir}/other',
            words=('--workdir is given 2 times', '/new, ', '/other; allowed: once')),
    _search('setting twice', '--config.seed=1', '--config.seed=2',
            words=('--config.seed is given 2 times: 1, 2; allowed: once',)),
    _search('flag and its opposite', '--verify', '--noverify',
            words=('--verify is given 2 times', 'allowed: once')),
    _search('--config twice', '--config={dir}/none.py', '--config={dir}/typo.py',
            words=('2 times', 'once')),
    _search('data file missing', '--config.data.name=own',
            '--config.data.path={dir}/nosuch.npz', words=('nosuch.npz', '.npz or')),
    _search('empty data set', '--config.data.name=own',
            '--config.data.path={dir}/empty.npz', words=('empty.npz',)),
    _search('images without room for a convolution', '--config.data.name=own',
            '--config.data.path={dir}/thin.npz', words=('1x64 pixels', '2x2 or more')),
    _search('one class in two groups', '--config.data.name=own_binary',
            '--config.data.path={dir}/thin.npz', words=('1 class', 'accepted: empty')),
    _search('truncated idx file', '--config.data.name=own',
            '--config.data.path={dir}/idx', words=('train-images', 'expected')),
    _search('no validation images', '--config.data.validation_size=0',
            words=('validation_size: 0', '1 or more')),
    _search('workdir of another configuration', '--config.search.batch=3',
            workdir='--workdir={dir}/study', words=('search.batch: 2 -> 3', 'another')),
    _sweep('sweep of nothing', '', 'no setting; allowed:'),
    _sweep('sweep without the group', 'seed=0:3', 'did you mean config.seed?'),
    _sweep('sweep of an unknown setting', 'config.search.ruonds=1,2',
           'unknown setting --config.search.ruonds', 'mean search.rounds'),
    _sweep('sweep over a wrong value', 'config.seed=0:2; config.pruning.method=none,x',
           "config.pruning.method: 'x'", 'sparse_vd'),
    _sweep('sweep over an open bracket', 'config.pruning.cuts=(1,2',
           ') is missing at its end'),
    _sweep('sweep with a value twice', 'config.seed=1,0:3', "'1' twice"),
    Case('sweep without points', 'sweep', ('--workdir={dir}/new',),
         ('nothing to sweep', '--sweep=', 'get_hyper(hyper)')),
    Case('setting swept and given', 'sweep',
         ('--workdir={dir}/new', '--config.seed=1', '--sweep=config.seed=0:3'),
         ('--config.seed is given and swept',)),
    Case('no such point of a sweep', 'sweep',
         ('--workdir={dir}/new', '--sweep=config.seed=0:3', '--task=3'),
         ('--task=3', '0 to 2')),
    Case('sweep by an unknown executor', 'sweep',
         ('--workdir={dir}/new', '--sweep=config.seed=0:3', '--executor=pbs'),
         ('pbs', 'local')),
    Case('report on a study whose data have changed', 'report',
         ('--workdir={dir}/other_data',), ('images or labels', 'have changed')),
    _search('configuration file that is not JSON',
            '--config={dir}/bad_config/config.json', words=('config.json', 'JSON')),
    _search('configuration file of something else', '--config={dir}/large.json',
            words=('large.json', 'unknown setting')),
    _search('configuration file nested 100,000 deep', '--config={dir}/deep.json',
            words=('deep.json', 'not a configuration in JSON')),
    _search('configuration file with a number of 400 digits',
            '--config={dir}/digits.json', words=('digits.json', 'int too large')),
    _search('board nested 100,000 deep', '--config.objectives.board={dir}/deep.json',
            words=('deep.json', 'is not a board')),
    Case('network file nested 100,000 deep', 'describe', ('--network={dir}/deep.json',),
         ('deep.json', 'not JSON')),
    Case('network file with a number of 400 digits', 'describe',
         ('--network={dir}/number.json',), ('number.json', 'num-filters')),
    Case('image shape of 20 digits', 'describe',
         ('--network={dir}/large.json', '--num_classes=3',
          '--input_shape=99999999999999999999,4,1'), ('input_shape',)),
    _search('workdir on another machine', workdir='--workdir=gs://bucket/run',
            words=('gs://bucket/run', 'on another machine')),
    _search('workdir of an unknown user', workdir='--workdir=~nosuchuser/run',
            words=('no user', 'nosuchuser')),
    _search('name of 300 letters', workdir='--workdir=' + 'a' * 300,
            words=('--workdir', 'File name too long')),
    Case('code that a study names', 'report', ('--workdir={dir}/own_code',),
         ("config.pruning.method is 'spy:factory'", '--trust_factories')),
    _search('checkpoints that are a link', workdir='--workdir={dir}/linked',
            words=('checkpoints is a symbolic link',)),
    Case('study that is a link', 'report', ('--workdir={dir}/linked_study',),
         ('study.sqlite is a symbolic link',)),
    _search('labels that are no classes', '--config.data.name=own',
            '--config.data.path={dir}/labels.npz', words=('label 1', 'each present')),
    _search('images of two readings', '--config.data.name=own',
            '--config.data.path={dir}/layout.npz', words=('NHWC', 'layout')),
    _search('nearly the accepted name', '--config.data.name=own',
            '--config.data.path={dir}/near.npz', words=('X_test', 'accepted: x_test')),
    _search('pictures of two sizes', '--config.data.name=own',
            '--config.data.path={dir}/sizes', words=('7x6 pixels', 'data.image_size')),
    _search('class without pictures', '--config.data.name=own',
            '--config.data.path={dir}/no_cats', words=('cat: has no pictures',)),
    _search('table without labels', '--config.data.name=own',
            '--config.data.path={dir}/table.csv', words=('table.csv', 'label, labels')),
    _setting('two channels', 'data.channels=2', 'channels: 2', '3 (colour)'),
    _search('pictures in no class', '--config.data.name=own',
            '--config.data.path={dir}/pictures', words=('cat.png', 'accepted')),
    _search('workdir that is a file', workdir='--workdir={dir}/empty.py',
            words=('empty.py', 'is a file')),
    _search('workdir below a file', workdir='--workdir={dir}/empty.py/run',
            words=('is a file',)),
    _search('workdir with a damaged config.json', workdir='--workdir={dir}/bad_config',
            words=('config.json', 'not a configuration in JSON')),
    _search('workdir whose config.json is gone', workdir='--workdir={dir}/no_config',
            words=('without its config.json',)),
    _search('workdir with checkpoints of something else',
            workdir='--workdir={dir}/foreign',
            words=('checkpoints without its config.json', 'another folder')),
    Case('report on no study', 'report', ('--workdir={dir}/idx',),
         ('no study here', 'launch.search')),
    Case('report on a damaged config.json', 'report', ('--workdir={dir}/bad_config',),
         ('config.json: not a configuration',)),
    Case('report on a config.json of something else', 'report',
         ('--workdir={dir}/other_config',), ('unknown setting', 'a.b')),
    Case('report on a damaged study.sqlite', 'report', ('--workdir={dir}/bad_study',),
         ('study', 'not a database')),
    Case('report on half a study.sqlite', 'report', ('--workdir={dir}/half_study',),
         ('malformed',)),
    Case('report on a study without trials', 'report', ('--workdir={dir}/no_trials',),
         ('no measured candidate yet',)),
    Case('report on a study of an older program', 'report',
         ('--workdir={dir}/old_study',), ('study version 2', 'reads 3')),
    Case('retraining for more epochs than numbers', 'retrain',
         ('--workdir={dir}/study', '--out={dir}/new', '--epochs=4294967296'),
         ('train.epochs: 4294967296', 'up to 1,000,000')),
    Case('retraining too often', 'retrain',
         ('--workdir={dir}/study', '--out={dir}/new', '--repeats=100000000'),
         ('search.batch: 100000000', 'up to 10,000')),
    Case('retraining into another machine', 'retrain',
         ('--workdir={dir}/study', '--out=gs://bucket/new'), ('on another machine',)),
    Case('training no network', 'train', ('--workdir={dir}/new',),
         ('--network is missing',)),
    Case('training a network that is not there', 'train',
         ('--workdir={dir}/new', '--network={dir}/none.json'),
         ('none.json', 'No such file')),
    Case('training with an unknown method', 'train',
         ('--workdir={dir}/new', '--network=experiments/networks/lenet-5.json',
          '--method=magic'), ("'magic'", 'sparse_vd')),
    Case('training a network of other images', 'train',
         ('--workdir={dir}/new', '--network=experiments/networks/lenet-5.json'),
         ('input_shape: [28, 28, 1]', 'allowed: [8, 8, 1]')),
    Case('verify nothing', 'verify', (), ('--out', '--workdir')),
    Case('verify both', 'verify', ('--workdir={dir}/study', '--out={dir}'),
         ('either',)),
    Case('verify what is no export', 'verify', ('--out={dir}/idx',),
         ('not an exported network',)),
    Case('verify on an unknown board', 'verify',
         ('--workdir={dir}/study', '--board=z80'), ("'z80'", 'microbit')),
    Case('verify a study without trials', 'verify', ('--workdir={dir}/no_trials',),
         ('no measured candidate yet',)),
    Case('competitors of no size', 'baselines',
         ('--workdir={dir}/new', '--kilobytes=nan'),
         ('--kilobytes=nan: allowed: a finite number',)),
    Case('switch that is neither on nor off', 'report',
         ('--workdir={dir}/study', '--test=maybe'),
         ('--test=maybe: allowed: true or false',)),
    Case('fraction of a start', 'retrain',
         ('--workdir={dir}/study', '--out={dir}/new', '--repeats=2.5'),
         ('--repeats=2.5: allowed: a whole number',)),
    Case('describe nothing', 'describe', (), ('--network', '--workdir')),
    Case('describe both', 'describe', ('--network=x', '--workdir=y', '--trial=1'),
         ('either',)),
    Case('trial out of range', 'describe', ('--workdir={dir}/study', '--trial=99'),
         ('--trial=99', '0 to 3')),
    Case('trial that failed', 'describe', ('--workdir={dir}/failed', '--trial=1'),
         ('trial 1', 'nonfinite', 'no network')),
    Case('network file missing', 'describe', ('--network={dir}/nosuch.json',),
         ('nosuch.json', 'No such file')),
    Case('network file that is not JSON', 'describe', ('--network={dir}/syntax.py',),
         ('not JSON',)),
    Case('kernel larger than the image', 'describe',
         ('--network={dir}/large.json', '--input_shape=4,4,1', '--num_classes=3'),
         ('kernel-size-block-1-layer-1: 5', '4x4', 'at most 4')),
    Case('unknown key in a network file', 'describe', ('--network={dir}/key.json',),
         ('kernel-sise', 'mean kernel-size-block-1-layer-1')),
    Case('wrong value in a network file', 'describe', ('--network={dir}/value.json',),
         ("'big'", 'alpha')),
    Case('list of nodes that make no network', 'describe',
         ('--network={dir}/nodes.json',), ('nodes.json', "'image'", 'allowed: input')),
    Case('image shape of two numbers', 'describe',
         ('--network={dir}/large.json', '--input_shape=4,4', '--num_classes=3'),
         ('--input_shape=4,4', 'height,width,channels')),
    Case('image shape without classes', 'describe',
         ('--network={dir}/large.json', '--input_shape=4,4,1'), ('go together',)),
)

_TEXTS = {
    'syntax.py': 'def get_config(:\n',
    'empty.py': '',
    'none.py': 'def get_config():\n  pass\n',
}
_EXPERIMENT = ('from sparse_jax import default_config\n\n\ndef get_config():\n'
               '  config = default_config()\n  config.search.{}\n  return config\n')


def prepare(folder: pathlib.Path) -> None:
    """Write every file that a case names."""
    for name, text in _TEXTS.items():
        (folder / name).write_text(text)
    (folder / 'typo.py').write_text(_EXPERIMENT.format('ruonds = 3'))
    (folder / 'type.py').write_text(_EXPERIMENT.format('rounds = "three"'))
    point = tiny_study.POINT
    changes = {'large': {'kernel-size-block-1-layer-1': 5},
               'number': {'num-filters-block-1-layer-1': 10**400},
               'key': {'kernel-sise-block-1-layer-1': 3}, 'value': {'alpha': 'big'}}
    for name, change in changes.items():
        (folder / f'{name}.json').write_text(json.dumps(point | change))
    nodes = [{'name': 'fc', 'op': 'dense', 'inputs': ['image'], 'channels': 3}]
    (folder / 'nodes.json').write_text(json.dumps(
        {'input_shape': [4, 4, 1], 'nodes': nodes}))
    np.savez(folder / 'empty.npz', X=np.zeros((0, 6, 6), np.uint8), y=np.zeros(0, int))
    np.savez(folder / 'thin.npz', X=np.zeros((99, 1, 64), np.uint8),
             y=np.zeros(99, int))
    images = np.arange(60 * 40, dtype=np.uint8).reshape(60, 5, 4, 2)
    labels = np.arange(60) % 3
    np.savez(folder / 'labels.npz', X=images[..., 0], y=labels * 2)
    np.savez(folder / 'layout.npz', X=images.reshape(60, 4, 5, 2), y=labels)
    np.savez(folder / 'near.npz', x_train=images[..., 0], y_train=labels,
             X_test=images[..., 0], y_test=labels)
    for name in ('sizes/cat', 'sizes/dog', 'no_cats/cat', 'no_cats/dog'):
        (folder / name).mkdir(parents=True)
    for name, height in (('sizes/cat', 6), ('sizes/dog', 7), ('no_cats/dog', 6)):
        image = PIL.Image.fromarray(np.zeros((height, 6), np.uint8))
        image.save(folder / name / '0.png')
    (folder / 'table.csv').write_text('number,p0,p1,p2,p3\n1,0,0,0,0\n')
    (folder / 'pictures').mkdir()
    (folder / 'pictures' / 'cat.png').write_bytes(b'')
    (folder / 'deep.json').write_text('{"a": ' + '[' * 100_000 + ']' * 100_000 + '}')
    (folder / 'digits.json').write_text(f'{{"train": {{"decay": {10**400}}}}}')
    (folder / 'foreign' / 'checkpoints' / 'trial_000099').mkdir(parents=True)
    (folder / 'foreign' / 'checkpoints' / 'trial_000099' / 'w').write_text('weeks')
    (folder / 'idx').mkdir()
    head = np.array([2051, 10, 4, 4], '>u4').tobytes()
    (folder / 'idx' / 'train-images-idx3-ubyte').write_bytes(head + bytes(99))
    head = np.array([2049, 10], '>u4').tobytes()
    (folder / 'idx' / 'train-labels-idx1-ubyte').write_bytes(head + bytes(10))
    _studies(folder)


def _studies(folder):
    """A good study and damaged copies of it."""
    good = folder / 'study'
    shutil.copytree(tiny_study.finished().workdir, good)
    (good / 'config.json').write_text(dumps(tiny_study.settings()))
    names = ('bad_config', 'no_config', 'other_config', 'bad_study', 'half_study',
             'no_trials', 'failed', 'old_study', 'other_data', 'own_code', 'linked',
             'linked_study')
    copies = {name: shutil.copytree(good, folder / name) for name in names}
    (copies['bad_config'] / 'config.json').write_text('{"seed": ')
    (copies['no_config'] / 'config.json').unlink()
    (copies['other_config'] / 'config.json').write_text('{"a": {"b": 1}}')
    own = dumps(tiny_study.settings()).replace('"sparse_vd"', '"spy:factory"')
    (copies['own_code'] / 'config.json').write_text(own)
    (copies['linked_study'] / 'study.sqlite').unlink()
    (copies['linked_study'] / 'study.sqlite').symlink_to(good / 'study.sqlite')
    shutil.rmtree(copies['linked'] / 'checkpoints')
    (copies['linked'] / 'checkpoints').symlink_to(folder)
    (copies['bad_study'] / 'study.sqlite').write_bytes(bytes(range(256)) * 8)
    whole = (good / 'study.sqlite').read_bytes()
    (copies['half_study'] / 'study.sqlite').write_bytes(whole[:len(whole) // 8])
    for name, statements in {
            'old_study': ("UPDATE meta SET value='2' WHERE key='version'",),
            'no_trials': [f'DELETE FROM {table}' for table in (
                'weights', 'curves', 'trials', 'rounds')],
            'other_data': ("INSERT INTO meta VALUES ('data', 'of yesterday', NULL)",),
            'failed': ("UPDATE trials SET status='nonfinite', error=NULL "
                       'WHERE number=1', 'DELETE FROM curves WHERE trial=1',
                       'DELETE FROM weights WHERE trial=1')}.items():
        with contextlib.closing(sqlite3.connect(copies[name] / 'study.sqlite')) as db:
            for statement in statements:
                db.execute(statement)
            schema.seal(db, 'meta', ('data',))
            schema.seal(db, 'meta', ('version',))
            schema.seal(db, 'trials', (1,))
            db.commit()


def arguments(case: Case, folder: pathlib.Path) -> list[str]:
    """The arguments of a case."""
    return [a.replace('{dir}', str(folder)) for a in case.arguments]


def main():
    """Print the table as Markdown."""
    print('# Bad inputs\n\nEach of these prints one line on stderr, exits with code 2 '
          'and changes nothing on disk\n(`DIR` is a folder of prepared files). Written '
          'by `python -m tests.launch.bad_inputs`;\n`tests/launch/bad_inputs_test.py` '
          'tries them all.\n')
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)
        for case in CASES:
            err = io.StringIO()
            with (contextlib.redirect_stdout(io.StringIO()),
                  contextlib.redirect_stderr(err), contextlib.suppress(SystemExit)):
                command_line.call(case.launcher, *arguments(case, folder))
            line = err.getvalue().strip().replace(name, 'DIR').replace(
                str(tiny_study.data_file().parent), 'DIR')
            words = ' '.join(case.arguments).replace('{dir}', 'DIR')
            words = re.sub(r'(.)\1{40,}', r'\1\1\1...', words)
            words = words.encode(errors='backslashreplace').decode()
            print(f'- {case.title}: `python -m launch.{case.launcher} {words}`\n\n'
                  f'      {line}\n')


if __name__ == '__main__':
    main()
