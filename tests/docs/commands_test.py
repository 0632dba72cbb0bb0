"""Every command of the pages is known, and read by its program as it is printed."""

import argparse
import importlib
import re
import sys

import pytest

from sparse_jax.settings import reading
from tests.docs.pages import ROOT, Command, command_pages, commands
from tests.launch import command_line

ALL = [command for page in command_pages() for command in commands(page)]
LEDGER = ROOT / 'docs' / 'commands.md'


def _rows():
    """(commands, tests, reason) of the table."""
    for line in LEDGER.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if line.startswith('| `') and len(cells) == 3:
            yield re.findall('`([^`]+)`', cells[0]), cells[1], cells[2]


def _key(text):
    """(program, what must follow) of a row."""
    program, *rest = text.split()
    return program, set(rest)


KEYS = [_key(name) for names, _, _ in _rows() for name in names]


def _matches(command, key):
    program, rest = key
    return command.program == program and rest <= command.flags | set(command.words)


def test_every_command_of_a_page_is_in_the_table():
    assert len(ALL) > 150
    missing = {(c.page, c.program, *c.words) for c in ALL
               if not any(_matches(c, key) for key in KEYS)}
    assert not missing


def test_every_row_is_a_command_that_somebody_reads():
    unused = [key for key in KEYS if not any(_matches(c, key) for c in ALL)]
    assert not unused


def test_every_row_says_who_runs_it_or_why_nobody_does():
    for names, run, reason in _rows():
        assert run or reason, names
        files = re.findall('`((?:tests|[.]ci)/[^`]+)`', run)
        assert files or not run or '`' not in run, names
        for file in files:
            text = (ROOT / file).read_text()
            # The test knows the last word of a launcher, experiment or benchmark.
            for name in names:
                if re.match('(launch|experiments|benchmarks)[.]', name):
                    assert name.split()[0].rpartition('.')[2] in text, (file, name)


def _concrete(words):
    """What stands for something else is left out; '...' is what a launcher needs."""
    for word in words:
        if word.startswith('['):
            continue
        if word == '...':
            word = '--workdir=runs/x'
        if word == '--config=...' or re.match(r'--config=runs/.*config[.]json$', word):
            continue
        yield word


@pytest.mark.parametrize('name', sorted(command_line.LAUNCHERS))
def test_launchers_read_their_commands(name, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    own = [c for c in ALL if c.program == f'launch.{name}' and c.words]
    assert own
    for command in own:
        values = command_line.parse(name, *_concrete(command.words))
        if 'config' in values and not re.search(r'\w:\w+\b', ' '.join(
                word for word in command.words if word.startswith('--config.'))):
            reading.read(values['config'].value)
    assert not capsys.readouterr().err


class _Read(Exception):
    """The flags were read."""


@pytest.mark.parametrize('program', sorted({
    c.program for c in ALL if c.program.startswith(('experiments.', 'benchmarks.'))}))
def test_experiments_and_benchmarks_read_theirs(program, monkeypatch, capsys):
    read = argparse.ArgumentParser.parse_args

    def stop(self, *given):
        read(self, *given)
        raise _Read

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', stop)
    main = importlib.import_module(program).main
    if program == 'benchmarks.promises':
        return  # It has no flags.
    for command in ALL:
        # Without a word it may be the name alone.
        if command.program == program and command.words:
            monkeypatch.setattr(sys, 'argv', [program, *_concrete(command.words)])
            with pytest.raises(_Read):
                main()
    assert not capsys.readouterr().err


def test_commands_are_found_wherever_they_stand(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text("""
Say `python -m launch.status a b`, or it's `make bench`; `launch.report` is a name.

    python -m launch.search --config.a=1 \\
        --workdir=x  # new

```bash
python -m launch.sweep --executor=print | xargs -n 1 bash -c
```

```python
make(1)
```
""")
    assert list(commands(page)) == [
        Command('page.md', 'launch.sweep', ('--executor=print',)),
        Command('page.md', 'xargs', ('-n', '1', 'bash', '-c')),
        Command('page.md', 'launch.search', ('--config.a=1', '--workdir=x')),
        Command('page.md', 'launch.status', ('a', 'b')),
        Command('page.md', 'make', ('bench',))]


def test_experiments_say_what_is_wrong_with_a_flag_in_one_line():
    """They take their flags by `experiments.paper.command.Parser`."""
    own = [path.name for path in (ROOT / 'experiments').rglob('*.py')
           if 'ArgumentParser' in path.read_text()]
    assert own == ['command.py']
