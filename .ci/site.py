"""What the site has beside docs/: the pages of the root, and the API from docstrings.

Hooks of mkdocs, named in mkdocs.yml. Nothing is written into docs/.
"""

import ast
import pathlib
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIBRARY = ROOT / 'sparse_jax'
LINK = re.compile(r'\]\(([^)\s:]+)\)')


def _uri(path: pathlib.Path) -> str:
    """The page of a Markdown file of the root."""
    return 'index.md' if path.name == 'README.md' else f'{path.stem.lower()}.md'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root and those of the API."""
    for path in sorted(ROOT.glob('*.md')):
        files.append(File.generated(config, _uri(path), content=path.read_text()))
    for name, text in _reference().items():
        files.append(File.generated(config, f'api/{name}.md', content=text))
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """Give the API, and pages of docs/ that mkdocs.yml does not name, their place."""
    named = {page.file.src_uri for page in nav.pages}
    api, more = [], []
    for file in files.documentation_pages():
        if file.src_uri in named:
            continue
        page = file.page or Page(None, file, config)
        (api if file.src_uri.startswith('api/') else more).append(page)
    for title, pages in (('More', more), ('API', api)):
        if pages:
            nav.items.append(Section(title, pages))
            nav.pages.extend(pages)
    for page, after in zip(nav.pages, nav.pages[1:]):
        page.next_page, after.previous_page = after, page
    return nav


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig,
                     files: Files) -> str:
    """Let links between files of the repository be links between pages."""
    if page.file.src_uri.startswith('api/'):
        return markdown
    inside = {_uri(path) for path in ROOT.glob('*.md')} - {'index.md'}
    of_root = page.file.src_uri in inside | {'index.md'}

    def moved(link: re.Match[str]) -> str:
        target, hash_sign, anchor = link[1].partition('#')
        target = target.removeprefix('docs/') if of_root else target
        path = ROOT / target.removeprefix('../')
        if (of_root or target.startswith('../')) and path.is_file() and (
                path.parent == ROOT and path.suffix == '.md'):
            target = _uri(path)
        return f']({target}{hash_sign}{anchor})'
    return LINK.sub(moved, markdown)


def _reference() -> dict[str, str]:
    """{page: text} of the public names and of every package of the library."""
    lines = [f'* [`{name}`][{home}]' for name, home in sorted(_homes().items())]
    pages = {'public': '\n'.join([
        '# Public names', '', 'What `import sparse_jax` offers.', '', *lines, ''])}
    for path in sorted(LIBRARY.iterdir()):
        if path.name.startswith('_') or not (path.is_dir() or path.suffix == '.py'):
            continue
        modules = _modules(path)
        if modules:
            pages[path.stem] = f'# sparse_jax.{path.stem}\n\n' + '\n'.join(
                f'::: {module}\n' for module in modules)
    return pages


def _modules(path: pathlib.Path) -> list[str]:
    """Dotted names of a module, or of all in a package that have something public."""
    files = [path] if path.is_file() else sorted(path.rglob('*.py'))
    return ['.'.join(file.relative_to(ROOT).with_suffix('').parts) for file in files
            if file.name != '__init__.py' and '__pycache__' not in file.parts]


def _homes() -> dict[str, str]:
    """{public name: where it is defined}, from the imports that checkers read."""
    tree = ast.parse((LIBRARY / '__init__.py').read_text())
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and (
                node.module.startswith('sparse_jax.')):
            for alias in node.names:
                found[alias.asname or alias.name] = _defined(node.module, alias.name)
    return found


def _defined(module: str, name: str) -> str:
    """The module that defines a name which a package passes on."""
    base = ROOT.joinpath(*module.split('.'))
    if not base.is_dir():
        return f'{module}.{name}'
    for node in ast.walk(ast.parse((base / '__init__.py').read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and any(
                name in (alias.asname, alias.name) for alias in node.names):
            original = next(a.name for a in node.names if name in (a.asname, a.name))
            return _defined(node.module, original)
    return f'{module}.{name}'
