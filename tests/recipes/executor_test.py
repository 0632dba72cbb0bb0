"""An executor from outside: another order, other calls, the same study."""

from sparse_jax.evaluation import batching
from sparse_jax.evaluation.executor import Stats
from sparse_jax.evaluation.programs import Programs
from sparse_jax.search import loop, setup
from sparse_jax.study.records import Study
from sparse_jax.study.weights_file import pack
from tests import tiny_study


class Backwards:
    """One call after another in this process, everything from the last to the first."""

    def __init__(self, recipe, shared, machine):
        self.programs, self.calls, self.closed = (
            Programs(recipe, shared, machine), [], False)

    def prefetch(self, groups):
        pass

    def run(self, groups, finish, announce):
        for group in reversed(groups):
            program = self.programs.get(group.skeleton, group.members[0].candidate)
            for members in reversed(batching.parts(group, self.slots(group.skeleton))):
                announce('training', len(members))
                members = members[::-1]
                self.calls.append([member.trial.number for member in members])
                yield [finish(group.skeleton, member, result) for member, result in zip(
                    members, self.programs.train(program, members, group.epochs))]

    def slots(self, skeleton):
        return self.programs.slots(skeleton)

    def stats(self):
        return Stats(1, self.programs.seconds())

    def close(self):
        self.closed = True


def test_it_gives_the_same_study_to_the_byte(tmp_path):
    with tiny_study.small_space():
        built = setup.build(tiny_study.settings(), make_executor=Backwards)
    study = Study(tmp_path)
    loop.run(built, study)
    assert built.evaluator.executor.calls == [[1, 0], [3, 2]]
    local = Study(tiny_study.finished().workdir, create=False)
    rows = lambda s: [tiny_study.comparable(row) for row in s.networks()]
    assert rows(study) == rows(local)
    for row in local.rows():
        number = row.trial.number
        assert pack(study.weights(number)) == pack(local.weights(number))
    rounds = [[r.hypervolume for r in s.rounds()] for s in (study, local)]
    assert rounds[0] == rounds[1]
