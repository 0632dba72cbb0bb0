"""The network that the paper's authors deployed on a Micro Bit, trained here.

Its form is public, in a demonstration of uTensor: a maximum of 3 x 3 pixels, 22
filters of 5 x 5, 122 of their 550 outputs gathered into ten units; 1802 values and a
working memory of 631 bytes, the row "both under 2 KB" on MNIST. Its weights are not
copied. What is pruned is fixed here by its form: the method keeps the 122 inputs of the
classifier whose weights are largest, one of every map at least, and the choice changes
while the network trains.

    python -m launch.train --network=experiments/paper/deployed.json \\
        --config=experiments/mnist_cpu.py:row=small --config.space.restrict= \\
        --config.train.epochs=100 --config.train.augment.shift=0 --repeats=2 \\
        --method=experiments.paper.deployed:keep_inputs --config.data.path=DIR \\
        --workdir=runs/deployed
    python -m experiments.paper.winner --workdir=runs/deployed --trust_factories \\
        --name=paper_deployed --row='B:SpArSe, both under 2 KB'
"""

import jax
import jax.numpy as jnp

from sparse_jax.pruning import PruningMethod, no_pruning
from sparse_jax.pruning.method import Tree, cached_factory, kernels

KEPT = 122
"""Of the inputs of the classifier, as in the deployed network."""
POSITIONS = 25
"""Of every map of its convolution."""
CLASSIFIER = 'classifier'


@cached_factory
def keep_inputs(*, count: int = KEPT) -> PruningMethod:
    """Pruning method: so many inputs of the classifier stay, those of largest weights.

    Training runs on the network with the others at zero; their weights have the
    gradients that they would have if they were there, so that they can come back.
    """

    def kept(kernel: jax.Array) -> jax.Array:
        """[inputs] bool; by index, as equal sums may differ in their last bit."""
        size = jnp.square(jax.lax.stop_gradient(kernel)).sum(axis=0)
        if len(size) % POSITIONS == 0:
            # The largest of a map goes first; what is padded has no size.
            largest = size.reshape(-1, POSITIONS).argmax(axis=1)
            largest += POSITIONS * jnp.arange(len(largest))
            size = size.at[largest].multiply(1e6)
        chosen = jax.lax.top_k(size, min(count, len(size)))[1]
        return jnp.zeros(len(size), bool).at[chosen].set(True)

    def mean(params: Tree, aux: Tree) -> Tree:
        del aux
        found = dict(params)
        if CLASSIFIER in params:
            kernel = params[CLASSIFIER]['kernel']
            gone = jnp.where(kept(kernel), 0.0, jax.lax.stop_gradient(kernel))
            found[CLASSIFIER] = {**params[CLASSIFIER], 'kernel': kernel - gone}
        return found

    def score(params: Tree, aux: Tree) -> dict[str, jax.Array]:
        del aux
        scores = {name: jnp.full_like(kernel, -jnp.inf)
                  for name, kernel in kernels(params).items()}
        if CLASSIFIER in scores:
            keep = kept(params[CLASSIFIER]['kernel'])
            scores[CLASSIFIER] = jnp.where(
                keep, -jnp.inf, jnp.full_like(scores[CLASSIFIER], jnp.inf))
        return scores

    plain = no_pruning()
    return plain._replace(name='keep-inputs', structured=True, mean=mean, score=score,
                          gated=True, prunes=True)
