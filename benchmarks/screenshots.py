"""A report as a browser shows it: wide, on a phone, in the dark.

    python -m benchmarks.screenshots runs/digits/report.html --out=/tmp/pictures

Needs a Chromium (the Debian package `chromium`); without one it says so and ends with
exit code 3. Every picture is of the whole page; --parts cuts the front and a network
out of the wide one, as docs/pictures has them. A message of its script, or a part
of it that is wider than the window, is an error.
"""

import argparse
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
VIEWS = {'wide': (1280, False), 'phone': (390, False), 'dark': (1280, True)}
"""{name: (width in pixels, whether the system is dark)}."""
PARTS = {'front': ('html', '#front .legend'),
         'network': ('details.network[open]', 'details.network[open]')}
"""{name: (what a part begins with, what it ends with)}, as selectors."""
NO_BROWSER = 3
_ROOM = 10
"""Pixels around a part."""
_MEASURE = """<!DOCTYPE html><title>none</title>
<iframe src="page.html" style="border:0" width="{width}" height="900"></iframe><script>
addEventListener('load', () => {{
  const page = document.querySelector('iframe').contentDocument;
  const root = page.documentElement;
  const place = name => page.querySelector(name)?.getBoundingClientRect() ?? {{}};
  document.title = `SIZE ${{root.scrollWidth}} ${{root.scrollHeight}}`
    + ` ${{place('{first}').top}} ${{place('{last}').bottom}}`; }});</script>"""
"""A frame is as narrow as it is asked to be; a window may not be."""


def browser() -> str | None:
    """Its command; None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _run(command: str, *arguments: str) -> str:
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [command, '--headless', '--no-sandbox', '--disable-gpu',
             '--hide-scrollbars', '--enable-logging=stderr', '--v=0',
             '--allow-file-access-from-files', f'--user-data-dir={profile}',
             '--virtual-time-budget=2000', *arguments],
            capture_output=True, text=True, timeout=180, check=True)
    found = [line for line in done.stderr.splitlines() if 'CONSOLE' in line]
    if found:
        raise SystemExit('the page complains: ' + '; '.join(found))
    return done.stdout


def dom(command: str, address: str) -> str:
    """The elements of a page after its script has run, as text."""
    return _run(command, '--dump-dom', address)


def _measured(
    command: str, page: pathlib.Path, width: int, part: tuple[str, str]
) -> list[float]:
    """(width, height) of a page in a window so wide, (top, bottom) of a part of it; NaN
    where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(page, f'{folder}/page.html')
        outer = pathlib.Path(folder) / 'outer.html'
        outer.write_text(_MEASURE.format(width=width, first=part[0], last=part[1]),
                         encoding='utf-8')
        text = dom(command, outer.as_uri())
    found = re.search(r'<title>SIZE (\S+) (\S+) (\S+) ([^<\s]+)', text)
    assert found is not None
    return [float('nan' if text == 'undefined' else text) for text in found.groups()]


def size(command: str, page: pathlib.Path, width: int) -> tuple[int, int]:
    """(width, height) that the page takes in a window so wide."""
    across, down, *_ = _measured(command, page, width, PARTS['front'])
    return int(across), int(down)


def cut(command: str, page: pathlib.Path, whole: pathlib.Path, name: str) -> None:
    """Write a part of a page beside the picture of all of it, if it has that part."""
    from PIL import Image

    with Image.open(whole) as picture:
        *_, top, bottom = _measured(command, page, picture.width, PARTS[name])
        if math.isnan(top) or math.isnan(bottom):
            return
        box = (0, max(int(top) - _ROOM, 0), picture.width, int(bottom) + _ROOM)
        out = whole.with_name(f'{page.stem}_{name}.png')
        picture.convert('RGB').crop(box).save(out, optimize=True)
    print(f'written: {out}')


def take(
    command: str, page: pathlib.Path, out: pathlib.Path, width: int, *,
    dark: bool = False, height: int | None = None,
) -> None:
    """Write the picture of a page, `height` pixels of it or all."""
    _, whole = size(command, page, width)
    theme = ['--blink-settings=preferredColorScheme=0'] if dark else []
    _run(command, *theme, f'--window-size={width},{height or whole}',
         f'--screenshot={out}', page.resolve().as_uri())


def main(argv: Sequence[str] | None = None) -> int:
    """The pictures of a page; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('page', type=pathlib.Path)
    parser.add_argument('--out', type=pathlib.Path, default=pathlib.Path('.'))
    parser.add_argument('--height', type=int, help='of the pictures, in pixels')
    parser.add_argument('--parts', action='store_true', help='of the wide picture too')
    given = parser.parse_args(argv)
    command = browser()
    if command is None:
        print(f'no browser; wanted: one of {", ".join(BROWSERS)}', file=sys.stderr)
        return NO_BROWSER
    given.out.mkdir(parents=True, exist_ok=True)
    for name, (width, dark) in VIEWS.items():
        across, _ = size(command, given.page, width)
        if across > width:
            print(f'{name}: {across} pixels wide in a window of {width}',
                  file=sys.stderr)
            return 1
        out = given.out / f'{given.page.stem}_{name}.png'
        take(command, given.page, out, width, dark=dark, height=given.height)
        print(f'written: {out}')
        if given.parts and name == 'wide':
            for part in PARTS:
                cut(command, given.page, out, part)
    return 0


if __name__ == '__main__':
    sys.exit(main())
