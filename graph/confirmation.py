"""What a confirmation says: the best of a search with their repeats on fresh seeds, and which of them won.

The value by which the search chose a trial is the highest of many noisy ones, so it lies above what the architecture
gives again. Fresh seeds have no part in the choice of candidates, and the test split has none in that of the winner.
Only read here; `confirming.py` trains.
"""

from dataclasses import dataclass
from statistics import fmean

from navarch.graph.settings import Settings
from navarch.memory import Memory, TestScoreRow, TrialRow

LEAST_SEEDS = 2  # complete repeats of a candidate from which its mean counts


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A candidate with its repeats, in the order of seeds. `accuracies` are those of the complete ones, percent."""

    trial: TrialRow
    repeats: tuple[TrialRow, ...]

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Return the validation accuracies on fresh seeds."""
        return tuple(row.val_accuracy for row in self.repeats if row.val_accuracy is not None)

    @property
    def mean(self) -> float | None:
        """Return the mean on fresh seeds; None where too few are complete."""
        return fmean(self.accuracies) if len(self.accuracies) >= LEAST_SEEDS else None

    @property
    def failed(self) -> tuple[TrialRow, ...]:
        """Return the repeats that failed, each with its reason."""
        return tuple(row for row in self.repeats if row.state == "failed")


def confirmations(memory: Memory, run_id: str, settings: Settings) -> list[Confirmed]:
    """Return the candidates of a run's confirmation with what is known of them, in the order of the search."""
    repeats = memory.repeats(run_id) if settings.confirm.top else []
    if not repeats:
        return []
    best = memory.top_trials(run_id, settings.confirm.top, **settings.admitted)
    return [Confirmed(row, tuple(r for r in repeats if r.digest == row.digest)) for row in best]


def winner_of(memory: Memory, run_id: str, settings: Settings, *, confirmed: bool = False) -> TrialRow | None:
    """Return the search's trial of the winner: by the mean on fresh seeds, else by the value in the search.

    While a confirmation is not over the value in the search decides. confirmed: only a winner by fresh seeds.
    """
    found = confirmations(memory, run_id, settings)
    is_over = all(row.is_finished for one in found for row in one.repeats)
    rated = [(one.mean, -one.trial.params, -one.trial.number, one.trial) for one in found if is_over]
    best = max((rating for rating in rated if rating[0] is not None), default=None)
    if best is not None:
        return best[-1]
    return None if confirmed else memory.best_trial(run_id, **settings.admitted)


def tested_trial(memory: Memory, winner: TrialRow) -> TrialRow:
    """Return the trial whose training the final test repeats: a winner's first complete repeat, else itself."""
    own = (row for row in memory.repeats(winner.run_id) if row.digest == winner.digest)
    return next((row for row in own if row.state == "complete"), winner)


def score_of(memory: Memory, winner: TrialRow | None) -> TestScoreRow | None:
    """Return the run's test score, if it is of the winner's architecture."""
    score = None if winner is None else memory.test_score(winner.run_id)
    if score is None or winner is None:
        return None
    number = int(score.trial_id.rpartition("t")[2])
    tested = memory.get_trial(winner.run_id, number)
    return score if tested.digest == winner.digest else None
