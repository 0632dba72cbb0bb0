"""Facts about the data sets that the project names: sizes, class names, versions."""

from typing import NamedTuple

DIGIT_NAMES = tuple('0123456789')

FASHION_NAMES = (
    'T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat',
    'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot',
)

CIFAR10_NAMES = (
    'airplane', 'automobile', 'bird', 'cat', 'deer',
    'dog', 'frog', 'horse', 'ship', 'truck',
)


class Published(NamedTuple):
    """Split sizes of the SpArSe paper for a set of exactly `images` pool images."""

    images: int
    """Images outside the official test set; all images where there is none."""
    validation: int
    test: int | None
    """Images of the test part drawn here; None where the set has an official one."""


# MNIST 55000/5000/10000, CIFAR-10 45000/5000/10000, Chars4K 3897/500/1886 and CUReT
# 3704/500/1408 are the paper's. Digits is ours (it is not in the paper): 1197/300/300.
PUBLISHED = {
    'mnist': Published(60000, 5000, None),
    'fashion_mnist': Published(60000, 5000, None),
    'cifar10': Published(50000, 5000, None),
    'chars4k': Published(6283, 500, 1886),
    'curet': Published(5612, 500, 1408),
    'digits': Published(1797, 300, 300),
}

SOURCES = {
    'chars4k': 'the 6283 labelled pictures of 20 x 20 of "First Steps With Julia" '
               '(Kaggle), as an .npz with X and y',
    'curet': 'the 61 folders of 92 pictures each of curetgrey.zip (Visual Geometry '
             'Group, Oxford: texture classification)',
    'usps': '7291 and 2007 images of 16 x 16 (LIBSVM data sets: usps and usps.t), as '
            'an .npz with x_train, y_train, x_test and y_test',
}
"""Where sets come from that nothing here downloads, and in which form."""

CLASS_NAMES = {
    'digits': DIGIT_NAMES,
    'mnist': DIGIT_NAMES,
    'fashion_mnist': FASHION_NAMES,
    'cifar10': CIFAR10_NAMES,
}

MIRRORED = ('cifar10', 'fashion_mnist')
"""Sets whose images keep their class when they are mirrored left to right. Digits and
letters do not."""

EMBEDDED = ('digits', 'synthetic')
"""Sets that need neither files nor a network."""

PREPARED = ('mnist', 'fashion_mnist', 'cifar10')
"""Sets that own TFDS builders prepare without TensorFlow."""
