"""All that a report of one run is made of, read from its memory at once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from navarch import NavarchError
from navarch.agents.ladder import Ladder, ladders
from navarch.evaluation import Limits, Noise
from navarch.graph.confirmation import score_of, winner_of
from navarch.graph.money import money_of
from navarch.graph.noise import NOISE, Repeated, known_repeats, noise_of
from navarch.graph.result import state_now
from navarch.graph.rungs import epochs_spent
from navarch.graph.settings import Settings, settings_of
from navarch.memory import Memory, ReplySources, RunRow, Spent, TestScoreRow, TrialRow
from navarch.spaces import SearchSpace, get_space
from navarch.viewer.confirmation import Confirmation, read_confirmation
from navarch.viewer.svg import draw_svg


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as it is stored now.

    state: as it is now. repeated, noise: what the whole memory has repeated at the run's fidelity. refused: proposals
    by status. drawing: of the best, where its space is at hand.
    """

    run: RunRow
    state: str
    settings: Settings
    trials: tuple[TrialRow, ...]
    repeats: tuple[TrialRow, ...]
    best: TrialRow | None
    test: TestScoreRow | None
    confirmation: Confirmation | None
    repeated: tuple[Repeated, ...]
    noise: Noise | None
    spent: Spent
    replies: ReplySources
    models: tuple[Ladder, ...]
    money: float | None
    refused: Mapping[str, int]
    drawing: str | None

    @property
    def is_noise(self) -> bool:
        """Return whether the run measures noise alone: it searches nothing and has no best."""
        return self.run.workflow == NOISE

    @property
    def epochs(self) -> int:
        """Return the epochs that count of the budget: those of the search as the search counts them, and of repeats."""
        trials = [row for row in self.trials if row.is_finished and row.reason != "cancelled"]
        return epochs_spent(trials, self.settings) + sum(
            row.epochs for row in self.repeats if row.is_finished
        )

    @property
    def failures(self) -> dict[str, int]:
        """Return how many trials and repeats failed, by reason, the most frequent first."""
        rows = (*self.trials, *self.repeats)
        return dict(Counter(str(row.reason) for row in rows if row.state == "failed").most_common())

    @property
    def counted(self) -> list[TrialRow]:
        """Return the trials that may be best, in their order: with a result, at full fidelity, within the limits."""
        full, limits = self.settings.full_epochs, Limits(**self.settings.limits.bounds)
        return [
            row
            for row in self.trials
            if row.val_accuracy is not None
            and full in (None, row.epochs)
            and limits.admits(row.params, row.macs, row.objectives.get("latency_ms"))
        ]


def read_run(memory: Memory, name: str) -> RunFacts:
    """Return the facts of a run. Raises: UnknownRunError."""
    run = memory.get_run(name)
    settings = settings_of(run)
    trials, repeats = memory.trials(run.run_id), memory.repeats(run.run_id)
    best = winner_of(memory, run.run_id, settings)
    known = next((row for row in [best, *trials, *repeats] if row is not None), None)
    repeated = known_repeats(memory, run.space, run.task_digest, known.fidelity) if known is not None else []
    statuses = Counter(row.status for row in memory.proposals(run.run_id))
    return RunFacts(
        run=run,
        state=state_now(run, memory.path),
        settings=settings,
        trials=tuple(trials),
        repeats=tuple(repeats),
        best=best,
        test=score_of(memory, best),
        confirmation=read_confirmation(memory, run.run_id, settings),
        repeated=tuple(repeated),
        noise=noise_of(repeated),
        spent=memory.spent(run.run_id),
        replies=memory.reply_sources(run.run_id),
        models=tuple(ladders(memory, run.run_id)),
        money=money_of(memory, run.run_id, settings),
        refused={name: statuses[name] for name in ("invalid", "duplicate", "vetoed") if statuses[name]},
        drawing=None if best is None else _draw(settings, best),
    )


def _draw(settings: Settings, best: TrialRow) -> str | None:
    """Return the drawing of the best; None where its space is a file that is gone, or hidden under other names."""
    if settings.obfuscate is not None:
        return None
    try:
        space: SearchSpace = get_space(settings.space)
        return draw_svg(space.sketch(space.parse(best.architecture)), space.structure.options)
    except NavarchError:
        return None
