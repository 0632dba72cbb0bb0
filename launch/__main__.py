"""The command `sparse-jax`: one name for all launchers.

    sparse-jax search --config=experiments/digits.py --workdir=runs/digits
    sparse-jax report --workdir=runs/digits

Each is also a module: `python -m launch.search`. --help after the name of one lists
its flags.
"""

import difflib
import importlib
import inspect
import sys

from launch import interrupts

COMMANDS = {
    'data': 'look at images before a search: classes, repetition, samples',
    'search': 'search for pruned networks, or continue a search',
    'sweep': 'search with many configurations, one study for each',
    'status': 'how far studies are, running ones too',
    'baselines': 'competitors on the same images: Bonsai, ProtoNN, kNN, SVM, GBDT',
    'compare': 'fronts and progress of several studies, one picture',
    'report': 'the front of a study as table, CSV and pictures; test data once',
    'records': 'a study as CSV, for TensorBoard and for the dashboard of Optuna',
    'describe': 'shapes, weights, MACs and memory of every layer of a network',
    'train': 'train a network file, of the table or of nodes, with any method',
    'teach': 'train a larger network whose probabilities a search may learn',
    'retrain': 'train networks of a study again, longer, from several starts',
    'export': 'write a trained network as C for a board, and verify it',
    'verify': 'run an export, or a whole front, on the emulated board',
}
"""Modules of `launch` that are commands, and what they do."""


def text() -> str:
    """The answer to --help."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f'  {name:{width}}{what}' for name, what in COMMANDS.items()]
    return '\n'.join([inspect.cleandoc(__doc__ or ''), '', 'Commands:', *lines])


def main(argv: list[str] | None = None) -> None:
    """Run the launcher that the first argument names; exits like it.

    Args:
      argv: the command line with the name of the program; this process's if None.
    """
    program, *words = sys.argv if argv is None else argv
    if not words or words[0] in ('--help', '-h', '-help'):
        print(text())
        return
    name, *rest = words
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        print(f'error: {name!r} is no command' + (
            f'; did you mean {near[0]}?' if near else
            f'; allowed: {", ".join(COMMANDS)}'), file=sys.stderr)
        sys.exit(2)
    # Before the launcher imports JAX, which takes seconds.
    interrupts.install()
    launcher = importlib.import_module(f'launch.{name}')
    from launch import cli
    cli.run(launcher.main, launcher.FLAGS, [f'{program} {name}', *rest])


if __name__ == '__main__':
    main()
