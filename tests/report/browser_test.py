"""The page in a real browser: no wider than its window, and its script at work."""

import re

import pytest

from benchmarks import screenshots
from sparse_jax.report import page
from tests.report.page_test import HOSTILE, gathered, opened

BROWSER = screenshots.browser()
pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(BROWSER is None, reason='no Chromium here')]


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """(path of a page, its facts)."""
    path = tmp_path_factory.mktemp('page') / 'report.html'
    with opened() as study:
        found = gathered(study)
        path.write_text(page.render(found), encoding='utf-8')
        yield path, found


@pytest.mark.parametrize('width', [390, 1280])
def test_it_is_as_wide_as_its_window(written, width):
    assert screenshots.size(BROWSER, written[0], width)[0] == width


def test_a_picture_is_taken(written, tmp_path):
    out = tmp_path / 'a.png'
    screenshots.take(BROWSER, written[0], out, 390, dark=True, height=500)
    assert out.stat().st_size > 5000


def test_a_link_to_a_network_opens_it(written):
    path, _ = written
    closed = re.findall(
        r'<details id="(network-[^"]+)"(?![^>]* open)', path.read_text())
    assert closed
    text = screenshots.dom(BROWSER, f'{path.as_uri()}#{closed[0]}')
    tag = re.search(f'<details id="{closed[0]}"[^>]*>', text).group(0)
    assert ' open=' in tag and 'lit' in tag


def test_words_of_a_study_run_nothing(written, tmp_path):
    _, found = written
    rows = [found.trials[0]._replace(status=HOSTILE), *found.trials[1:]]
    path = tmp_path / 'hostile.html'
    path.write_text(page.render(found._replace(trials=rows)), encoding='utf-8')
    # An alert would hold the browser up, and a broken picture would be an element.
    text = screenshots.dom(BROWSER, path.as_uri())
    assert 'alert(1)' in text and '<img' not in text
    assert text.count('<script') == 1
