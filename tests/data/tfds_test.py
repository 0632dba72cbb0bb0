"""The TFDS path without a network: source files come from a folder."""

import hashlib
import importlib.util
import io
import json
import shutil
import tarfile

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test, tfds
from sparse_jax.data.loading import _parts
from sparse_jax.data.tfds_builders import (
    BUILDERS,
    Cifar10,
    FashionMnist,
    Mnist,
    registered,
)

# Reserved by RFC 2606, never resolves; and not a URL that TFDS has checksums for.
URL = 'http://example.invalid/'


def _variant(base, folder, **fields):
    """A builder whose checksums are those of the files in `folder`."""
    files = {p.name: (p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest())
             for p in folder.iterdir()}
    url = f'{URL}{folder.parent.name}/'
    fields = {'name': base.name, **fields}
    return type(base.__name__, (base,), {
        'url': url, 'url_infos': registered(url, files), '__module__': base.__module__,
        **fields}, skip_registration=True)


@pytest.fixture
def prepared(tmp_path, images, write_idx):
    """A data_dir that holds `mnist`, and `toys`: another set that is just there."""
    source = tmp_path / 'source'
    write_idx(source, images)
    data_dir = tmp_path / 'tfds'
    data_dir.mkdir()
    for fields in ({}, {'name': 'toys', 'names': tuple('abcdefghij')}):
        name = fields.get('name', 'mnist')
        tfds.prepare(name, str(data_dir), manual_dir=str(source),
                     builder=_variant(Mnist, source, **fields))
    return data_dir


def test_mnist_is_read_back_equal_and_as_from_its_folder(
        prepared, images, write_idx, capfd):
    folder = write_idx(prepared / 'plain', images)
    for name in ('mnist', 'mnist_binary', 'toys'):
        spec = DataSpec(name=name, path=str(prepared))
        same = DataSpec(name=name, path=folder)
        for a, b in ((load(spec).train, load(same).train),
                     (load(spec).validation, load(same).validation),
                     (load_test(spec), load_test(same))):
            np.testing.assert_array_equal(a.images, b.images)
            np.testing.assert_array_equal(a.labels, b.labels)
    test = load_test(DataSpec(name='mnist', path=str(prepared)))
    np.testing.assert_array_equal(test.images[..., 0], images[2])
    assert load(DataSpec(name='toys', path=str(prepared))).class_names[1] == 'b'
    assert capfd.readouterr() == ('', '')


class _WithValidation(Mnist, skip_registration=True):
    """A set whose `validation` split has the images of its `test` split."""

    def _split_generators(self, dl_manager):
        splits = super()._split_generators(dl_manager)
        return splits | {
            'validation': super()._split_generators(dl_manager)['test']}


def test_a_validation_split_is_the_validation_part(tmp_path, images, write_idx):
    source = tmp_path / 'source'
    write_idx(source, images)
    tfds.prepare('kept', str(tmp_path), manual_dir=str(source),
                 builder=_variant(_WithValidation, source, name='kept'))
    spec = DataSpec(name='kept', path=str(tmp_path))
    found = load(spec)
    assert len(found.train.images) == len(images[0])  # none are taken from it
    np.testing.assert_array_equal(found.validation.images[..., 0], images[2])
    np.testing.assert_array_equal(found.validation.labels, load_test(spec).labels)


def test_damaged_or_foreign_preparations_are_refused(prepared):
    version = prepared / 'mnist' / '3.0.1'
    info_path = version / 'dataset_info.json'
    info = json.loads(info_path.read_text())
    spec = DataSpec(name='mnist', path=str(prepared))
    for change, message in (({'fileFormat': 'tfrecord'}, 'needs TensorFlow'),
                            ({'supervisedKeys': None}, 'image classification')):
        info_path.write_text(json.dumps({
            k: v for k, v in (info | change).items() if v is not None}))
        with pytest.raises(DataError, match=message):
            load(spec)
    info_path.write_text('{')
    with pytest.raises(DataError, match='cannot be opened'):
        load(spec)
    info_path.write_text(json.dumps(info))
    records = next(version.glob('*train*'))
    records.write_bytes(records.read_bytes()[:1000])
    with pytest.raises(DataError, match='cannot be read') as caught:
        load(spec)
    assert '\n' not in str(caught.value)


def test_source_files_with_a_wrong_checksum_are_refused(tmp_path, images, write_idx):
    _parts.cache_clear()
    write_idx(tmp_path / 'downloads' / 'manual', images)
    with pytest.raises(DataError, match='NonMatchingChecksumError') as caught:
        load(DataSpec(name='mnist', path=str(tmp_path)))
    assert '\n' not in str(caught.value)


