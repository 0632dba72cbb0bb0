"""The configuration tree of an experiment, with every default in one place."""

import json

import ml_collections


def default_config() -> ml_collections.ConfigDict:
    """All settings of a search; experiment files change what they need.

    Sizes are in elements, one byte each when the network is quantised to int8.
    """
    d = ml_collections.ConfigDict
    return d({
        'seed': 0,
        'data': d({
            # digits, synthetic, mnist, fashion_mnist, cifar10, any TFDS name, each
            # also with _binary; or a name of your own for the files at `path`.
            'name': 'digits',
            'path': '',        # .npz file, folder of idx files, or TFDS data_dir
            'classes': '',     # grouping such as 0-4/5-9; empty leaves them as they are
            'validation_size': -1,  # images; -1 for the default of the data set
            'test_size': -1,
            'max_train': 0,    # use only so many training images; 0 for all
            'seed': 0,         # of the split: the same for all searches to compare
        }),
        'space': d({
            'prior': 'log-uniform',  # or uniform, as in the paper
            # Rows of the table with fewer values: 'ROW=VALUE', 'ROW=LOW:HIGH',
            # 'ROW=ONE|OTHER', separated by commas; * stands for any text in ROW. A
            # later item narrows what earlier ones left. Not of fractions
            # (weight-fraction-*, downsample-block-*): they follow from the network.
            'restrict': '',
        }),
        'pruning': d({
            # bayes_compress, magnitude, none, or your own as MODULE:FACTORY
            'method': 'sparse_vd',
            # Every training is also measured at these shifts of the log alpha cut;
            # networks that this adds may join the front. () measures its own only.
            'cuts': (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0),
            # Plain training after pruning at the trial's own cut, the mask held; it
            # is compiled only if it is wanted.
            'finetune_epochs': 0,
        }),
        'train': d({
            'epochs': 40,
            'batch_size': 128,
            'variational_rate': 30.0,
            'decay': 0.5,
            'clip_norm': 0.0,
        }),
        'objectives': d({
            # 'error', then one or more of the costs below.
            'names': ('error', 'model_size', 'working_memory'),
            # Soft bounds of the scalarization: 1 / weight ~ U[0, bound].
            'error': 0.1,
            'model_size': 2048,
            'working_memory': 2048,
            'macs': 50_000,
            # Of the int8 network on `board`: bytes, bytes, per inference, ms.
            'flash': 4096,
            'ram': 2048,
            'instructions': 500_000,
            'latency': 50.0,
            'board': 'microbit',             # a name, or the path of a JSON file
            'memory_model': 'input+output',  # (6), or input+weights for (5)
            # Error of the int8 network on the chip, calibrated on training images,
            # in place of the float one.
            'quantized': False,
        }),
        'budgets': d({
            # The most that a network may have, in the same units; 0 for no budget.
            'model_size': 0,
            'working_memory': 0,
            'macs': 0,
            'flash': 0,
            'ram': 0,
            'instructions': 0,
            'latency': 0.0,
        }),
        'limits': d({
            # Refused before training, before pruning; 0 for no limit.
            'max_weights': 65_536,
            'max_macs': 20_000_000,
        }),
        'search': d({
            # The paper's is 'sparse' (docs/ablation.md compares them); sparse_ucb,
            # qnparego, aging_evolution, nsga2, random, or your own as MODULE:FACTORY.
            'algorithm': 'ehvi',
            'rounds': 4,
            'batch': 8,
            'initial': 16,     # random points before the surrogate takes over
            # Compiled programs: in one batch (few fill an accelerator better), and of
            # them new ones, in a batch of initial points and later; 0 for any.
            'max_groups': 4,
            'initial_groups': 2,
            'new_groups': 1,
            'rho': 0.9,        # share of suggestions that come from the surrogate
            'stages': (),      # rounds before stages 2 and 3 start; () for stage 1
            'inherit': True,   # start from the weights of the nearest network so far
            'min_overlap': 0.5,   # ... if it has this share of the weights
            'child_epochs': 0.5,  # share of train.epochs that an heir trains
        }),
        'tiers': d({
            'widths': (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100),
            'units': (8, 16, 32, 64, 128, 256, 512, 1024),
            'kernels': ((2, 2), (3, 3), (4, 4), (5, 5)),
        }),
        'runtime': d({
            # Changes speed, not results (beyond rounding between device kinds).
            'conv': 'auto',      # patches or native
            'mapping': 'auto',   # map or vmap
            'devices': 0,        # 0 for all; several hosts use all of theirs
            # GiB of a device for vmapped programs; 0 for what it reports.
            'memory': 0.0,
            'workers': 0,        # calls in flight; 0 for one per CPU core
        }),
    })


FREE = ('runtime', 'search.rounds', 'data.path')
"""Settings that may differ when a study continues, and between hosts. What is at the
path may not: a study keeps a digest of its data."""


def dumps(config: ml_collections.ConfigDict) -> str:
    """Canonical JSON of a configuration."""
    return json.dumps(config.to_dict(), indent=2, sort_keys=True) + '\n'


def flatten(tree: dict, prefix: str = '') -> dict:
    """{'search.rounds': 4, ...} of a nested dict; tuples become lists."""
    flat = {}
    for name, value in tree.items():
        path = f'{prefix}{name}'
        if isinstance(value, dict):
            flat |= flatten(value, f'{path}.')
        else:
            flat[path] = json.loads(json.dumps(value))
    return flat


def locked(tree: dict) -> dict:
    """Flat settings that must agree when a study continues, or between hosts."""
    found = {name: value for name, value in flatten(tree).items()
             if not any(name == f or name.startswith(f'{f}.') for f in FREE)}
    if isinstance(found.get('space.restrict'), str):
        # Blanks between its items mean nothing.
        found['space.restrict'] = found['space.restrict'].replace(' ', '')
    return found


def differences(stored: dict, given: dict) -> list[str]:
    """Lines 'name: stored -> given' of settings that must agree and do not."""
    old, new = locked(stored), locked(given)
    return [f'{name}: {old.get(name)!r} -> {new.get(name)!r}'
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)]
