"""Folders of pictures, one for each class: what is read, and what is refused."""

import io
import os
import zlib

import numpy as np
import PIL.Image
import pytest

from sparse_jax.data import DataError, DataSpec, digest, load, load_test
from tests.data import folders


def _spec(folder, **fields):
    return DataSpec(name='mine', path=str(folder), **fields)


def _pool(spec):
    """{image bytes: label} of all parts."""
    data = load(spec)
    return {image.tobytes(): data.class_names[label]
            for part in (data.train, data.validation, load_test(spec))
            for image, label in zip(part.images, part.labels)}


def test_classes_are_named_and_ordered_as_their_folders(tmp_path):
    written = folders.classes(tmp_path, ('dog', 'ant', 'cat'))
    data = load(_spec(tmp_path))
    assert data.class_names == ('ant', 'cat', 'dog')
    assert data.input_shape == (6, 5, 1) and data.train.images.dtype == np.uint8
    assert data.notes == ()
    assert _pool(_spec(tmp_path)) == {
        image.tobytes(): name.split('/')[0] for name, image in written.items()}


def test_numbers_are_ordered_by_value(tmp_path):
    folders.classes(tmp_path, ('10', '9', '1'), 4)
    assert load(_spec(tmp_path)).class_names == ('1', '9', '10')


def test_parts_of_their_own_are_respected(tmp_path):
    written = {part: folders.classes(tmp_path / part, count=count) for part, count in (
        ('train', 7), ('Validation', 3), ('test', 2))}
    data, test = load(_spec(tmp_path)), load_test(_spec(tmp_path))
    assert [len(p.labels) for p in (data.train, data.validation, test)] == [14, 6, 4]
    stack = lambda part: np.stack(list(written[part].values()))[..., None]
    np.testing.assert_array_equal(data.validation.images, stack('Validation'))
    np.testing.assert_array_equal(test.images, stack('test'))
    np.testing.assert_array_equal(test.labels, [0, 0, 1, 1])


def test_a_class_may_be_called_as_a_part(tmp_path):
    folders.classes(tmp_path, ('train', 'bus', 'test'), 4)
    assert load(_spec(tmp_path)).class_names == ('bus', 'test', 'train')


def test_the_digest_follows_every_pixel(tmp_path):
    folders.classes(tmp_path)
    first = digest(load(_spec(tmp_path)))
    assert digest(load(_spec(tmp_path / '..' / tmp_path.name))) == first
    for path in sorted(tmp_path.rglob('*.png'))[:3]:
        image = np.array(PIL.Image.open(path))
        image[0, 0] += 1
        folders.picture(path, image)
    assert digest(load(_spec(tmp_path / '.' / '..' / tmp_path.name))) == first
    from sparse_jax.data.loading import _parts
    _parts.cache_clear()
    assert digest(load(_spec(tmp_path))) != first


def test_every_format_has_the_same_pixels(tmp_path):
    for suffix in ('png', 'bmp', 'PNG'):
        written = folders.classes(tmp_path / suffix, suffix=suffix, make=folders.colour)
        assert set(_pool(_spec(tmp_path / suffix))) == {
            image.tobytes() for image in written.values()}
    # A smooth picture, as JPEG is not exact.
    ramp = np.tile(np.arange(0, 240, 8, dtype=np.uint8), (16, 1))
    for name in ('a', 'b'):
        for i in range(10):
            folders.picture(tmp_path / 'jpg' / name / f'{i}.jpeg', ramp + i, quality=95)
    images = load(_spec(tmp_path / 'jpg')).train.images
    assert images.shape[1:] == (16, 30, 1)
    assert np.abs(images[..., 0] - ramp.astype(int) - 5).max() <= 10


def test_one_coloured_picture_makes_all_coloured(tmp_path):
    written = folders.classes(tmp_path)
    red = folders.picture(tmp_path / 'cat' / 'red.png', folders.colour())
    data = load(_spec(tmp_path))
    assert data.input_shape == (6, 5, 3)
    assert len(data.notes) == 1 and '1 of 21 pictures are in colour' in data.notes[0]
    assert set(_pool(_spec(tmp_path))) == {red.tobytes()} | {
        np.repeat(image[..., None], 3, 2).tobytes() for image in written.values()}
    assert load(_spec(tmp_path, channels=1)).input_shape == (6, 5, 1)


