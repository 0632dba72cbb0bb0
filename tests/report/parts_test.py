"""The parts of a page against values that are worked out by hand or by a library."""

import math
import types
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats

from sparse_jax.objectives.goals import Objectives
from sparse_jax.report import (
    axes,
    chart,
    confusion,
    drawing,
    elements,
    frame,
    layered,
    left_out,
    published,
    sensitivity,
)
from sparse_jax.report.ranks import ranks

SIZES = Objectives()


def test_attributes_and_text():
    made = elements.element(
        'a', 'x < y & z', None, elements.element('b', 'in'), ' after', class_='k',
        data_name='"q"', x=1.25, y=3.0, hidden=True, open=False, title=None)
    assert elements.as_html(made) == (
        '<a class="k" data-name="&quot;q&quot;" x="1.2" y="3" hidden="hidden">'
        'x &lt; y &amp; z<b>in</b> after</a>')
    assert elements.clean('a\x00b\x1f\ud800c') == 'a\ufffdb\ufffd\ufffdc'
    assert elements.path(np.array([1.0, 2.05]), np.array([3.0, 4.0])) == 'M1 3L2 4'
    assert elements.sentence('RAM of it') == 'RAM of it'


def test_an_axis_maps_its_ends_to_its_pixels():
    axis = axes.size_axis(64, 4096, 50, 350, 'size', bytes_=True)
    np.testing.assert_allclose(axis.at([64, 512, 4096]), [50, 200, 350])
    assert axis.labels == ('64', '128', '256', '512', '1K', '2K', '4K')
    assert axis.holds([63, 64, 4097]).tolist() == [False, True, False]
    assert math.isfinite(float(axis.at(0.0)))
    errors = axes.percent_axis(1.5, 12.5, 200, 0, 'error')
    np.testing.assert_allclose(errors.at([1.5, 12.5]), [200, 0])
    assert errors.labels == ('2', '5', '10')
    narrow = axes.percent_axis(2.0, 9.0, 0, 1, '')
    assert narrow.labels == ('2', '3', '4', '5', '6', '8')
    plain = axes.linear_axis(0, 720, 0, 1, '')
    assert plain.ticks == (0, 200, 400, 600)
    assert axes.linear_axis(0, 60_000, 0, 1, '').labels[-1] == '60k'


@pytest.mark.parametrize('low,high', [
    (1.0, 1.0), (64.0, 65.0), (0.004, 0.009), (1e-6, 1e9), (3.0, 1e7)])
def test_any_axis_has_ticks_inside(low, high):
    for bytes_ in (False, True):
        axis = axes.size_axis(low, high, 0, 100, '', bytes_=bytes_)
        assert 1 <= len(axis.ticks) == len(axis.labels) <= 20
        assert axis.holds(axis.ticks).all()
        assert np.all(np.diff(axis.at(axis.ticks)) > 0)


def test_equal_dots_are_drawn_once():
    made = chart.dots(np.array([1.2, 0.8, 5.0]), np.array([2.0, 2.1, 7.0]), 'other')
    assert made.get('d') == 'M1 2h0M5 7h0'
    assert chart.dots(np.array([]), np.array([]), 'other') is None


def test_many_dots_are_thinned_evenly():
    x, y = (part.ravel() for part in np.meshgrid(np.arange(120.0), np.arange(80.0)))
    drawn = chart.dots(x, y, 'other').get('d').split('M')[1:]
    assert chart.MOST / 3 < len(drawn) <= chart.MOST
    across = {float(part.split()[0]) for part in drawn}
    assert min(across) <= 3 and max(across) >= 117


def test_stairs_keep_their_height_until_the_next_point():
    made = chart.steps(np.array([0.0, 10.0]), np.array([5.0, 2.0]), 20.0, 'front')
    assert made.get('d') == 'M0 5H10V2H20'


def _values(*rows):
    return np.array(rows, float)


def test_what_is_worth_deploying():
    # Best 0.04 among the small ones, guessing 0.9: up to sqrt(0.036) = 0.1897.
    values = _values(
        [0.04, 512, 512], [0.18, 256, 256], [0.20, 128, 128],
        [0.01, 9000, 256],  # more than four times the soft bound
        [0.04, 8192, 8192])
    assert frame.worth(values, SIZES, 0.9).tolist() == [True, True, False, False, True]


