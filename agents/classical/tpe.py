"""Tree-structured Parzen estimator, by Optuna's sampler with its defaults.

Source: Bergstra, Bardenet, Bengio and Kegl 2011; Optuna 5 samples all dimensions jointly (`multivariate`) and keeps
away from what is still running (`constant_liar`). With `multivariate=False`, the default of Optuna 4, on
NAS-Bench-201 62 % of the proposals are exact repetitions, with the default of Optuna 5 21 %.
"""

import random
from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from navarch.agents.classical.searcher import FRESH_TRIES, Asked, SearcherView, Values, sample_new
from navarch.spaces import Structure
from navarch.spaces.spec import INACTIVE

optuna.logging.set_verbosity(optuna.logging.WARNING)  # a line for every study says nothing to our users


class TreeParzen:
    """Tells Optuna what was asked, repetitions included, and asks its sampler for the next one."""

    def __init__(self, startup: int) -> None:
        """startup: random architectures before the estimator decides."""
        self._startup = startup
        self._study = _new_study()
        self._told: list[Asked] = []

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return what the sampler suggests; it is made anew, so that its random numbers come from `rng` alone."""
        if len(view.evaluated()) < self._startup:
            return view.structure.sample(rng)
        study = self._study_of(view)
        study.sampler = _Sampler(view.structure, rng.getrandbits(32))
        for _ in range(FRESH_TRIES):
            trial = study.ask()
            values = _suggest(view.structure, trial)
            study.tell(
                trial, state=TrialState.FAIL
            )  # the estimator passes these over; results are added below
            if view.structure.is_legal(values):
                return values
        return sample_new(view, rng)

    def _study_of(self, view: SearcherView) -> optuna.Study:
        """Return a study of all that was asked; the one of what is settled is kept and goes on growing."""
        settled = view.settled
        if settled[: len(self._told)] != self._told:
            self._study, self._told = _new_study(), []
        _add(self._study, view.structure, settled[len(self._told) :])
        self._told = settled
        if len(settled) == len(view.asked):
            return self._study
        study = _new_study()
        _add(study, view.structure, view.asked)
        return study


class _Sampler(TPESampler):
    """Optuna's sampler, told which dimensions are always in use; to find that out it would compare all trials."""

    def __init__(self, structure: Structure, seed: int) -> None:
        super().__init__(n_startup_trials=1, seed=seed)
        always = (dimension for dimension in structure.dimensions if not dimension.when)
        choices = {dimension.name: CategoricalDistribution(dimension.names) for dimension in always}
        self._always: dict[str, BaseDistribution] = {
            name: choices[name] for name in sorted(choices) if not choices[name].single()
        }

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the dimensions to sample jointly; the others are sampled one by one where they are in use."""
        return self._always


def _new_study() -> optuna.Study:
    return optuna.create_study(direction="maximize")


def _suggest(structure: Structure, trial: optuna.Trial) -> Values:
    """Return an option for each dimension in use, those it depends on before it; constraints may be broken."""
    values = [INACTIVE] * len(structure.names)
    for position in structure.order:
        if structure.is_active(position, values):
            name = structure.names[position]
            values[position] = trial.suggest_categorical(name, structure.options[position])
    return tuple(values)


def _add(study: optuna.Study, structure: Structure, asked: Sequence[Asked]) -> None:
    """Add entries as trials. What failed or broke a limit is pruned without a value: worse than all others."""
    choices = [CategoricalDistribution(options) for options in structure.options]
    for entry in asked:
        used = [position for position, value in enumerate(entry.values) if value != INACTIVE]
        study.add_trial(
            optuna.create_trial(
                state=_state(entry),
                value=entry.accuracy,
                params={structure.names[position]: entry.values[position] for position in used},
                distributions={structure.names[position]: choices[position] for position in used},
            )
        )


def _state(entry: Asked) -> TrialState:
    if entry.state == "waiting":
        return TrialState.RUNNING
    return TrialState.PRUNED if entry.accuracy is None else TrialState.COMPLETE
