"""From points to outcomes: the composition root of one evaluation."""

import concurrent.futures
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from sparse_jax import status
from sparse_jax.model import weights as weight_trees
from sparse_jax.model.skeleton import Candidate, Skeleton, TierPolicy, split, stack
from sparse_jax.objectives import graph_costs
from sparse_jax.search.programs import AXIS, Inherited, Program, Programs, Trained
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space


class Trial(NamedTuple):
    """One point to evaluate."""

    number: int
    """Position in the study; with the seed it fixes all randomness of the trial."""
    row: np.ndarray
    """[D] canonical coordinates."""
    epochs: int
    parent: int | None = None
    """Trial whose weights it inherits."""


class Weights(NamedTuple):
    """Exact host trees of a trained candidate."""

    params: dict
    aux: dict
    stats: dict
    folded: dict
    units: dict


class CurvePoint(NamedTuple):
    """A training measured at another cut than its own."""

    offset: float
    """Shift of the log alpha cut from the method's default."""
    error: float
    costs: graph_costs.Totals


class Outcome(NamedTuple):
    """What became of a trial."""

    trial: Trial
    status: int
    error: float = float('nan')
    costs: graph_costs.Totals | None = None
    """After pruning; None if it was not trained."""
    unpruned: graph_costs.Totals | None = None
    weights: Weights | None = None
    accuracy: tuple[float, ...] = ()
    """Training accuracy per epoch."""
    train_seconds: float = 0.0
    """Wall-clock of its group divided by the group's members."""
    curve: tuple[CurvePoint, ...] = ()
    float_error: float = float('nan')
    """Error before quantisation; the same as `error` unless that is of int8."""


class Group(NamedTuple):
    """Trials of one skeleton and one training length."""

    skeleton: Skeleton
    epochs: int
    trials: tuple[Trial, ...]
    graphs: tuple[Graph, ...]
    candidates: tuple[Candidate, ...]


class OutOfMemory(Exception):
    """A part of a group did not fit a device; carries what finished before it."""

    def __init__(self, outcomes: list[Outcome]):
        super().__init__()
        self.outcomes = outcomes


Parents = Callable[[int], tuple[Graph, Weights] | None]
"""Trial number -> exact graph and weights of a parent, None if they are not kept."""


