"""BoTorch and Optuna behind the benchmark's interface; used where installed.

A maker takes (problem, batch, num_initial) and gives suggest(seed, x [N, D],
y [N, K]) -> [batch, D]. BoTorch follows its own multi-objective tutorial.
"""

import functools

import numpy as np


def botorch_maker(problem, batch, num_initial, *, scalarized):
    """qLogNEHVI, or qLogNParEGO where `scalarized`."""
    del num_initial
    import torch
    from botorch.acquisition.multi_objective.logei import (
        qLogNoisyExpectedHypervolumeImprovement,
    )
    from botorch.acquisition.multi_objective.parego import qLogNParEGO
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim.optimize import optimize_acqf, optimize_acqf_list
    from botorch.sampling import SobolQMCNormalSampler
    from gpytorch.mlls import SumMarginalLogLikelihood

    # As ours: threads that wait for one another make a shared machine's times useless.
    torch.set_num_threads(1)
    box = torch.stack([torch.zeros(problem.dim), torch.ones(problem.dim)]).double()
    options = {'batch_limit': 5, 'maxiter': 200}

    def suggest(seed, x, y):
        torch.manual_seed(seed)
        x, f = torch.tensor(x).double(), -torch.tensor(y).double()
        noise = torch.full((len(x), 1), 1e-6).double()
        model = ModelListGP(*[
            SingleTaskGP(x, f[:, i:i + 1], noise, outcome_transform=Standardize(1))
            for i in range(f.shape[1])])
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        sampler = SobolQMCNormalSampler(torch.Size([128]))
        if scalarized:
            acquisitions = [
                qLogNParEGO(model=model, X_baseline=x, sampler=sampler,
                            prune_baseline=True) for _ in range(batch)]
            found, _ = optimize_acqf_list(
                acquisitions, bounds=box, num_restarts=10, raw_samples=512,
                options=options)
        else:
            acquisition = qLogNoisyExpectedHypervolumeImprovement(
                model=model, ref_point=(-problem.reference).tolist(), X_baseline=x,
                prune_baseline=True, sampler=sampler)
            found, _ = optimize_acqf(
                acquisition, bounds=box, q=batch, num_restarts=10, raw_samples=512,
                options=options, sequential=True)
        return found.detach().numpy()

    return suggest


def optuna_maker(problem, batch, num_initial, *, sampler):
    """An Optuna sampler asked `batch` times before it is told anything."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [f'x{i}' for i in range(problem.dim)]
    space = {n: optuna.distributions.FloatDistribution(0.0, 1.0) for n in names}
    kinds = {
        'tpe': lambda seed: optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=num_initial),
        'gp': lambda seed: optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=num_initial),
    }

    def suggest(seed, x, y):
        study = optuna.create_study(
            directions=['minimize'] * y.shape[1], sampler=kinds[sampler](seed))
        study.add_trials([
            optuna.trial.create_trial(
                params=dict(zip(names, map(float, row))), distributions=space,
                values=list(map(float, values))) for row, values in zip(x, y)])
        asked = [study.ask(space) for _ in range(batch)]
        return np.array([[trial.params[n] for n in names] for trial in asked])

    return suggest


PEERS = {
    'botorch-qnehvi': functools.partial(botorch_maker, scalarized=False),
    'botorch-qnparego': functools.partial(botorch_maker, scalarized=True),
    'optuna-tpe': functools.partial(optuna_maker, sampler='tpe'),
    'optuna-gp': functools.partial(optuna_maker, sampler='gp'),
}
