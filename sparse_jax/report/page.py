"""The whole page: one file that needs nothing else."""

import pathlib
import time
from collections.abc import Sequence

from sparse_jax.baselines.rows import Row
from sparse_jax.report import (
    competitors,
    finals,
    front_table,
    network,
    planes,
    prediction,
    progress,
    published,
    refused,
    sensitivity,
    time_split,
)
from sparse_jax.report.elements import Child, Element, as_html, element
from sparse_jax.report.facts import Facts
from sparse_jax.report.prediction import Prediction

HERE = pathlib.Path(__file__).parent
NAME = 'report.html'


def render(
    facts: Facts, predicted: Prediction | None = None, beside: Sequence[Row] = (),
) -> str:
    """A study as a page of HTML with its own pictures, styles and script.

    Args:
      facts: of `facts.gather`.
      predicted: of `prediction.of_the_search` or `left_out.leave_one_out`; without it
        the page leaves that out.
      beside: competitors on the same images.

    Returns:
      The text of the file, for encoding as UTF-8. It names no other resource, so it
      can be mailed and read without a network; what comes from the study is escaped.
    """
    others = published.results(facts.study)
    front = [] if not facts.members else [
        planes.section(facts, others), front_table.section(facts)]
    networks = [] if not facts.members else [network.section(facts)]
    sections = [
        *front, finals.section(facts), published.section(others),
        competitors.section(beside, tested=bool(facts.tests)),
        progress.section(facts), *networks,
        refused.section(facts), sensitivity.section(facts),
        prediction.section(facts, predicted), time_split.section(facts)]
    there = [part for part in sections if part is not None]
    name = _title(facts)
    root = element(
        'html', element(
            'head', element('meta', charset='utf-8'), element('title', name),
            element('meta', name='viewport',
                    content='width=device-width, initial-scale=1'),
            element('style', _file('style.css'))),
        element('body', element(
            'header', element('h1', name), _about(facts), _links(there)),
            element('main', front_table.glance(facts), *there),
            element('footer', f'Written by launch.report from {facts.study.folder}.'),
            element('div', id='tip', role='status', hidden=True),
            element('script', _file('script.js'))), lang='en')
    return f'<!DOCTYPE html>\n{as_html(root)}\n'


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding='utf-8')


def _title(facts: Facts) -> str:
    given = facts.study.settings.data
    grouped = f', classes {given.classes}' if given.classes else ''
    return f'{given.name}{grouped}: search report'


def _about(facts: Facts) -> Element:
    """What was searched, and how far it is."""
    settings = facts.study.settings
    data = facts.study.about
    shape = 'x'.join(map(str, data.shape))
    rounds = sum(found.hypervolume is not None and not found.is_end
                 for found in facts.rounds)
    search = settings.search
    # With a clock nobody has said how many there are to be.
    told = f'{rounds} of {search.most_rounds} rounds'
    if search.max_minutes:
        told = f'{rounds} round{"s" * (rounds != 1)}'
    words = (
        f'{shape} images of {len(data.class_names)} classes, {sum(data.train)} to '
        f'train and {sum(data.validation)} to validate. {len(facts.trials)} '
        f'trials in {told} of {search.algorithm}, pruned by '
        f'{settings.pruning.method}; {len(facts.networks)} networks with all '
        f'cuts, {len(facts.front)} on the front.')
    state: list[Child] = []
    if facts.running:
        now = time.strftime('%H:%M:%S')
        state += [element('b', f'The search is still running; written {now}',
                          class_='badge'), _again()]
    if facts.study.missing:
        state.append(element('span', 'Written without the images.', class_='badge'))
    if not facts.tests:
        state.append(element('span', 'Test data were not looked at.', class_='badge'))
    return element('div', element('p', words), element('p', *state) if state else None)


def _again() -> Element:
    """A box that makes a page of a running search read itself again; its script shows
    it."""
    return element('label', element('input', type='checkbox', id='again'),
                   ' reload by itself', class_='again', hidden=True)


def _links(sections: Sequence[Element]) -> Element:
    """To every section."""
    links = []
    for part in sections:
        heading = part.find('h2')
        if heading is not None:
            links.append(element('a', heading.text, href=f'#{part.get("id")}'))
    return element('nav', *links)
