"""An experiment file of the configuration of a study: --config=WORKDIR/config.json."""

from ml_collections import ConfigDict

from sparse_jax.settings.stored import read_json


def get_config(path: str) -> ConfigDict:
    return read_json(path)
