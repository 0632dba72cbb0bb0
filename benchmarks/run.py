"""All benchmarks in short settings; the tables go into docs/performance.md.

python -m benchmarks.run [--only=step,throughput,...]

Each runs in a process of its own. A table stands between its markers in the page; a
benchmark that fails leaves its old table and the exit status 1.
"""

import argparse
import datetime
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).parents[1] / 'docs' / 'performance.md'
COMMANDS = {
    'lowerings': 'benchmarks.step --lowerings=1 --rounds=5',
    'step': 'benchmarks.step --rounds=5',
    'traffic': 'benchmarks.lowering',
    'throughput': 'benchmarks.throughput --k=1,4,8 --seconds=3',
    'suggestion': ('benchmarks.suggestion --trials=64,256,1024 --rounds=3 '
                   '--peers=botorch-qnparego'),
    'growth': 'benchmarks.growth --trials=1000',
    'quickstart': 'benchmarks.quickstart',
    'scaling': 'benchmarks.scaling',
    'compile': 'benchmarks.compile',
    'tiers': 'benchmarks.compile --tiers=300',
    'evaluation': 'benchmarks.evaluation',
    'memory': 'benchmarks.memory',
}


def replaced(page: str, name: str, text: str) -> str:
    """The page with another text between the markers of `name`."""
    begin, end = f'<!-- begin {name} -->', f'<!-- end {name} -->'
    pattern = re.escape(begin) + '.*?' + re.escape(end)
    if not re.search(pattern, page, re.S):
        raise SystemExit(f'{PAGE.name} has no markers of {name}')
    return re.sub(pattern, lambda _: f'{begin}\n{text}\n{end}', page, flags=re.S)


def run(name: str) -> bool:
    """Run one benchmark, show its table and put it into the page."""
    command = COMMANDS[name]
    print(f'\n## {name}: python -m {command}', flush=True)
    done = subprocess.run(
        [sys.executable, '-m', *command.split()], cwd=PAGE.parents[1],
        capture_output=True, text=True)
    if done.returncode:
        print(f'exit status {done.returncode}: {done.stderr[-2000:]}', file=sys.stderr)
        return False
    print(done.stdout, flush=True)
    machine, _, tables = done.stdout.partition('\n')
    today = datetime.date.today().isoformat()
    text = f'{today}, {machine}; `python -m {command}`\n\n{tables.strip()}'
    PAGE.write_text(replaced(PAGE.read_text(), name, text))
    return True


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', default=','.join(COMMANDS))
    names = parser.parse_args().only.split(',')
    unknown = [name for name in names if name not in COMMANDS]
    if unknown:
        parser.error(f'unknown: {unknown}; known: {list(COMMANDS)}')
    failed = [name for name in names if not run(name)]
    sys.exit(f'failed: {failed}' if failed else 0)


if __name__ == '__main__':
    main()
