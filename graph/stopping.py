"""When a run ends: asked to, budget, target, stagnation. One judge, read by the routes and by the run loop."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from navarch.graph.counting import counted
from navarch.graph.money import prices_of
from navarch.graph.rules import rules_of
from navarch.graph.rungs import affordable
from navarch.graph.settings import Settings
from navarch.memory import Memory, RoundRow


class StopRun(Exception):
    """Raised inside a node to leave the graph at once.

    `final` ends the run (a budget is spent); otherwise the node runs again on resume. `signal` is 0 if none came.
    """

    def __init__(self, reason: str, *, signal: int = 0, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.signal = signal
        self.final = final


class BudgetSpent(StopRun):
    """The budget has no room for another model call: what is left to do without one is still done."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, final=True)


@dataclass(slots=True)
class StopRequest:
    """A wish to stop that came from outside: a signal in this process.

    `in_call` is true while a model is waited for, which a signal may break off; training looks at the wish by itself.
    """

    signal: int = 0
    in_call: bool = False

    def __bool__(self) -> bool:
        return self.signal != 0


def stop_reason(
    memory: Memory, run_id: str, settings: Settings, elapsed_s: Callable[[], float]
) -> str | None:
    """Return why the search is over, in words for a person, or None if it goes on. Judged between rounds."""
    budget = settings.budget
    if memory.count_finished(run_id) >= budget.trials:
        return f"budget of {counted(budget.trials, 'trial')} is spent"
    if affordable(memory, run_id, settings, memory.last_round(run_id) + 1) < 1:
        return f"budget of {counted(budget.epochs or 0, 'epoch')} has no room for another trial"
    spent = _spent_reason(memory, run_id, settings, elapsed_s)
    if spent is not None:
        return spent
    if settings.target is not None and _is_reached(settings.target, memory, run_id, settings):
        return f"target of {settings.target:g} % is reached"
    rules = rules_of(settings)
    closed = memory.closed_rounds(run_id, rules.empty_rounds or 1)
    if rules.rounds is not None and closed and closed[-1].round >= rules.rounds:
        return "the only round is done" if rules.rounds == 1 else f"all {rules.rounds} rounds are done"
    return _emptiness(closed, rules.empty_rounds) or _stagnation(memory, run_id, settings.search.patience)


def _spent_reason(
    memory: Memory, run_id: str, settings: Settings, elapsed_s: Callable[[], float]
) -> str | None:
    """Return which budget of calls, tokens, money or time is spent; that of time but for what confirming takes."""
    budget = settings.budget
    if budget.calls is not None and memory.spent(run_id).calls >= budget.calls:
        return f"budget of {counted(budget.calls, 'model call')} is spent"
    if budget.tokens is not None and memory.spent(run_id).tokens >= budget.tokens:
        return f"budget of {counted(budget.tokens, 'token')} is spent"
    prices = prices_of(settings)
    if budget.money is not None and prices is not None and memory.money(run_id, prices) >= budget.money:
        return f"budget of {budget.money:g} in money is spent"
    if budget.train_seconds is not None:
        kept = _kept_seconds(memory, run_id, settings)
        if memory.spent(run_id).train_seconds + kept >= budget.train_seconds:
            return f"budget of {budget.train_seconds:g} seconds of training is spent{_kept(kept)}"
    if budget.seconds is not None:
        kept = _kept_seconds(memory, run_id, settings) / settings.slots
        if elapsed_s() + kept >= budget.seconds:
            return f"budget of {budget.seconds:g} seconds is spent{_kept(kept)}"
    return None


def _kept_seconds(memory: Memory, run_id: str, settings: Settings) -> float:
    """Return how long the confirmation will train, by the mean of an epoch of what the search trained in full.

    Before a trial of full fidelity has completed, those of the lower rungs tell.
    """
    if not settings.confirm.top:
        return 0.0
    rows = memory.trials(run_id, state="complete")
    rows = [row for row in rows if settings.full_epochs in (None, row.epochs)] or rows
    if not rows:
        return 0.0
    # A trial that went on from weights has taken the time of its last epochs alone; a repeat begins anew.
    epoch = fmean(row.train_seconds / row.own_epochs for row in rows)
    return settings.confirm.trainings * epoch * (settings.full_epochs or rows[0].epochs)


def _kept(seconds: float) -> str:
    return f", but for about {seconds:.0f} kept for the confirmation" if seconds else ""


def _is_reached(target: float, memory: Memory, run_id: str, settings: Settings) -> bool:
    best = memory.best_trial(run_id, **settings.admitted)
    return best is not None and best.val_accuracy is not None and best.val_accuracy >= target


def _emptiness(closed: list[RoundRow], allowed: int | None) -> str | None:
    if allowed is None or len(closed) < allowed or any(row.new_trials for row in closed):
        return None
    where = f"round {closed[-1].round}" if allowed == 1 else f"{allowed} rounds in a row"
    return f"no architecture that is new and within the limits was found in {where}"


def _stagnation(memory: Memory, run_id: str, patience: int | None) -> str | None:
    if patience is None:
        return None
    stale = rounds_without_gain(memory, run_id)
    return f"{counted(stale, 'round')} brought no gain" if stale >= patience else None


def rounds_without_gain(memory: Memory, run_id: str) -> int:
    """Return how many of the last closed rounds did not raise the best validation accuracy."""
    best: float | None = None
    stale = 0
    for row in memory.rounds(run_id):
        if row.state != "closed":
            continue
        if row.best is not None and (best is None or row.best > best):
            best, stale = row.best, 0
        else:
            stale += 1
    return stale
