"""An experiment file of the configuration of a study: --config=WORKDIR/config.json."""

from sparse_jax.settings.stored import read_json


def get_config(path):
    return read_json(path)
