"""The programs of docs/library.md run as they are printed; what pages name exists."""

import functools
import importlib
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

import sparse_jax
from sparse_jax.settings.tree import flatten

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'library.md'
TOOLS = ('ziglang', 'unicorn', 'elftools', 'capstone')


@pytest.mark.slow
def test_the_programs_of_the_page(tmp_path):
    programs = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
    assert len(programs) == 4
    if not all(importlib.util.find_spec(tool) for tool in TOOLS):
        programs = [text for text in programs if 'sparse_jax.verify(' not in text]
    setting = f'import sys\nsys.path.insert(0, {str(PAGE.parents[1])!r})\n'
    done = subprocess.run(
        [sys.executable, '-c', setting + '\n'.join(programs)], cwd=tmp_path, text=True,
        capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert '% of the validation images in int8' in done.stdout
    assert (tmp_path / 'runs' / 'own' / 'study.sqlite').is_file()
    assert (tmp_path / 'runs' / 'own' / 'export').is_dir()


def test_the_page_names_every_public_name():
    table = PAGE.read_text().partition('## What there is')[2]
    named = re.findall(r'`(\w+)`', table)
    assert sorted(named) == sorted(sparse_jax.__all__)


FOLDERS = ('sparse_jax', 'launch', 'experiments', 'benchmarks', 'tests', 'docs', '.ci')
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md')])
_ANY = '|'.join(map(re.escape, FOLDERS))
_MODULES = '|'.join(FOLDERS[:5])
PATHS = re.compile(rf'(?<![\w/.-])((?:{_ANY})/[\w./*-]*[\w/*])')
DOTTED = re.compile(rf'(?<![\w/.-])((?:{_MODULES})(?:\.\w+)+)')
QUOTED = re.compile(r'`([\w./*-]+)`')
LINKS = re.compile(r'\]\(([^)\s]+)\)')
MADE = ('study.sqlite', 'sweep.csv', 'report.html', 'report.json', 'baselines.json',
        'baselines.csv')
"""Files that a launcher makes; their names look like modules."""


@functools.cache
def _library():
    """Modules and packages of the library by name."""
    return {path.stem for path in (ROOT / 'sparse_jax').iterdir()
            if path.suffix == '.py' or path.is_dir()}


@functools.cache
def _settings():
    tree = sparse_jax.default_config()
    return set(flatten(tree.to_dict())) | set(tree)


def _has_file(path):
    """Whether there is such a file: of the checkout or of the library."""
    library = ROOT / 'sparse_jax'
    return any(any(folder.glob(path.strip('/')))
               for folder in (ROOT, library, library / 'export'))


def _has_name(dotted):
    """Whether a module, or a module's attribute, has this name."""
    parts = dotted.split('.')
    for count in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:count])
        if base.is_dir() or base.with_suffix('.py').is_file():
            found = importlib.import_module('.'.join(parts[:count]))
            for name in parts[count:]:
                found = getattr(found, name, None)
            return found is not None
    return False


def _quoted_exists(name):
    """Whether what stands between backticks is there, if it is a name of the library.

    `folder/file.NAME`, `folder/file.py`, `package.module.name` and settings count.
    """
    first = re.split('[/.]', name)[0]
    if name in MADE or name in _settings() or '*' in name:
        return True
    if '/' in name and first in _library():
        module = 'sparse_jax.' + name.replace('/', '.').removesuffix('.')
        return _has_file(name) or _has_name(module)
    if name.endswith('.py'):
        return any(ROOT.rglob(name))
    if '.' in name and first in _library():
        return _has_name(f'sparse_jax.{name}')
    return True


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page):
    text = page.read_text()
    missing = [path for path in PATHS.findall(text) if not _has_file(path)]
    missing += [name for name in DOTTED.findall(text)
                if not (ROOT / name).exists() and not _has_name(name)]
    missing += [name for name in QUOTED.findall(text) if not _quoted_exists(name)]
    missing += [link for link in LINKS.findall(text) if not link.startswith('http')
                and not (page.parent / link.partition('#')[0]).exists()]
    assert not missing


def _anchors(page):
    """What headings of a page can be linked by."""
    plain = re.sub(r'```.*?```', '', page.read_text(), flags=re.S)
    headings = re.findall(r'^#+ (.+)$', plain, re.M)
    return {re.sub(r'[^\w\- ]', '', text.lower()).strip().replace(' ', '-')
            for text in headings}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings_that_exist(page):
    for link in LINKS.findall(page.read_text()):
        target, _, anchor = link.partition('#')
        if anchor and not link.startswith('http'):
            assert anchor in _anchors(page.parent / target if target else page), link


def test_the_site_names_pages_that_exist():
    text = (ROOT / 'mkdocs.yml').read_text()
    named = re.findall(r'^ +- [^:]+: ([\w/]+\.md)$', text, re.M)
    root = {path.name if path.name != 'README.md' else 'index.md'
            for path in ROOT.glob('*.md')}
    pages = {path.name for path in (ROOT / 'docs').glob('*.md')}
    assert len(named) == len(set(named))
    # What it leaves out of docs/ goes under More.
    assert set(named) <= pages | {name.lower() for name in root}


def test_the_glossary_names_modules():
    rows = re.findall(r'^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$',
                      (ROOT / 'docs' / 'glossary.md').read_text(), re.M)
    modules = [m for word, homes in rows if word != 'word'
               for m in re.findall('`([^`]+)`', homes)]
    assert len(modules) > 30
    assert [m for m in modules if not _has_name(f'sparse_jax.{m}')] == []
