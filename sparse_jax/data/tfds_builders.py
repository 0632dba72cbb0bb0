"""Own TFDS builders for the sets of the papers, which prepare without TensorFlow.

TFDS's builders for the same sets yield image arrays, which TFDS encodes through
TensorFlow; these yield PIL images, which it encodes through Pillow. They also do not
unpack through TFDS (TensorFlow again) but read the archives themselves. Sources,
splits, versions and checksums are the official ones; rows keep the official order.
"""

import pathlib
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import PIL.Image
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.checksums import UrlInfo
from tensorflow_datasets.core.utils import Size

from sparse_jax.data import idx, known
from sparse_jax.data.errors import DataError, brief

_MNIST = 'https://storage.googleapis.com/cvdf-datasets/mnist/'
_FASHION = 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'
_CIFAR10 = 'https://www.cs.toronto.edu/~kriz/'

Examples = Iterator[tuple[int, dict[str, Any]]]
"""(row, {'image': PIL image, 'label': int}), in the order of the source files."""


def registered(base: str, files: dict[str, tuple[int, str]]) -> dict:
    """Returns TFDS's checksum table of `files`, name -> (bytes, sha256), below `base`.

    The name lets TFDS take a file from the folder for manual downloads instead.
    """
    return {base + name: UrlInfo(Size(size), digest, name)
            for name, (size, digest) in files.items()}


class _Images(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """What the builders share; not registered, as the names are TFDS's own."""

    # Set, so that TFDS need not guess the folder that may hold a README or tags.
    pkg_dir_path = tfds.core.Path(__file__).parent
    shape: tuple[int, int, int]
    names: tuple[str, ...]
    homepage: str
    url: str
    """Folder of the source files."""
    url_infos: dict[str, UrlInfo] | None
    """As `registered` returns; replaces TFDS's checksums.tsv."""

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict({
            'image': tfds.features.Image(shape=self.shape, encoding_format='png'),
            'label': tfds.features.ClassLabel(names=list(self.names)),
        })
        # Unshuffled, so that row i is row i of the source files: then the split of a
        # seed is the same whether the files come through TFDS or from a folder.
        return tfds.core.DatasetInfo(
            builder=self, features=features, supervised_keys=('image', 'label'),
            homepage=self.homepage, disable_shuffling=True)


class _Idx(_Images, skip_registration=True):
    """Four idx files with MNIST's names."""

    VERSION = tfds.core.Version('3.0.1')
    shape = (28, 28, 1)

    def _split_generators(self, dl_manager: Any) -> dict[str, Examples]:
        """Downloads (or finds) the four files; official train and test splits."""
        names = idx.TRAIN_FILES + idx.TEST_FILES
        paths = dl_manager.download({name: f'{self.url}{name}.gz' for name in names})
        return {
            split: self._generate_examples(*(pathlib.Path(paths[f]) for f in files))
            for split, files in (('train', idx.TRAIN_FILES), ('test', idx.TEST_FILES))
        }

    def _generate_examples(
        self, images_path: pathlib.Path, labels_path: pathlib.Path
    ) -> Examples:
        """Yields (row, {'image': PIL [H, W], 'label': int})."""
        images = idx.read(images_path, idx.IMAGES_MAGIC)
        labels = idx.read(labels_path, idx.LABELS_MAGIC)
        if len(images) != len(labels):
            raise DataError(f'{labels_path}: {len(labels)} labels for {len(images)} '
                            'images; accepted: one label for each image')
        for row, (image, label) in enumerate(zip(images, labels)):
            yield row, {'image': PIL.Image.fromarray(image), 'label': int(label)}


class Mnist(_Idx, skip_registration=True):
    """MNIST, 60000 + 10000 grey digits of 28 x 28."""

    name = 'mnist'
    names = known.DIGIT_NAMES
    homepage = 'http://yann.lecun.com/exdb/mnist/'
    url = _MNIST
    url_infos = registered(_MNIST, {
        'train-images-idx3-ubyte.gz': (
            9912422,
            '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'),
        'train-labels-idx1-ubyte.gz': (
            28881,
            '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'),
        't10k-images-idx3-ubyte.gz': (
            1648877,
            '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'),
        't10k-labels-idx1-ubyte.gz': (
            4542,
            'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'),
    })


class FashionMnist(_Idx, skip_registration=True):
    """Fashion-MNIST, 60000 + 10000 grey articles of 28 x 28."""

    name = 'fashion_mnist'
    names = known.FASHION_NAMES
    homepage = 'https://github.com/zalandoresearch/fashion-mnist'
    url = _FASHION
    url_infos = registered(_FASHION, {
        'train-images-idx3-ubyte.gz': (
            26421880,
            '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'),
        'train-labels-idx1-ubyte.gz': (
            29515,
            'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'),
        't10k-images-idx3-ubyte.gz': (
            4422102,
            '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'),
        't10k-labels-idx1-ubyte.gz': (
            5148,
            '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'),
    })


class Cifar10(_Images, skip_registration=True):
    """CIFAR-10, 50000 + 10000 colour images of 32 x 32."""

    VERSION = tfds.core.Version('3.0.2')
    name = 'cifar10'
    names = known.CIFAR10_NAMES
    shape = (32, 32, 3)
    homepage = 'https://www.cs.toronto.edu/~kriz/cifar.html'
    url = _CIFAR10
    archive = 'cifar-10-binary.tar.gz'
    folder = 'cifar-10-batches-bin'
    url_infos = registered(_CIFAR10, {archive: (
        170052171,
        'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd')})

    def _split_generators(self, dl_manager: Any) -> dict[str, Examples]:
        """Downloads (or finds) the archive; official train and test splits."""
        path = pathlib.Path(dl_manager.download(self.url + self.archive))
        train = [f'data_batch_{i}.bin' for i in range(1, 6)]
        return {'train': self._generate_examples(path, train),
                'test': self._generate_examples(path, ['test_batch.bin'])}

    def _generate_examples(self, path: pathlib.Path, members: list[str]) -> Examples:
        """Yields (row, {'image': PIL [32, 32, 3], 'label': int})."""
        row = 0
        for member in members:
            data = _member(path, f'{self.folder}/{member}')
            if not data or len(data) % 3073:
                raise DataError(f'{path}: {member} has {len(data)} bytes; accepted: a '
                                'multiple of 3073')
            for record in np.frombuffer(data, np.uint8).reshape(-1, 3073):
                # One label byte, then a red, a green and a blue plane.
                image = record[1:].reshape(3, 32, 32).transpose(1, 2, 0)
                yield row, {'image': PIL.Image.fromarray(image.copy()),
                            'label': int(record[0])}
                row += 1


def _member(path: pathlib.Path, name: str) -> bytes:
    try:
        with tarfile.open(path, 'r:gz') as archive:
            source = archive.extractfile(name)
            if source is None:
                raise KeyError(name)
            return source.read()
    except (tarfile.TarError, KeyError, AttributeError, EOFError, OSError,
            zlib.error) as error:
        raise DataError(f'{path}: {name} cannot be read ({brief(error)}); accepted: '
                        'the official archive') from error


BUILDERS = {builder.name: builder for builder in (Mnist, FashionMnist, Cifar10)}