def test_grey_is_the_luma_of_pillow(tmp_path):
    written = folders.classes(tmp_path, make=folders.colour)
    expected = {np.array(PIL.Image.fromarray(image).convert('L')).tobytes()
                for image in written.values()}
    assert set(_pool(_spec(tmp_path, channels=1))) == expected
    assert load(_spec(tmp_path, channels=3)).input_shape == (6, 5, 3)


def test_pictures_of_any_size_become_one(tmp_path):
    for name in ('a', 'b'):
        for i in range(10):
            image = np.full((4 + 2 * (i % 3), 6), 10 * i, np.uint8)
            image[:, 3:] += 100
            folders.picture(tmp_path / name / f'{i}.png', image)
    data = load(_spec(tmp_path, image_size=(4, 2)))
    assert data.input_shape == (4, 2, 1) and data.resized_from == (4, 6)
    for image in data.train.images[..., 0]:
        assert (image[:, 0] == image[0, 0]).all()
        assert (image[:, 1] == image[0, 0] + 100).all()


def test_telephones_turn_their_pictures(tmp_path):
    image = np.zeros((4, 8), np.uint8)
    image[:, :2] = 200
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # 90 degrees, clockwise
    for name in ('a', 'b'):
        for i in range(6):
            folders.picture(tmp_path / name / f'{i}.png', image, exif=exif.tobytes())
    found = load(_spec(tmp_path, validation_size=1)).train.images
    assert found.shape[1:] == (8, 4, 1) and (found[:, :2] == 200).all()


def test_palettes_and_opaque_alpha_are_pixels(tmp_path):
    written = folders.classes(tmp_path, make=folders.colour)
    for path in sorted(tmp_path.rglob('*.png'))[:4]:
        image = PIL.Image.open(path)
        image.quantize(64, dither=PIL.Image.Dither.NONE).save(path)
    for path in sorted(tmp_path.rglob('*.png'))[4:8]:
        PIL.Image.open(path).convert('RGBA').save(path)
    assert set(_pool(_spec(tmp_path))) == {
        image.tobytes() for image in written.values()}


def test_a_grey_palette_is_grey(tmp_path):
    folders.classes(tmp_path)
    path = tmp_path / 'cat' / '00.png'
    expected = np.array(PIL.Image.open(path))
    PIL.Image.open(path).convert('P').save(path)
    assert PIL.Image.open(path).mode == 'P'
    assert load(_spec(tmp_path)).input_shape == (6, 5, 1)
    assert expected.tobytes() in _pool(_spec(tmp_path))


def test_files_that_are_no_pictures_are_named(tmp_path):
    folders.classes(tmp_path)
    for name in ('README.txt', 'cat/notes.txt', 'cat/.DS_Store', '.git/HEAD'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('')
    notes = load(_spec(tmp_path)).notes
    assert notes == (f'{tmp_path}/README.txt is not read, and 1 more that are no '
                     'picture in a class',)


def _animated():
    out = io.BytesIO()
    frames = [PIL.Image.fromarray(folders.grey()) for _ in range(2)]
    frames[0].save(out, 'PNG', save_all=True, append_images=frames[1:])
    return out.getvalue()


def _deep_colour():
    """A 16-bit RGB PNG, which Pillow cannot write."""
    def chunk(kind, body):
        check = zlib.crc32(kind + body).to_bytes(4, 'big')
        return len(body).to_bytes(4, 'big') + kind + body + check
    head = (5).to_bytes(4, 'big') + (6).to_bytes(4, 'big') + bytes([16, 2, 0, 0, 0])
    rows = zlib.compress(b'\0' * 6 * (1 + 5 * 6))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', rows)
            + chunk(b'IEND', b''))


def _encoded(array, kind='PNG'):
    out = io.BytesIO()
    PIL.Image.fromarray(array).save(out, kind)
    return out.getvalue()


CLEAR = np.zeros((6, 5, 4), np.uint8)