def test_no_connection_is_one_line_and_soon(tmp_path):
    (tmp_path / 'empty').mkdir()
    lost = _variant(FashionMnist, tmp_path / 'empty')
    with pytest.raises(DataError, match='could not download or prepare') as caught:
        tfds.prepare('fashion_mnist', str(tmp_path), builder=lost)
    assert '\n' not in str(caught.value) and 'manual' in str(caught.value)


def _archive(path, parts):
    with tarfile.open(path, 'w:gz') as archive:
        for name, data in parts.items():
            member = tarfile.TarInfo(f'cifar-10-batches-bin/{name}')
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_cifar10_planes_become_channels(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(60, dtype=np.uint8) % 10
    records = [bytes([y]) + x.transpose(2, 0, 1).tobytes()
               for x, y in zip(images, labels)]
    names = [f'data_batch_{i}.bin' for i in range(1, 6)] + ['test_batch.bin']
    parts = {n: b''.join(records[i * 10:i * 10 + 10]) for i, n in enumerate(names)}
    source = tmp_path / 'source'
    source.mkdir()
    _archive(source / Cifar10.archive, parts)
    tfds.prepare('cifar10', str(tmp_path), manual_dir=str(source),
                 builder=_variant(Cifar10, source))
    pool = tfds.read('cifar10', str(tmp_path))
    np.testing.assert_array_equal(pool.images, images[:50])
    np.testing.assert_array_equal(pool.labels, labels[:50])
    np.testing.assert_array_equal(pool.test_images, images[50:])
    assert pool.class_names[9] == 'truck'

    shutil.rmtree(tmp_path / 'cifar10')
    for bad, message in (({**parts, 'test_batch.bin': b'abc'}, 'has 3 bytes'),
                         ({'test_batch.bin': b''}, 'data_batch_1.bin cannot be read')):
        _archive(source / Cifar10.archive, bad)
        with pytest.raises(DataError, match=message):
            tfds.prepare('cifar10', str(tmp_path), manual_dir=str(source),
                         builder=_variant(Cifar10, source))


def test_official_checksums_agree_with_those_tfds_ships():
    from tensorflow_datasets.core.download import checksums
    shipped = checksums.get_all_url_infos()
    for builder in BUILDERS.values():
        assert builder.url_infos
        for url, info in builder.url_infos.items():
            assert shipped[url] == info


@pytest.mark.skipif(importlib.util.find_spec('tensorflow') is not None,
                    reason='the message is for machines without TensorFlow')
@pytest.mark.parametrize('name', ['kmnist', 'no_such_set', 'a/b:1.0.0'])
def test_other_sets_need_tensorflow(tmp_path, name):
    with pytest.raises(DataError, match='needs TensorFlow') as caught:
        load(DataSpec(name=name, path=str(tmp_path)))
    assert 'digits, synthetic, mnist' in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', ['', '../mnist', 'a b', 'x:latest'])
def test_names_that_are_no_names(name):
    with pytest.raises(DataError, match='accepted: digits'):
        load(DataSpec(name=name))


def test_metadata_that_names_code_is_refused_before_it_is_imported(
        prepared, monkeypatch):
    (prepared / 'spy_feature.py').write_text(
        'import pathlib\npathlib.Path(__file__).with_name("ran").touch()\n')
    monkeypatch.syspath_prepend(str(prepared))
    path = prepared / 'mnist' / '3.0.1' / 'features.json'
    tree = json.loads(path.read_text())
    tree['featuresDict']['features']['image']['pythonClassName'] = 'spy_feature.Image'
    path.write_text(json.dumps(tree))
    with pytest.raises(DataError, match="names 'spy_feature.Image', which reading"):
        load(DataSpec(name='mnist', path=str(prepared), seed=11))
    assert not (prepared / 'ran').exists()


@pytest.mark.parametrize('linked', [False, True])
def test_nor_in_the_legacy_form_nor_behind_a_link(prepared, monkeypatch, linked):
    (prepared / 'spy_feature.py').write_text(
        'import pathlib\npathlib.Path(__file__).with_name("ran").touch()\n')
    monkeypatch.syspath_prepend(str(prepared))
    folder = prepared / 'mnist' / '3.0.1'
    (folder / 'features.json').write_text(
        '{"type": "spy_feature.Image", "content": {}}')
    if linked:
        hidden = folder.rename(prepared / 'hidden')
        folder.symlink_to(hidden)
        (hidden / 'round').symlink_to(hidden)
    with pytest.raises(DataError, match="names 'spy_feature.Image', which reading"):
        load(DataSpec(name='mnist', path=str(prepared), seed=12))
    assert not (prepared / 'ran').exists()
