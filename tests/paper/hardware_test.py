"""experiments.paper.hardware: kept networks on the emulated boards of the paper."""

import json

import jax
import numpy as np
import pytest

from experiments.paper import deployed, hardware, stored
from sparse_jax.baselines import published
from sparse_jax.pruning.contract import check_method
from tests.paper.tools import has_tools


@pytest.mark.skipif(not has_tools(), reason='no compiler or emulator')
def test_a_kept_network_runs_on_all_its_images_once(tmp_path, capsys):
    words = [f'--workdir={tmp_path}', '--networks=digits', '--boards=microbit']
    hardware.main(words)
    first = capsys.readouterr().out
    line, = [one for one in first.splitlines() if one.startswith('| digits |')]
    cells = line.strip('| ').split(' | ')
    kept = stored.read('digits')
    assert cells[:4] == ['digits', 'microbit', '300',
                         f'{100 * kept.claims["test"]:.2f}']
    ram, flash = (int(cells[i].replace(',', '')) for i in (6, 8))
    # One row of the image beside the buffers, words of four bytes.
    assert kept.claims['ram'] + 8 <= ram <= kept.claims['ram'] + 8 + 8
    assert flash > kept.own.model_size
    # What has run is read, not run again; what is of another network is not.
    path = tmp_path / 'digits.microbit.json'
    document = json.loads(path.read_text())
    document['figures']['instructions'] = 12_345
    path.write_text(json.dumps(document))
    hardware.main(words)
    assert ' 12,345 |' in capsys.readouterr().out
    document['claims']['test'] = 0.5
    path.write_text(json.dumps(document))
    assert hardware.known(tmp_path, kept, 'digits', 'microbit') is None


def test_networks_without_images_are_named(tmp_path, capsys):
    hardware.main([f'--workdir={tmp_path}', '--networks=mnist_small'])
    found = capsys.readouterr().out
    assert 'skipped: mnist_small: no images of mnist; give --data mnist=PATH' in found
    assert '| mnist-2 | Bonsai, 2 KB | Arduino Uno | 94.38 | 2,007 | 8.90 |' in found
    assert not list(tmp_path.iterdir())
    assert all(entry.milliseconds and entry.millijoules
               for entry in published.everything() if entry.chip)


@pytest.mark.parametrize('figures', [None, [], {}, {'accuracy': 0.9}])
def test_figures_that_are_not_whole_are_measured_again(tmp_path, figures):
    kept = stored.read('digits')
    hardware.keep(tmp_path, kept, 'digits', 'microbit', figures)
    assert hardware.known(tmp_path, kept, 'digits', 'microbit') is None


@pytest.mark.parametrize('words, line', [
    (['--networks=none'], '--networks=none: allowed: chars4k_binary'),
    (['--boards=uno'], '--boards=uno: allowed: microbit, stm32f413'),
    (['--data=nosuch=x'], "no winner needs images of 'nosuch'"),
    (['--workdir='], '--workdir=: allowed: a folder'),
    ([f'--workdir={__file__}'], "hardware_test.py' is a file; allowed: a folder")])
def test_mistakes_are_one_line(tmp_path, capsys, words, line):
    with pytest.raises(SystemExit) as stop:
        hardware.main([f'--workdir={tmp_path}', *words])
    found = capsys.readouterr()
    assert stop.value.code == 2 and not found.out
    assert line in found.err and found.err.count('\n') == 1


def test_the_deployed_network_has_its_published_form():
    kept = stored.read('paper_deployed')
    conv, classifier = kept.net.nodes
    assert conv.weight.shape == (22, 1, 5, 5) and classifier.weight.shape == (10, 122)
    assert kept.net.downsample == 3
    assert (kept.own.model_size, kept.own.working_memory) == (1802, 631)


def test_inputs_of_largest_weights_are_kept_one_of_every_map():
    method = deployed.keep_inputs()
    check_method(method)
    kernel = jax.random.normal(jax.random.key(0), (10, 22 * 25))
    # Of the last map everything is small; padding is zero.
    kernel = kernel.at[:, -25:].multiply(1e-3)
    kernel = np.pad(np.asarray(kernel), ((0, 0), (0, 50)))
    params = {'classifier': {'kernel': kernel}}
    score = np.asarray(method.score(params, {})['classifier'])
    kept = np.isneginf(score).all(axis=0)
    assert kept.sum() == 122 and np.isposinf(score[:, ~kept]).all()
    assert kept[:550].reshape(22, 25).any(axis=1).all() and not kept[550:].any()
    assert kept[525:550].sum() == 1
    sizes = (kernel**2).sum(axis=0)
    assert sizes[525:550].argmax() == kept[525:550].argmax()
    mean = np.asarray(method.mean(params, {})['classifier']['kernel'])
    np.testing.assert_array_equal(mean, np.where(kept, kernel, 0.0))
    # Weights that are away have gradients.
    grads = jax.grad(lambda k: method.mean(
        {'classifier': {'kernel': k}}, {})['classifier']['kernel'].sum())(kernel)
    assert (np.asarray(grads) == 1).all()