@pytest.mark.parametrize('name, content, message', [
    ('cat/x.png', b'', 'cat/x.png: cannot be read as a picture'),
    ('cat/x.png', b'hello', r'cat/x.png: .*\(no such picture in it\)'),
    ('cat/x.png', _encoded(folders.grey(40, 40))[:300], 'cat/x.png: cannot be read'),
    ('cat/x.jpg', _encoded(folders.grey(), 'JPEG')[:-20], 'cat/x.jpg: cannot be'),
    ('cat/x.png', _encoded(folders.grey(7, 5)),
     'cat/x.png: 7x5 pixels, 00.png has 6x5; accepted: .* data.image_size'),
    ('cat/x.png', _encoded(folders.grey().astype(np.uint16)), 'png: has pixels of 16'),
    ('cat/x.png', _deep_colour(), 'has pixels of 16 bits; accepted: grey or RGB'),
    ('cat/x.png', _encoded(CLEAR), 'x.png: has transparent pixels; accepted: opaque'),
    ('cat/x.png', _animated(), 'x.png: is animated; accepted: pictures of one frame'),
    ('cat/x.gif', b'', 'x.gif: is not read; accepted: PNG, JPEG or BMP'),
    ('cat/x.webp', b'', 'x.webp: is not read; accepted: PNG, JPEG or BMP'),
    ('cow/x.txt', b'', 'cow: has no pictures; accepted: one or more of every class'),
    ('cat/more/x.png', b'', 'cat/more: is a folder in a class; accepted: pictures'),
    ('train/cat/x.png', b'', 'cat: stands beside train; accepted: train, test and'),
])
def test_what_is_refused(tmp_path, name, content, message):
    folders.classes(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load(_spec(tmp_path))
    assert '\n' not in str(caught.value) and 'accepted' in str(caught.value)


def test_one_class_is_refused(tmp_path):
    folders.classes(tmp_path, ('cat',))
    with pytest.raises(DataError, match='single class'):
        load(_spec(tmp_path))


def test_parts_without_train_and_parts_twice_are_refused(tmp_path):
    folders.classes(tmp_path / 'test')
    with pytest.raises(DataError, match='has test and no train'):
        load(_spec(tmp_path))
    folders.classes(tmp_path / 'train')
    folders.classes(tmp_path / 'testing')
    with pytest.raises(DataError, match='testing: stands beside test; accepted: one'):
        load(_spec(tmp_path))


def test_a_class_that_training_does_not_have_is_refused(tmp_path):
    folders.classes(tmp_path / 'train')
    folders.classes(tmp_path / 'test', ('cat', 'cow'))
    with pytest.raises(DataError, match=r"\(test\): label 'cow'; accepted: cat, dog"):
        load(_spec(tmp_path))


def test_larger_than_the_smallest_picture_is_refused(tmp_path):
    folders.classes(tmp_path)
    folders.picture(tmp_path / 'cat' / 'small.png', folders.grey(3, 5))
    with pytest.raises(DataError, match=r'small.png: 3x5 pixels, and image_size='):
        load(_spec(tmp_path, image_size=(4, 4)))


@pytest.mark.parametrize('link', ['cat/x.png', 'cow', 'cat/broken.png'])
def test_links_out_of_the_folder_are_not_followed(tmp_path, link):
    folders.classes(tmp_path / 'set')
    outside = tmp_path / 'outside'
    folders.classes(outside, ('cow',))
    target = {'cat/x.png': outside / 'cow' / '00.png', 'cow': outside / 'cow',
              'cat/broken.png': outside / 'nothing.png'}[link]
    os.symlink(target, tmp_path / 'set' / link)
    with pytest.raises(DataError, match=f'{link}: is a symbolic link out of'):
        load(_spec(tmp_path / 'set'))


def test_links_inside_of_the_folder_and_to_it_are_followed(tmp_path):
    folders.classes(tmp_path / 'set')
    expected = len(_pool(_spec(tmp_path / 'set')))
    os.symlink('../dog/01.png', tmp_path / 'set' / 'dog' / 'again.png')
    os.symlink(tmp_path / 'set', tmp_path / 'link')
    data = load(_spec(tmp_path / 'link'))
    assert len(data.train.labels) + len(data.validation.labels) + len(
        load_test(_spec(tmp_path / 'link')).labels) == 21
    assert len(_pool(_spec(tmp_path / 'link'))) == expected


def test_a_part_that_is_a_link_out_of_the_folder_is_refused(tmp_path):
    folders.classes(tmp_path / 'other')
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'train').symlink_to(tmp_path / 'other')
    with pytest.raises(DataError, match='train: is a symbolic link out of the folder'):
        load(_spec(tmp_path / 'set'))
