"""`navarch show --follow`: look on while a run works. Nothing of the run is touched.

On a terminal the trials that run are painted in place, with their curves; elsewhere every event is a line, or a line of
JSON.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navarch.cli.echo import Foot, echo, echo_json, is_terminal
from navarch.cli.facts import trial_facts
from navarch.cli.live_lines import finished_line, foot_lines, name_of, pace_words, repeated_line
from navarch.cli.wording import accuracy
from navarch.graph.counting import counted
from navarch.graph.paths import db_flag

if TYPE_CHECKING:
    from navarch.evaluation.live import LiveEpoch
    from navarch.graph.following import Follower, Running, View
    from navarch.memory import Memory, TrialRow

LOOK_S = 0.5  # between two looks
_TOLD_OF_A_TRIAL = ("trial", "code", "state", "reason", "val_accuracy", "params", "seconds", "reused_from")
BEGIN_S = 5.0  # a run that was stored has begun by then, or never will


def follow(memory: "Memory", db: Path, name: str, *, as_json: bool) -> None:
    """Show a run while it works, and how it ended."""
    from navarch.graph.following import Follower

    run = memory.get_run(name)
    follower = Follower(memory, db, run.run_id)
    if as_json:
        _follow_as_json(follower)
    elif is_terminal():
        _follow_on_terminal(follower)
    else:
        _follow_in_lines(follower)
    if not as_json:
        _show_end(memory, run.run_id, db)


def _looks(follower: "Follower") -> "Iterator[View]":
    """Look again and again until nothing works on the run; a run that was only just stored gets time to begin."""
    began = time.monotonic()
    while True:
        view = follower.look()
        is_new = view.state == "interrupted" and view.run.segments == 0
        if is_new and time.monotonic() - began < BEGIN_S:
            time.sleep(LOOK_S / 5)
            continue
        yield view
        if view.is_over:
            return
        time.sleep(LOOK_S)


def _follow_on_terminal(follower: "Follower") -> None:
    with Foot() as foot:
        for at, view in enumerate(_looks(follower)):
            if at == 0:
                echo(_head(view))
            _tell_finished(view)
            foot.paint([] if view.is_over else foot_lines(view))


def _follow_in_lines(follower: "Follower") -> None:
    told = _Told()
    for at, view in enumerate(_looks(follower)):
        if at == 0:
            echo(_head(view))
        _tell_finished(view, is_paced=True)
        for running in told.begun(view):
            echo(f"started   {name_of(running.trial)}")
        for running, point in told.epochs(view):
            assert running.live is not None
            loss = "-" if point.train_loss is None else f"{point.train_loss:.3f}"
            echo(
                f"epoch     {_short_name(running.trial)} {point.epoch}/{running.live.epochs}  loss {loss}  "
                f"train {accuracy(point.train_accuracy)}  val {accuracy(point.val_accuracy)}"
            )
        if view.testing is not None and told.is_first_test():
            echo("testing   the best trial meets the test split")


def _follow_as_json(follower: "Follower") -> None:
    told = _Told()
    for at, view in enumerate(_looks(follower)):
        if at == 0:
            run = view.run
            _event(
                "run", run=run.run_id, state=view.state, workflow=run.workflow, space=run.space, task=run.task
            )
        for trial in view.finished:
            _event("finished", **_trial_facts(trial))
        for trial in view.repeated:
            _event("repeated", seed=trial.seed, **_trial_facts(trial))
        if (view.finished or view.repeated) and not view.is_over:
            _event("pace", **_pace_facts(view))
        for running in told.begun(view):
            trial = running.trial
            _event("started", trial=trial.number, code=trial.code, epochs=trial.epochs, seed=trial.seed)
        for running, point in told.epochs(view):
            assert running.live is not None
            _event("epoch", trial=running.trial.number, epochs=running.live.epochs, **_facts(point))
        if view.testing is not None and told.is_first_test():
            _event("testing")
        if view.is_over:
            best = view.standing.best
            facts = None if best is None else _trial_facts(best)
            _event("end", state=view.state, reason=view.run.stop_reason, best=facts)


class _Told:
    """What was told of the trials that run, so that nothing is told twice."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        self._has_test = False

    def begun(self, view: "View") -> "list[Running]":
        """Return the trials that were not running at the last look."""
        new = [each for each in view.running if each.trial.number not in self._epochs]
        self._epochs.update((each.trial.number, 0) for each in new)
        return new

    def epochs(self, view: "View") -> "list[tuple[Running, LiveEpoch]]":
        """Return the epochs that have ended since the last look; those of a training that began anew come again."""
        found = []
        for each in view.running:
            if each.live is None:
                continue
            number = each.trial.number
            last = self._epochs[number] if self._epochs[number] <= each.live.epoch else 0
            found += [(each, point) for point in each.live.points if point.epoch > last]
            self._epochs[number] = each.live.epoch
        return found

    def is_first_test(self) -> bool:
        """Return whether the final test was not told yet, and take it as told."""
        is_first, self._has_test = not self._has_test, True
        return is_first


