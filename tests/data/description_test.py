"""What is remembered of a data set: numbers, and the same guess as from its images."""

import json

import pytest

from sparse_jax import data
from sparse_jax.data import description
from tests import tiny_study


def _tiny(**spec):
    return data.DataSpec(
        'tiny', path=str(tiny_study.data_file()), validation_size=60, test_size=60,
        **spec)


def test_a_description_holds_what_the_images_say():
    dataset = data.load(_tiny())
    found = description.describe(dataset)
    assert found.shape == (6, 6, 1) and found.class_names == ('0', '1', '2')
    assert (sum(found.train), sum(found.validation)) == (180, 60)
    for balanced in (False, True):
        assert found.largest_class(balanced=balanced) == data.largest_class(
            dataset, balanced=balanced)
    assert description.parse(description.as_text(found)) == found
    empty = found.without_images()
    assert (empty.input_shape, empty.num_classes) == ((6, 6, 1), 3)
    assert (empty.mean, empty.std) == (dataset.mean, dataset.std)
    assert len(empty.train.labels) == len(empty.validation.images) == 0


@pytest.mark.parametrize('change', [
    {'shape': [6, 6]}, {'shape': [6, 6, 'x']}, {'train': [1, 2]}, {'std': 0.0},
    {'class_names': 3}, {'validation': [0, 0, 0]}, {'mean': float('nan')},
    {'resized_from': [1]}, {'more': 1}, {'train': [1, 2, -1]}, {'shape': None}])
def test_other_text_is_no_description(change):
    text = description.as_text(description.describe(data.load(_tiny())))
    assert description.parse(text) is not None
    assert description.parse(json.dumps(json.loads(text) | change)) is None


def test_names_that_no_file_can_hold_are_read_as_others():
    text = description.as_text(description.describe(data.load(_tiny())))
    odd = json.loads(text) | {'name': 'a\udcff', 'class_names': ['\ud800', 'b', 'c']}
    found = description.parse(json.dumps(odd))
    assert found is not None
    assert (found.name, found.class_names) == ('a?', ('?', 'b', 'c'))


@pytest.mark.parametrize('text', ['', '[]', '{', 'null', '3', '[' * 10**5])
def test_damaged_text_is_no_description(text):
    assert description.parse(text) is None


def test_a_person_names_the_classes_that_a_search_sees():
    named = data.load(_tiny(class_names=('left', 'up', 'right')))
    assert named.class_names == ('left', 'up', 'right')
    assert data.digest(named) == data.digest(data.load(_tiny()))
    grouped = _tiny(classes='0,2/1', class_names=('flat', 'steep'))
    assert data.load(grouped).class_names == ('flat', 'steep')
    with pytest.raises(data.DataError, match=(
            r"class_names=\('a', 'b'\): 2 names; accepted: one for each of the 3 "
            'classes, in the order 0, 1, 2$')):
        data.load(_tiny(class_names=('a', 'b')))
