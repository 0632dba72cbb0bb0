"""Which pruning method suits the digits: two methods, three seeds each.

    python -m launch.sweep --config=experiments/digits_methods.py --workdir=runs/methods
    python -m launch.compare runs/methods

The number of rounds may follow the file: --config=experiments/digits_methods.py:8.
"""

from experiments import digits


def get_config(rounds='5'):
    """The digits; `rounds` is what follows the file's name."""
    config = digits.get_config()
    config.search.rounds = int(rounds)
    return config


def get_hyper(hyper):
    """Six points: the seed changes fastest."""
    return hyper.product([
        hyper.sweep('config.pruning.method', ['sparse_vd', 'bayes_compress']),
        hyper.sweep('config.seed', range(3))])