def _head(view: "View") -> str:
    run = view.run
    what = f"workflow {run.workflow}, space {run.space}, task {run.task}, seed {run.seed}"
    return f"run {run.run_id} {view.state}: {what}"


def _short_name(trial: "TrialRow") -> str:
    """Return the number of a trial; a repeat is known by its architecture and seed."""
    from navarch.memory import REPEATS

    return f"{name_of(trial)} " if trial.round == REPEATS else f"trial {trial.number:<3}"


def _tell_finished(view: "View", *, is_paced: bool = False) -> None:
    """Print the trials and repeats that ended since the last look, each with how many had ended by then."""
    from dataclasses import replace

    told, again = view.standing.trials - len(view.finished), view.repeats - len(view.repeated)
    lines = [
        finished_line(trial, replace(view.standing, trials=at))
        for at, trial in enumerate(view.finished, start=told + 1)
    ]
    lines += [
        repeated_line(trial, at, view.planned) for at, trial in enumerate(view.repeated, start=again + 1)
    ]
    paced = pace_words(view.pace, is_of_repeats=bool(view.planned)) if is_paced else ""
    if lines and paced:
        lines[-1] = f"{lines[-1]}, {paced}"
    for line in lines:
        echo(line)


def _show_end(memory: "Memory", run_id: str, db: Path) -> None:
    """Print how the run ended, or that nothing works on it, and what to do next."""
    from navarch.cli.summary import show_result
    from navarch.graph.result import result_of
    from navarch.graph.settings import settings_of

    run = memory.get_run(run_id)
    if run.state in ("running", "finishing"):
        spent = memory.spent(run_id)
        again = f" and {counted(spent.repeats, 'repeat')}" * bool(spent.repeats)
        echo()
        how = (
            "it was stopped or killed after its search"
            if run.state == "finishing"
            else "its process was killed"
        )
        echo(
            f"nothing works on run {run_id}: {how}. What is finished is kept: {counted(spent.trials, 'trial')}{again}"
        )
        echo(f"go on with: navarch resume {run_id}{db_flag(db)}")
        return
    show_result(result_of(memory, run, settings_of(run)), db)


def _event(event: str, **facts: Any) -> None:
    echo_json({"event": event, **facts}, indent=None)


def _pace_facts(view: "View") -> dict[str, Any]:
    standing, pace = view.standing, view.pace
    again = {"repeats": view.repeats, "planned_repeats": view.planned} if view.planned else {}
    rate = {"per_minute": pace.per_minute, "seconds_left": pace.seconds_left}
    return {"trials": standing.trials, "budget": standing.budget, **again, **rate}


def _facts(point: "LiveEpoch") -> dict[str, Any]:
    return {
        "epoch": point.epoch,
        "train_loss": point.train_loss,
        "train_accuracy": point.train_accuracy,
        "val_accuracy": point.val_accuracy,
    }


def _trial_facts(row: "TrialRow") -> dict[str, Any]:
    facts = trial_facts(row)
    return {**{name: facts[name] for name in _TOLD_OF_A_TRIAL}, "curve": row.curve}
