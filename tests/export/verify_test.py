"""Exports run on emulated boards: exact logits, exact accounts, loud failures."""

import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from sparse_jax.export import (
    ExportData,
    ExportError,
    MissingToolError,
    VerificationError,
    export_network,
    load_board,
    read_report,
    verification_text,
    verify,
)
from sparse_jax.export.chip import boards
from sparse_jax.export.chip.image import read_image
from sparse_jax.export.chip.machine import Machine
from sparse_jax.export.chip.toolchain import compile_firmware, find_compiler
from sparse_jax.export.code.c_source import generate
from sparse_jax.export.project.bundle import firmware_program
from sparse_jax.export.project.ledger import flash_ledger, ram_ledger
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, classify, emulate, quantize
from sparse_jax.quantize.random_nets import random_images, random_net


def _has(*modules):
    from importlib.util import find_spec

    return all(find_spec(module) for module in modules)


needs_mcu = pytest.mark.skipif(
    not _has('ziglang', 'unicorn', 'elftools', 'capstone'),
    reason='needs requirements-mcu.txt')


def _small_net(filters=3, side=12):
    rng = np.random.default_rng(0)
    conv = rng.normal(size=(filters, 1, 3, 3)) * (rng.random((filters, 1, 3, 3)) < 0.5)
    width = filters * ((side - 2) // 2) ** 2
    dense = rng.normal(size=(4, width)) * (rng.random((4, width)) < 0.2)
    return CompactNet((side, side, 1), 1, False, 100.0, 60.0, (
        CompactNode('conv', 'conv', ('input',), conv, rng.normal(size=filters), True,
                    2),
        CompactNode('fc', 'dense', ('conv',), dense, rng.normal(size=4))))


def _data(net, count=20):
    images = random_images(net, count)
    return ExportData(images, images, np.arange(count) % 4)


def _tiny_board(**changes):
    board = load_board('microbit')
    return dataclasses.replace(board, **{
        key: dataclasses.replace(getattr(board, key), bytes=value)
        for key, value in changes.items()})


@needs_mcu
@pytest.mark.parametrize('board_name', ('microbit', 'stm32f413'))
def test_random_networks_on_emulated_cores(board_name):
    """A dozen networks in one image, every logit equal; calls counted exactly."""
    board = load_board(board_name)
    cases = []
    for seed in range(200, 212):
        net = random_net(seed, largest=12)
        images = random_images(net, 3, seed)
        q = quantize(net, calibrate(net, images))
        cases.append((generate(q, name=f'n{seed}', guard=False), images))
    sources = {'bundle.c': firmware_program([g for g, _ in cases])}
    image = read_image(compile_firmware(sources, board, find_compiler(board)), board)
    machine = Machine(image, board)
    for g, images in cases:
        row = image.addresses['row_buffer']
        expected = emulate(g.net, images)
        for pixels, logits in zip(images, expected):
            for index, line in enumerate(pixels):
                machine.write(row, line.tobytes())
                machine.call(f'{g.name}_push_row', index, row)
            address = machine.call(f'{g.name}_infer')
            np.testing.assert_array_equal(
                np.frombuffer(machine.read(address, len(logits)), np.int8), logits)
    name = cases[0][0].name
    first, again = (machine.count(lambda: machine.call(f'{name}_infer'))
                    for _ in range(2))
    assert first == again and first.cycles > first.instructions > 100


@needs_mcu
def test_two_classes_on_the_emulated_core(tmp_path):
    """One logit; the example's class is the one that the accuracies are of."""
    net = _small_net()
    conv, last = net.nodes
    net = dataclasses.replace(net, nodes=(conv, dataclasses.replace(
        last, weight=np.diff(last.weight[:2], axis=0), bias=last.bias[:1])))
    images = random_images(net, 20)
    labels = np.arange(20) % 2
    report = export_network(net, ExportData(images, images, labels), 'microbit',
                            tmp_path)
    assert (report['classes'], report['logits']) == (2, 1)
    q = quantize(net, calibrate(net, images))
    right = float(np.mean(classify(q, images) == labels))
    assert 0 < right < 1 and report['accuracy']['int8'] == right
    assert verify(tmp_path)['accuracy'] == right
    with np.load(tmp_path / 'testset.npz') as file:
        assert file['logits'].shape == (20, 1)


@needs_mcu
def test_an_averaged_input_on_the_emulated_core(tmp_path):
    net = random_net(8, averaged=True)
    assert net.downsample > 1
    images = random_images(net, 20)
    report = export_network(net, ExportData(images, images), 'microbit', tmp_path)
    assert verify(tmp_path)['images'] == 20
    assert report['arena']['bytes'] >= report['arena']['lower_bound']


@needs_mcu
@pytest.mark.parametrize('compiler', ('zig', 'gcc'))
def test_export_and_verify(tmp_path, compiler):
    if compiler == 'gcc' and not shutil.which('arm-none-eabi-gcc'):
        pytest.skip('no arm-none-eabi-gcc')
    net = _small_net()
    report = export_network(net, _data(net), 'microbit', tmp_path / 'out')
    assert report['board']['name'] == 'microbit'
    assert report['image']['resized_from'] is None
    result = verify(tmp_path / 'out', compiler=compiler)
    assert result['images'] == result['test_set'] == 20
    assert sum(size for _, size in result['flash_ledger']) == result['flash']
    assert sum(size for _, size in result['ram_ledger']) == result['static_ram']
    assert result['flash_ledger'][0][1] == report['analytic']['model_size']
    assert result['ram_ledger'][0][1] == report['analytic']['working_memory']
    assert 0 < result['stack'] < 1024
    assert result['instructions']['least'] <= result['instructions']['mean']
    text = verification_text(read_report(tmp_path / 'out'))
    assert 'estimates' in text and result['compiler'] in text
    assert verify(tmp_path / 'out', limit=3)['instructions']['images'] == 3


@pytest.mark.skipif(not shutil.which('make') or not shutil.which('cc'),
                    reason='no host make')
def test_folder_tests_itself_on_the_host(tmp_path):
    net = _small_net()
    export_network(net, _data(net), 'generic', tmp_path / 'out', name='digits')
    done = subprocess.run(['make', '-C', tmp_path / 'out'], capture_output=True,
                          text=True)
    assert done.returncode == 0 and ', 0 wrong logits' in done.stdout


def test_wrong_logits_fail_loudly(tmp_path):
    net = _small_net()
    export_network(net, _data(net), 'microbit', tmp_path)
    with np.load(tmp_path / 'testset.npz') as file:
        arrays = dict(file)
    arrays['logits'][7, 2] += 1
    np.savez(tmp_path / 'testset.npz', **arrays)
    if not _has('ziglang', 'unicorn', 'elftools', 'capstone'):
        pytest.skip('needs requirements-mcu.txt')
    with pytest.raises(VerificationError, match='wrong logits for 1 of 20.*image 7'):
        verify(tmp_path)
    done = subprocess.run([sys.executable, '-m', 'launch.verify', f'--out={tmp_path}'],
                          capture_output=True, text=True)
    assert done.returncode != 0 and 'Traceback' not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('error: microbit: wrong logits')


def test_too_big_for_ram_names_the_layer(tmp_path):
    net = _small_net()
    with pytest.raises(VerificationError, match=r'\d+ B too many.*peak is at conv'):
        export_network(net, _data(net), _tiny_board(ram=128), tmp_path)
    assert not any(tmp_path.iterdir())


def test_too_big_for_flash_names_the_layer(tmp_path):
    net = _small_net()
    with pytest.raises(VerificationError, match=r'B too many.*largest layer is fc'):
        export_network(net, _data(net), _tiny_board(flash=256), tmp_path)


@needs_mcu
def test_linked_image_and_stack_must_fit(tmp_path):
    net = _small_net()
    export_network(net, _data(net), _tiny_board(flash=1024), tmp_path / 'flash')
    with pytest.raises(VerificationError, match='the image takes .* too many'):
        verify(tmp_path / 'flash')
    net = _small_net(filters=5, side=22)
    report = export_network(net, _data(net), _tiny_board(ram=1024), tmp_path / 'ram')
    assert report['arena']['bytes'] == 1000
    with pytest.raises(VerificationError, match='leave no stack'):
        verify(tmp_path / 'ram')


@needs_mcu
def test_stack_that_meets_the_data_fails(tmp_path):
    net = _small_net(filters=11, side=12)
    export_network(net, _data(net), _tiny_board(ram=1024), tmp_path)
    report = read_report(tmp_path)
    used = report['arena']['bytes'] + report['image']['row_bytes']
    assert 1024 - used > 0
    path = tmp_path / 'net.c'
    path.write_text(path.read_text().replace(
        'const int8_t *net_infer(void)\n{', 'const int8_t *net_infer(void)\n{\n'
        '    volatile int end = 639;\n    volatile char pad[640];\n    pad[end] = 0;'))
    with pytest.raises(VerificationError, match='the stack ran into the static data'):
        verify(tmp_path)


@needs_mcu
@pytest.mark.parametrize('fault', (
    '*(volatile char *)(0x20000000 + 16384) = 1;',
    '*(volatile char *)0x100 = 1;',
    '(void)*(volatile char *)(262144);'))
def test_accesses_outside_the_map_fault(tmp_path, fault):
    net = _small_net()
    export_network(net, _data(net), 'microbit', tmp_path)
    path = tmp_path / 'net.c'
    path.write_text(path.read_text().replace(
        'const int8_t *net_infer(void)\n{',
        f'const int8_t *net_infer(void)\n{{\n    {fault}'))
    with pytest.raises(VerificationError, match='microbit: .*net_infer'):
        verify(tmp_path)


@needs_mcu
def test_a_cortex_m0_rejects_code_for_an_m4():
    microbit = load_board('microbit')
    other = dataclasses.replace(microbit, core='cortex-m4')
    net = random_net(3)
    q = quantize(net, calibrate(net, random_images(net, 4)))
    source = {'bundle.c': firmware_program([generate(q, name='n', guard=False)])}
    image = read_image(compile_firmware(source, other, find_compiler(other)), other)
    with pytest.raises(VerificationError, match='microbit: '):
        Machine(image, microbit).call('n_infer')
    Machine(image, other).call('n_infer')


def test_damaged_reports_are_refused(tmp_path):
    net = _small_net()
    report = export_network(net, _data(net), 'microbit', tmp_path)
    without = {k: v for k, v in report.items() if k != 'classes'}
    for broken in (without, report | {'board': report['board'] | {'core': 'z80'}}):
        (tmp_path / 'report.json').write_text(json.dumps(broken))
        with pytest.raises(ExportError, match='damaged'):
            verify(tmp_path)
    (tmp_path / 'report.json').write_text(json.dumps(report))
    with np.load(tmp_path / 'testset.npz') as file:
        arrays = dict(file)
    np.savez(tmp_path / 'testset.npz', **arrays | {'labels': arrays['labels'][1:]})
    with pytest.raises(ExportError, match='damaged'):
        verify(tmp_path)
    (tmp_path / 'testset.npz').write_bytes(b'not a zip')
    with pytest.raises(ExportError, match='damaged'):
        verify(tmp_path)
    with pytest.raises(ValueError, match='limit: 0 is not allowed'):
        verify(tmp_path, limit=0)


@needs_mcu
def test_a_failed_verification_takes_back_the_earlier_one(tmp_path):
    net = _small_net()
    export_network(net, _data(net), 'microbit', tmp_path)
    verify(tmp_path, limit=1)
    assert read_report(tmp_path)['verification']['logits'] == 'bit-equal'
    path = tmp_path / 'net.c'
    source = path.read_text()
    assert 'return (int8_t)(a < low' in source
    path.write_text(source.replace('return (int8_t)(a < low', 'return (a < 0'))
    with pytest.raises(VerificationError, match='wrong logits'):
        verify(tmp_path)
    assert 'verification' not in read_report(tmp_path)


@needs_mcu
def test_ledgers_that_do_not_add_up_are_refused(tmp_path):
    net, board = _small_net(), load_board('microbit')
    facts = export_network(net, _data(net), board, tmp_path)
    source = {name: (tmp_path / name).read_text()
              for name in ('net.c', 'net.h', 'firmware.c', 'start.c')}
    image = read_image(compile_firmware(source, board, find_compiler(board)), board)
    assert sum(dict(flash_ledger(facts, image)).values()) == image.flash
    assert sum(dict(ram_ledger(facts, image)).values()) == image.static_ram
    facts['layers'][0]['channels'] += 1
    with pytest.raises(VerificationError, match='flash: .* accounted for'):
        flash_ledger(facts, image)
    facts['image']['row_bytes'] += 1
    with pytest.raises(VerificationError, match='RAM: .* accounted for'):
        ram_ledger(facts, image)


def test_missing_compiler_says_what_to_install(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    monkeypatch.setattr('shutil.which', lambda name: None)
    with pytest.raises(MissingToolError, match='requirements-mcu.txt'):
        find_compiler(load_board('microbit'))


def test_unknown_board_lists_the_known(tmp_path):
    with pytest.raises(ExportError, match='microbit'):
        load_board('arduino')
    path = tmp_path / 'mine.json'
    path.write_text('{"name": "mine"}')
    with pytest.raises(ExportError, match='not a board'):
        load_board(str(path))


@pytest.mark.parametrize('field, value, line', (
    ('core', 'z80', "core: 'z80' is not allowed; allowed: one of cortex-m0"),
    ('clock_hz', '16 MHz', "clock_hz: '16 MHz' .* a positive number"),
    ('clock_hz', -16e6, 'clock_hz'), ('clock_hz', float('inf'), 'clock_hz'),
    ('amperes', 'few', 'amperes'), ('volts', None, 'volts'), ('part', 3, 'part'),
    ('cycles', {}, 'no cycles for'), ('cycles', [1], 'cycles'),
    ('notes', 'unverified', 'a list of texts'), ('colour', 'red', 'unknown colour'),
    ('flash', 7, 'an object of origin and bytes'),
    ('flash', {'origin': 0, 'bytes': 0.5}, 'flash.bytes: 0.5 .* a multiple of 1024'),
    ('ram', {'origin': 0x20000004, 'bytes': 16384}, 'ram.origin'),
    ('ram', {'origin': 1024, 'bytes': 16384}, 'overlap'),
    ('ram', {'origin': 0xFFFFFC00, 'bytes': 16384}, 'beyond')))
def test_board_files_are_checked(tmp_path, field, value, line):
    content = json.loads((boards.FOLDER / 'microbit.json').read_text())
    path = tmp_path / 'mine.json'
    path.write_text(json.dumps(content | {field: value}))
    with pytest.raises(ExportError, match=f'not a board: .*{line}'):
        load_board(str(path))
    del content['volts']
    path.write_text(json.dumps(content))
    with pytest.raises(ExportError, match='volts missing'):
        load_board(str(path))
    content |= {'volts': 3, 'amperes': None}
    content['cycles'] |= {'load': '2'}
    path.write_text(json.dumps(content))
    with pytest.raises(ExportError, match="cycles.load: '2'"):
        load_board(str(path))


@pytest.mark.parametrize('name', boards.names())
def test_boards_load_and_say_what_is_unverified(name):
    board = load_board(name)
    assert board.name == name and board.notes
    assert board.ram.bytes % 1024 == 0


def test_foreign_folders_are_refused_and_earlier_exports_replaced(tmp_path):
    net = _small_net()
    (tmp_path / 'thesis.txt').write_text('years of work')
    with pytest.raises(ExportError, match='not empty and not an earlier export'):
        export_network(net, _data(net), 'generic', tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ['thesis.txt']
    with pytest.raises(ExportError, match='not an exported network'):
        verify(tmp_path)
    out = tmp_path / 'out'
    export_network(net, _data(net), 'generic', out, name='one')
    (out / 'notes.txt').write_text('keep me')
    export_network(net, _data(net), 'generic', out, name='two')
    assert (out / 'two.c').exists() and not (out / 'one.c').exists()
    assert (out / 'notes.txt').read_text() == 'keep me'
    (out / 'three.c').write_text('mine')
    with pytest.raises(ExportError, match='three.c is not of an earlier export'):
        export_network(net, _data(net), 'generic', out, name='three')
    assert (out / 'three.c').read_text() == 'mine' and (out / 'two.c').exists()
    report = json.loads((out / 'report.json').read_text())
    report['files'] += ['../thesis.txt']
    (out / 'report.json').write_text(json.dumps(report))
    with pytest.raises(ExportError, match='damaged'):
        read_report(out)
    export_network(net, _data(net), 'generic', out)
    assert (tmp_path / 'thesis.txt').exists()
    del report['digest']
    (out / 'report.json').write_text(json.dumps(report))
    with pytest.raises(ExportError, match='older version; export it again'):
        read_report(out)
    with pytest.raises(ExportError, match='thesis.txt is not a folder'):
        export_network(net, _data(net), 'generic', tmp_path / 'thesis.txt' / 'out')


@pytest.mark.parametrize('name', ('main', 'Firmware', 'start', 'vectors'))
def test_names_of_our_own_files_are_refused(tmp_path, name):
    net = _small_net()
    with pytest.raises(ExportError, match='the export has a file of it'):
        export_network(net, _data(net), 'generic', tmp_path, name=name)
    assert not any(tmp_path.iterdir())


def test_test_images_do_not_decide_the_network(tmp_path):
    net = _small_net()
    floats = random_images(net, 20) / 255.0
    bright = floats.copy()
    bright[0, 0, 0] = 200.0
    sources = []
    for name, images in (('a', floats), ('b', bright), ('c', floats[:3])):
        export_network(net, ExportData(floats, images), 'generic', tmp_path / name)
        sources.append((tmp_path / name / 'net.c').read_text())
    assert sources[0] == sources[1] == sources[2]


def test_untrained_networks_and_wrong_images_are_refused(tmp_path):
    net = _small_net()
    bad = dataclasses.replace(net.nodes[0], bias=np.array([np.nan, 0, 0]))
    broken = dataclasses.replace(net, nodes=(bad, net.nodes[1]))
    with pytest.raises(ExportError, match='conv has non-finite'):
        export_network(broken, _data(net), 'generic', tmp_path)
    other = _small_net(side=14)
    with pytest.raises(ExportError, match='do not fit'):
        export_network(net, _data(other), 'generic', tmp_path)
    with pytest.raises(ExportError, match=r'labels \(3,\) do not fit 20 images'):
        export_network(net, _data(net)._replace(labels=[0, 1, 2]), 'generic', tmp_path)
    with pytest.raises(ValueError, match="'zip' is not allowed; allowed: auto, dense"):
        export_network(net, _data(net), 'generic', tmp_path, weight_format='zip')