class Evaluator:
    """Trains trials group by group; every outcome depends on its trial alone."""

    def __init__(
        self, space: Space, policy: TierPolicy, programs: Programs, root_key: jax.Array,
        *, max_weights: int = 0, max_macs: int = 0,
        deployed_error: Callable[[Graph, Weights], float] | None = None,
    ):
        self.space, self.policy, self.programs = space, policy, programs
        self.root_key = root_key
        self.limits = (max_weights, max_macs)
        self.deployed_error = deployed_error

    def refuse(self, rows: np.ndarray) -> np.ndarray:
        """[N, D] -> [N] bool: too large before pruning to be worth training."""
        graphs = encoding.graphs(self.space, rows)
        return np.array([self._screen(graph) != status.OK for graph in graphs], bool)

    def evaluate(
        self, trials: list[Trial], parents: Parents = lambda number: None,
        announce: Callable[[str, int], None] = lambda phase, members: None,
    ) -> Iterator[list[Outcome]]:
        """Yield the outcomes of one group after another, refused trials first."""
        refused, groups = self._group(trials)
        if refused:
            yield refused
        for group in groups:
            self.programs.prefetch(group.skeleton, group.candidates[0])
        # Groups whose program exists train first, while the others compile.
        groups.sort(key=lambda g: not self.programs.is_ready(g.skeleton))
        for group in groups:
            if not self.programs.is_ready(group.skeleton):
                announce('compiling', len(group.trials))
            program = self.programs.get(group.skeleton, group.candidates[0])
            announce('training', len(group.trials))
            yield self._run(program, group, parents)
            self.programs.count(group.skeleton, len(group.trials))

    def _screen(self, graph):
        if not graph.feasible():
            return status.INFEASIBLE
        costs = graph_costs.graph_totals(graph)
        values = (costs.model_size, costs.macs)
        over = any(limit and value > limit for limit, value in zip(self.limits, values))
        return status.OVER_BUDGET if over else status.OK

    def _group(self, trials):
        refused, groups = [], {}
        for trial in trials:
            point = encoding.decode(self.space, trial.row)
            graph = encoding.graph(self.space, trial.row)
            code = self._screen(graph)
            if code != status.OK:
                refused.append(Outcome(trial, code))
                continue
            skeleton, candidate = split(graph, point, self.policy)
            groups.setdefault((skeleton, trial.epochs), []).append(
                (trial, graph, candidate))
        return refused, [
            Group(skeleton, epochs, *(tuple(column) for column in zip(*members)))
            for (skeleton, epochs), members in groups.items()]

    def _run(self, program: Program, group: Group, parents: Parents):
        """Train one group in slices of the program's slots; fewer if they are too
        many for a device's memory."""
        begin, outcomes, left = time.perf_counter(), [], group
        while left.trials:
            try:
                outcomes += self._run_parts(program, left, parents)
                break
            except OutOfMemory as error:
                outcomes += error.outcomes
                smaller = self.programs.smaller(group.skeleton, group.candidates[0])
                if smaller is None:
                    failed = group.trials[len(outcomes):][: program.slots]
                    outcomes += [Outcome(t, status.OUT_OF_MEMORY) for t in failed]
                program = smaller or program
                left = _members(group, slice(len(outcomes), None))
        seconds = (time.perf_counter() - begin) / len(group.trials)
        return [outcome._replace(train_seconds=seconds) for outcome in outcomes]

    def _run_parts(self, program, group, parents):
        parts = [_members(group, slice(start, start + program.slots))
                 for start in range(0, len(group.trials), program.slots)]
        run = lambda part: self._run_slots(program, part, parents)
        outcomes = []
        # XLA releases the interpreter: calls of one program overlap on a CPU's cores.
        workers = self.programs.recipe.workers
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(run, part) for part in parts]
            for future in futures:
                try:
                    outcomes += future.result()
                except jax.errors.JaxRuntimeError as error:
                    if 'RESOURCE_EXHAUSTED' not in str(error):
                        raise
                    raise OutOfMemory(outcomes) from None
        return outcomes

    def _run_slots(self, program, group, parents):
        order = self._slot_order(len(group.trials), program.slots)
        member = lambda column: [column[i] for i in order]
        inherited = [self._inherit(program, t, g, parents) for t, g in zip(
            group.trials, group.graphs)]
        active = np.arange(len(order)) == [order.index(i) for i in order]
        keys = jnp.stack([jax.random.fold_in(self.root_key, t.number)
                          for t in member(group.trials)])
        place = lambda tree: jax.device_put(tree, NamedSharding(
            self.programs.recipe.mesh, PartitionSpec(AXIS)))
        result = jax.device_get(program.run(
            place(keys), place(stack(member(group.candidates))),
            place(jax.tree.map(lambda *a: np.stack(a), *member(inherited))),
            place(active), self.programs.shared, jnp.int32(group.epochs)))
        slots = [order.index(i) for i in range(len(group.trials))]
        return [self._outcome(trial, graph, group.skeleton, jax.tree.map(
            lambda leaf, slot=slot: leaf[slot], result))
            for slot, trial, graph in zip(slots, group.trials, group.graphs)]

    def _slot_order(self, members, slots):
        """Member of every slot: dealt round-robin over the devices, last one repeated.

        A repeated member is inactive (mapped) or redundant (vmapped).
        """
        devices = self.programs.recipe.mesh.devices.size
        dealt = [device + devices * position for device in range(devices)
                 for position in range(slots // devices)]
        return [min(i, members - 1) for i in dealt]

    def _inherit(self, program, trial, graph, parents):
        source = None if trial.parent is None else parents(trial.parent)
        if source is None:
            zeros = lambda dtype: jax.tree.map(
                lambda leaf: np.zeros(leaf.shape, dtype or leaf.dtype),
                program.template)
            return Inherited(zeros(None), zeros(bool))
        parent_graph, kept = source
        pairs = [weight_trees.embed(
            program.skeleton, graph, parent_graph, tree, padded, preserve=part == 0)
            for part, (tree, padded) in enumerate(zip(kept[:3], program.template))]
        return Inherited(*(tuple(column) for column in zip(*pairs)))

    def _outcome(self, trial, graph, skeleton, result: Trained):
        measured = result.measurement
        ran = result.info.accuracy[: trial.epochs]
        code = int(measured.status)
        exact = lambda tree: weight_trees.extract(skeleton, graph, tree)
        kept = None
        if code == status.OK:
            shapes = graph.shapes()
            units = {name: np.asarray(mask)[: shapes[name][0]]
                     for name, mask in result.units.items()}
            kept = Weights(*(exact(t) for t in result.weights), exact(result.folded),
                           units)
        float_error = float(measured.error) if code == status.OK else float('nan')
        error = float_error
        if kept is not None and self.deployed_error is not None:
            error = self.deployed_error(graph, kept)
        return Outcome(
            trial, code, error, _totals(measured.costs), _totals(measured.unpruned),
            kept, tuple(float(a) for a in ran),
            curve=self._curve(result.curve) if code == status.OK else (),
            float_error=float_error)

    def _curve(self, curve):
        """Points of the curve that still are networks."""
        if curve is None:
            return ()
        return tuple(
            CurvePoint(offset, float(curve.error[i]),
                       _totals(jax.tree.map(lambda leaf, i=i: leaf[i], curve.costs)))
            for i, offset in enumerate(self.programs.recipe.cuts)
            if not curve.empty[i])


def _members(group, part):
    """The trials of a group in a slice, as a group."""
    return Group(group.skeleton, group.epochs, *(c[part] for c in group[2:]))


def _totals(costs):
    return graph_costs.Totals(*(int(v) for v in costs))
