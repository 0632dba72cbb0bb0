"""From points to outcomes: the composition root of one evaluation."""

import concurrent.futures
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.evaluation import device_memory, hosts
from sparse_jax.evaluation.chip import Judge
from sparse_jax.evaluation.programs import Program, Programs
from sparse_jax.evaluation.recipe import Inherited, Trained
from sparse_jax.model import weights as weight_trees
from sparse_jax.model.skeleton import Candidate, Skeleton, TierPolicy, split, stack
from sparse_jax.objectives import graph_costs
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import CurvePoint, Outcome, Pruned, Trial, Weights


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
        *, refuses: Callable[[Graph], bool] = lambda graph: False,
        judge: Judge = lambda graph, outcome: outcome,
    ):
        """refuses: which feasible exact graphs are not worth training.
        judge: what becomes of an outcome, measured in int8 or over a budget."""
        self.space, self.policy, self.programs = space, policy, programs
        self.root_key = root_key
        self.refuses = refuses
        self.judge = judge

    def refuse(self, rows: np.ndarray) -> np.ndarray:
        """[N, D] -> [N] bool: infeasible or not worth training."""
        graphs = encoding.graphs(self.space, rows)
        return np.array([self._screen(graph) != status.OK for graph in graphs], bool)

    def padding(self, trials: list[Trial]) -> dict[str, float]:
        """What compiled programs cost beside the networks themselves.

        'padding_waste': multiply-accumulates of the padded networks over those of
        the true ones; 'bucket_fill': share of the programs' slots that is used.
        """
        _, groups = self._group(trials)
        macs = lambda graph: graph_costs.graph_totals(graph).macs
        padded = sum(len(g.trials) * macs(g.skeleton.graph) for g in groups)
        true = sum(macs(graph) for g in groups for graph in g.graphs)
        calls = lambda g: -(-len(g.trials) // self.programs.slots(g.skeleton))
        taken = sum(calls(g) * self.programs.slots(g.skeleton) for g in groups)
        used = sum(len(g.trials) for g in groups)
        return {'padding_waste': padded / max(true, 1),
                'bucket_fill': used / max(taken, 1)}

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
        while groups:
            # Whichever program exists runs next, while the others compile.
            waiting = [not self.programs.is_ready(g.skeleton) for g in groups]
            group = groups.pop(int(np.argmin(waiting)))
            if all(waiting):
                announce('compiling', len(group.trials))
            program = self.programs.get(group.skeleton, group.candidates[0])
            if program is None:
                yield [Outcome(t, status.OUT_OF_MEMORY) for t in group.trials]
                continue
            announce('training', len(group.trials))
            yield self._run(program, group, parents)
            self.programs.count(group.skeleton, len(group.trials))

    def assist(self) -> None:
        """Take part in the calls of the host that runs the search, until it ends."""
        while (call := hosts.hear()) is not None:
            graph = encoding.graph(self.space, call.row)
            skeleton, candidate = split(
                graph, encoding.decode(self.space, call.row), self.policy)
            program = self.programs.get(skeleton, candidate)
            slots = len(call.leaves[0])
            if program is None or program.slots != slots:
                raise hosts.HostsError(
                    f'this host cannot run {slots} candidates per call as host 0 does; '
                    'give all hosts the same config.runtime.memory')
            shapes = (np.zeros(0), candidate, Inherited(
                program.template, program.template), np.zeros(0))
            arguments = jax.tree.unflatten(jax.tree.structure(shapes), call.leaves)
            self.programs.call(program, arguments, call.epochs)

    def _screen(self, graph):
        if not graph.feasible():
            return status.INFEASIBLE
        return status.OVER_BUDGET if self.refuses(graph) else status.OK

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
        pool = concurrent.futures.ThreadPoolExecutor(workers)
        futures = [pool.submit(run, part) for part in parts]
        try:
            for future in futures:
                outcomes += future.result()
        except jax.errors.JaxRuntimeError as error:
            # Of several hosts only some may have failed: no way to go on.
            if not (device_memory.ran_out(error) and hosts.alone()):
                raise
            concurrent.futures.wait(futures)
            raise OutOfMemory(outcomes) from None
        finally:
            # An interrupt does not wait for the trainings that run.
            pool.shutdown(wait=False, cancel_futures=True)
        return outcomes

    def _run_slots(self, program, group, parents):
        order = self._slot_order(len(group.trials), program.slots)
        member = lambda column: [column[i] for i in order]
        inherited = [self._inherit(program, t, g, parents) for t, g in zip(
            group.trials, group.graphs)]
        active = np.arange(len(order)) == [order.index(i) for i in order]
        keys = np.stack([
            jax.random.key_data(jax.random.fold_in(self.root_key, t.number))
            for t in member(group.trials)])
        arguments = (keys, stack(member(group.candidates)),
                     jax.tree.map(lambda *a: np.stack(a), *member(inherited)), active)
        hosts.tell(hosts.Call(
            group.trials[0].row, group.epochs, jax.tree.leaves(arguments)))
        result = self.programs.call(program, arguments, group.epochs)
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
        outcome = Outcome(
            trial, int(measured.status), float('nan'), _totals(measured.costs),
            graph_costs.graph_totals(graph), accuracy=tuple(float(a) for a in ran))
        if outcome.status == status.NONFINITE:
            return outcome
        exact = lambda tree: weight_trees.extract(skeleton, graph, tree)
        weights = Weights(*(exact(t) for t in result.weights), exact(result.folded),
                          _units(graph, result.units))
        error = float(measured.error)
        return self.judge(graph, outcome._replace(
            weights=weights, error=error, float_error=error,
            curve=self._curve(graph, skeleton, result.curve)))

    def _curve(self, graph, skeleton, curve):
        """Points of the curve that still are networks."""
        if curve is None:
            return ()
        points = []
        for i, offset in enumerate(self.programs.recipe.cuts):
            at = jax.tree.map(lambda leaf, i=i: leaf[i], curve)
            if at.empty:
                continue
            pruned = None if at.folded is None else Pruned(
                weight_trees.extract(skeleton, graph, at.folded),
                _units(graph, at.units))
            points.append(CurvePoint(
                offset, float(at.error), _totals(at.costs), pruned=pruned))
        return tuple(points)


def _units(graph, units):
    """Padded host masks {tensor: [C]} at their true lengths."""
    shapes = graph.shapes()
    return {name: np.asarray(mask)[: shapes[name][0]] for name, mask in units.items()}


def _members(group, part):
    """The trials of a group in a slice, as a group."""
    return Group(group.skeleton, group.epochs, *(c[part] for c in group[2:]))


def _totals(costs):
    return graph_costs.Totals(*(int(v) for v in costs))
