"""CSV files with and without a header, whole and damaged."""

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test

RNG = np.random.default_rng(5)
X = RNG.integers(0, 256, (40, 3, 3))
Y = np.arange(40) % 4


def _write(path, header=(), labels=Y, images=X, at=0, separator=','):
    rows = [list(map(str, image.ravel())) for image in images]
    lines = [[*row[:at], str(label), *row[at:]] for row, label in zip(rows, labels)]
    path.write_text('\n'.join(separator.join(map(str, line)) for line in (
        [header] if header else []) + lines) + '\n')
    return str(path)


def _rows(path, **fields):
    """{image bytes: class name} of all parts."""
    spec = DataSpec(name='mine', path=str(path), **fields)
    data = load(spec)
    return {image.tobytes(): data.class_names[label]
            for part in (data.train, data.validation, load_test(spec))
            for image, label in zip(part.images, part.labels)}


EXPECTED = {x.astype(np.uint8).tobytes(): str(y) for x, y in zip(X, Y)}
PIXELS = [f'pixel{i}' for i in range(9)]
PLACES = [f'{r}x{c}' for r in (1, 2, 3) for c in (1, 2, 3)]


@pytest.mark.parametrize('options', [
    {}, {'header': ['label', *PIXELS]}, {'header': ['Class', *PLACES]},
    {'header': ['label', *range(9)]}, {'header': ['target', *range(1, 10)]},
    {'header': [*PIXELS[:4], '"y"', *PIXELS[4:]], 'at': 4},
    {'header': ['label', *PIXELS], 'separator': ';'}, {'separator': '\t'}])
def test_each_form_has_the_same_images(tmp_path, options):
    path = _write(tmp_path / 'a.csv', **options)
    assert _rows(path) == EXPECTED
    assert load(DataSpec(name='mine', path=path)).notes == ()


def test_columns_are_put_where_their_names_say(tmp_path):
    order = RNG.permutation(9)
    path = _write(tmp_path / 'a.csv', ['label', *np.array(PLACES)[order]],
                  images=X.reshape(40, 9)[:, order])
    assert _rows(path) == EXPECTED


def test_names_of_three_numbers_are_of_colour(tmp_path):
    images = RNG.integers(0, 256, (40, 2, 3, 3))
    names = [f'{r}x{c}x{k}' for r in range(2) for c in range(3) for k in range(3)]
    path = _write(tmp_path / 'a.csv', ['label', *names], images=images)
    assert load(DataSpec(name='mine', path=path)).input_shape == (2, 3, 3)
    assert set(_rows(path)) == {x.astype(np.uint8).tobytes() for x in images}


def test_an_image_may_be_no_square_if_its_names_say_so(tmp_path):
    names = [f'r{r}_c{c}' for r in range(2) for c in range(4)]
    path = _write(tmp_path / 'a.csv', ['label', *names], images=X.reshape(45, 8))
    assert load(DataSpec(name='mine', path=path)).input_shape == (2, 4, 1)


def test_labels_may_be_texts(tmp_path):
    labels = np.array(['cat', 'dog', 'a bird', '"x, y"'])[Y]
    path = _write(tmp_path / 'a.csv', ['label', *PIXELS], labels=labels)
    data = load(DataSpec(name='mine', path=path))
    assert data.class_names == ('a bird', 'cat', 'dog', 'x, y')
    assert _rows(path) == {x.astype(np.uint8).tobytes(): label.strip('"')
                           for x, label in zip(X, labels)}
    # Without a header too, though a class is called as a column might be.
    path = _write(tmp_path / 'b.csv', labels=np.array(['y', 'n'])[Y % 2])
    assert load(DataSpec(name='mine', path=path)).class_names == ('n', 'y')


def test_fractions_stay_floats(tmp_path):
    path = _write(tmp_path / 'a.csv', images=X / 255)
    data = load(DataSpec(name='mine', path=path))
    assert data.train.images.dtype == np.float32 and data.train.images.max() <= 1


def test_a_folder_of_parts(tmp_path):
    for name, count in (('train', 30), ('test', 6), ('valid', 4)):
        _write(tmp_path / f'{name}.csv', ['label', *PIXELS], Y[:count], X[:count])
    spec = DataSpec(name='mine', path=str(tmp_path))
    data = load(spec)
    assert [len(p.labels) for p in (data.train, data.validation, load_test(spec))] == [
        30, 4, 6]
    np.testing.assert_array_equal(load_test(spec).images[..., 0], X[:6])
    (tmp_path / 'validation.csv').write_text('')
    with pytest.raises(DataError, match='beside valid.csv; accepted: one file of the'):
        load(DataSpec(name='again', path=str(tmp_path)))


LINE = ','.join(map(str, range(10))) + '\n'


@pytest.mark.parametrize('text, message', [
    ('', '0 columns; accepted: a label and at least 4 pixels'),
    ('label,a\n', '2 columns; accepted'),
    ('label,' + ','.join(PIXELS), 'has no lines of pixels'),
    ('id,' + ','.join(PIXELS) + '\n' + LINE, 'columns id, ...; accepted: one column '),
    ('label,class,' + ','.join(PIXELS) + '\n' + LINE, 'columns label, class; accepted'),
    ('label,' + ','.join(PIXELS[:8]) + ',name\n' + LINE, "column 'name' is no pixel"),
    ('label,' + ','.join(PIXELS[:8]) + ',1x1\n' + LINE, 'of columns are not alike'),
    ('label,' + ','.join([*PIXELS[:8], PIXELS[0]]) + '\n' + LINE, 'not all different'),
    ('label,' + ','.join(PLACES[:8]) + '\n' + LINE, '8 columns are named up to 3x3'),
    (LINE + LINE[2:], r'cannot be read \(.*columns'),
    (LINE + LINE.replace('4', 'four'), r"cannot be read \(.*'four'"),
    (LINE + LINE.replace('0', ' ', 1), 'image 2 has no label'),
    (LINE.replace(',9', ''), '8 pixels are no square; accepted: a square number'),
    ('1.5,' + LINE[2:] + LINE, 'labels of shape .*float64; accepted'),
    (LINE * 3, 'single class'),
    (LINE.replace('9', '999') * 3, r'integer pixels in 1 \.\. 999'),
    (LINE.replace('9', 'nan') * 3, '3 pixels are NaN'),
    ('\xff' * 2**20, 'its first line has no end'),
])
def test_what_is_refused(tmp_path, text, message):
    (tmp_path / 'a.csv').write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load(DataSpec(name='mine', path=str(tmp_path / 'a.csv'), validation_size=1,
                      test_size=1))
    assert '\n' not in str(caught.value) and 'accepted' in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / 'a.csv').write_bytes(b'1,2,3,4,\xff\xfe\n')
    with pytest.raises(DataError, match='cannot be read'):
        load(DataSpec(name='mine', path=str(tmp_path / 'a.csv')))
