"""A report as a browser shows it: wide, on a phone, in the dark.

    python -m benchmarks.screenshots runs/digits/report.html --out=/tmp/pictures

Needs a Chromium (the Debian package `chromium`); without one it says so and ends with
exit code 3. Every picture is of the whole page. A message of the page's script, or a
part of the page that is wider than the window, is an error.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
VIEWS = {'wide': (1280, False), 'phone': (390, False), 'dark': (1280, True)}
"""{name: (width in pixels, whether the system is dark)}."""
NO_BROWSER = 3
_MEASURE = """<!DOCTYPE html><title>none</title>
<iframe src="page.html" style="border:0" width="{width}" height="900"></iframe><script>
addEventListener('load', () => {{
  const root = document.querySelector('iframe').contentDocument.documentElement;
  document.title = `SIZE ${{root.scrollWidth}} ${{root.scrollHeight}}`; }});</script>"""
"""A frame is as narrow as it is asked to be; a window may not be."""


def browser():
    """Its command; None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _run(command, *arguments):
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


def dom(command, address):
    """The elements of a page after its script has run, as text."""
    return _run(command, '--dump-dom', address)


def size(command, page, width):
    """(width, height) that the page takes in a window so wide."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(page, f'{folder}/page.html')
        outer = pathlib.Path(folder) / 'outer.html'
        outer.write_text(_MEASURE.format(width=width), encoding='utf-8')
        text = dom(command, outer.as_uri())
    across, down = re.search(r'<title>SIZE (\d+) (\d+)', text).groups()
    return int(across), int(down)


def take(command, page, out, width, *, dark=False, height=None):
    """Write the picture of a page, `height` pixels of it or all."""
    _, whole = size(command, page, width)
    theme = ['--blink-settings=preferredColorScheme=0'] if dark else []
    _run(command, *theme, f'--window-size={width},{height or whole}',
         f'--screenshot={out}', page.resolve().as_uri())


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('page', type=pathlib.Path)
    parser.add_argument('--out', type=pathlib.Path, default=pathlib.Path('.'))
    parser.add_argument('--height', type=int, help='of the pictures, in pixels')
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
    return 0


if __name__ == '__main__':
    sys.exit(main())