def test_the_frame_holds_what_is_worth_it_and_the_bounds_nearby():
    values = _values([0.04, 512, 80], [0.18, 600, 64], [0.80, 20, 10], [0.7, 9000, 900])
    found = frame.zoom(values, values[:3], SIZES, 0.9)
    assert found.zoomed
    np.testing.assert_allclose(found.low[:2], np.array([0.04, 512]) / 1.15)
    # 2048 is within four times 600, not of 80.
    np.testing.assert_allclose(found.high[:2], np.array([0.18, 2048]) * 1.15)
    # 64 to 80 is narrow: three to one around their middle.
    middle = np.sqrt(64 * 80)
    np.testing.assert_allclose(found.low[2], middle / np.sqrt(3))
    np.testing.assert_allclose(found.high[2], middle * np.sqrt(3))
    everything = frame.whole(values, SIZES)
    assert not everything.zoomed and everything.holds(values).all()
    assert everything.holds(_values([0.5, 2048, 2048])).all()
    # The chosen network is seen, worth it or not.
    assert not found.holds(values[2:3]).any()
    assert frame.zoom(values, values[:3], SIZES, 0.9, values[2]).holds(values[:3]).all()
    nothing = frame.zoom(values, values[2:3], SIZES, 0.5)
    np.testing.assert_allclose(nothing.high, everything.high)


def test_hard_budgets_tighten_the_limits():
    objectives = SIZES._replace(budgets=(('model_size', 300.0), ('macs', 5.0)))
    assert frame.limits(objectives).tolist() == [300.0, 2048.0]


def test_an_error_of_zero_is_drawn_below_the_least():
    values = _values([0.0, 10, 0], [0.02, 20, 30])
    assert frame.floor_of(values[:, 0]) == 0.01
    shown = frame.drawn(values, SIZES, 0.01)
    assert shown.tolist() == [[0.01, 10, 1], [0.02, 20, 30]]


GRAPHS = {
    'chain': {'input': (), 'a': ('input',), 'b': ('a',)},
    'branches': {
        'input': (), 'c1': ('input',), 'c2': ('c1',), 'main': ('c2',), 'left': ('c1',),
        'right': ('input',), 'merge': ('main', 'left', 'right'), 'out': ('merge',)},
    'residual': {'input': (), 'a': ('input',), 'b': ('a',), 'add': ('b', 'input')},
    'dead end': {'input': (), 'a': ('input',), 'b': ('input',), 'c': ('b',)},
}


@pytest.mark.parametrize('inputs', GRAPHS.values(), ids=GRAPHS.keys())
def test_edges_point_down_and_nothing_overlaps(inputs):
    found = layered.place(inputs)
    assert found.levels['input'] == 0
    assert {(s, t) for s, t, _ in found.edges} == {
        (s, t) for t, read in inputs.items() for s in read}
    items = [(found.levels[name], x, layered.BOX) for name, x in found.centres.items()]
    for source, target, lanes in found.edges:
        first, last = found.levels[source], found.levels[target]
        assert first < last and len(lanes) == last - first - 1
        items += [(first + 1 + i, x, layered.LANE) for i, x in enumerate(lanes)]
    for i, (level, x, width) in enumerate(items):
        assert width / 2 - 1e-9 <= x <= found.width - width / 2 + 1e-9
        for other, y, size in items[i + 1:]:
            assert other != level or abs(x - y) >= (width + size) / 2


def test_the_branches_are_side_by_side_before_their_merge():
    levels = layered.place(GRAPHS['branches']).levels
    assert levels['main'] == levels['left'] == levels['right'] == 3
    assert levels['merge'] == 4 and levels['out'] == 5


def test_strength_is_spearmans_rank_correlation():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, 30)
    goals = values ** 2 + rng.normal(0, 4, 30)
    expected = stats.spearmanr(values, goals).statistic
    assert sensitivity._strength(list(values), goals, True) == pytest.approx(expected)
    goals[:23] = np.nan
    assert math.isnan(sensitivity._strength(list(values), goals, True))


def test_the_correlation_ratio():
    # Between: 2 * (1.5 - 3)^2 * 2 = 9; whole: 4 + 1 + 1 + 4 = 10.
    ratio = sensitivity.correlation_ratio('aabb', np.array([1.0, 2.0, 4.0, 5.0]))
    assert ratio == pytest.approx(math.sqrt(9 / 10))
    assert sensitivity.correlation_ratio('abab', np.array([1.0, 1.0, 3.0, 3.0])) == 0


def test_leaving_one_out_is_what_solving_without_it_gives():
    rng = np.random.default_rng(1)
    x, y = rng.random(6), rng.normal(size=6)
    cov = np.exp(-8 * (x[:, None] - x) ** 2) + 0.1 * np.eye(6)
    above = left_out._left_out(
        np.linalg.cholesky(cov).T[None], np.linalg.solve(cov, y)[None])[0]
    for i in range(6):
        rest = np.arange(6) != i
        told = cov[i, rest] @ np.linalg.solve(cov[np.ix_(rest, rest)], y[rest])
        assert y[i] - above[i] == pytest.approx(told)


@pytest.mark.parametrize('count', [3, 62])
def test_a_confusion_is_drawn_or_listed(count):
    matrix = 10 * np.eye(count, dtype=int)
    matrix[1, 0] = 5
    made = confusion.show(matrix, [f'class {i}' for i in range(count)])
    text = ElementTree.tostring(made, encoding='unicode')
    assert 'class 0 (5)' in text and '66.7' in text
    assert ('<svg' in text) == (count <= confusion.DRAWN)
    assert len(text) < 30_000


def _study(name, classes='', num_classes=10):
    return types.SimpleNamespace(
        settings=types.SimpleNamespace(data=types.SimpleNamespace(
            name=name, classes=classes)),
        dataset=types.SimpleNamespace(num_classes=num_classes))


def test_published_results_are_of_the_same_task():
    names = [entry.system for entry in published.results(_study('mnist'))]
    assert names[0] == 'uNAS' and 'Bonsai' in names
    assert not published.results(_study('mnist', '0-4/5-9', 2))
    assert not published.results(_study('chars4k', '0-30/31-61', 2))
    assert not published.results(_study('cifar10', 'even', 2))
    for study in (_study('cifar10_binary', num_classes=2),
                  _study('cifar10', '0-4/5-9', 2)):
        assert {e.accuracy for e in published.results(study)} >= {73.02, 73.84, 77.49}


def test_published_memory_is_that_of_the_memory_model():
    entries = [e for e in published.results(_study('mnist'))
               if e.system == 'SpArSe, both under 2 KB']
    xy = published.plotted(entries, SIZES, (2, 0))
    assert [both for _, both in xy] == [(635, pytest.approx(0.042))]
    weights = SIZES._replace(memory='working_memory_weights')
    xw = published.plotted(entries, weights, (2, 0))
    assert [both for _, both in xw] == [(1362, pytest.approx(0.0351))]
    # The papers' rows have no figure of what uNAS counts, and uNAS no other.
    without = SIZES._replace(memory='working_memory_without_image')
    assert not published.plotted(entries, without, (2, 0))
    unas = [e for e in published.results(_study('mnist')) if e.system == 'uNAS']
    found = published.plotted(unas, without, (2, 0))
    assert [both for _, both in found] == [(488, pytest.approx(0.0081))]
    assert not published.plotted(unas, SIZES, (2, 0))
    section = published.section(unas)
    assert section is not None
    words = list(section.itertext())
    assert 'memory, no image (B)' in words and '488' in words


def test_equal_values_share_the_mean_of_their_ranks():
    np.testing.assert_array_equal(
        ranks(np.array([3.0, 1.0, 3.0, 2.0, 3.0])), [4, 1, 4, 2, 4])


@pytest.mark.parametrize('rate, kind, squeezed, words', [
    (1, 'max', False, ''), (2, 'max', False, '2x2 down'),
    (1, 'max', True, 'channel max'),
    (3, 'average', True, '3x3 average, channel max')])
def test_what_is_done_to_an_image_fits_its_box(rate, kind, squeezed, words):
    graph = types.SimpleNamespace(
        downsample=rate, downsample_type=kind, squeeze_depth=squeezed)
    assert drawing._done_to_image(graph) == words
    assert 6.3 * len(words) < layered.BOX
