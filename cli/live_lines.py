"""What goes on in a run as lines of text: a trial that ended, those that run, how fast it goes."""

import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from navarch.cli.echo import one_line
from navarch.cli.wording import accuracy, big, duration
from navarch.graph.counting import counted

if TYPE_CHECKING:
    from navarch.evaluation.live import Live
    from navarch.graph.following import Pace, Running, View
    from navarch.graph.progress import Standing
    from navarch.memory import TrialRow

_WIDEST_CODE = 16  # of an architecture's code in a line that is repainted


def finished_line(trial: "TrialRow", standing: "Standing") -> str:
    """Return a finished trial, the best so far, and the budget."""
    spent = f"{standing.trials}/{counted(standing.budget, 'trial')}"
    return f"finished  trial {trial.number:<3} {trial.code}  {how_it_ended(trial)}  |  {best_of(standing)}  {spent}"


def repeated_line(trial: "TrialRow", done: int, planned: int) -> str:
    """Return a finished repeat, and how many there are."""
    return f"repeated  {trial.code}  seed {trial.seed:<3} {how_it_ended(trial)}  |  {done}/{counted(planned, 'repeat')}"


def name_of(trial: "TrialRow", widest: int = 60) -> str:
    """Return what a trial or a repeat is called."""
    from navarch.memory import REPEATS

    code = one_line(trial.code, widest)
    return f"repeat {code} seed {trial.seed}" if trial.round == REPEATS else f"trial {trial.number:<3} {code}"


def how_it_ended(trial: "TrialRow") -> str:
    """Return what a finished trial measured, or why it did not, in a few words."""
    if trial.state != "complete":
        return f"{trial.state}: {' '.join(filter(None, (trial.reason, one_line(trial.detail, 60))))}"
    how = f"reused from {trial.reused_from}" if trial.reused_from else f"{trial.train_seconds:.1f} s"
    return f"val {accuracy(trial.val_accuracy)}  {big(trial.params)} parameters  {how}"


def best_of(standing: "Standing") -> str:
    """Return the best trial so far in a few words."""
    best = standing.best
    return f"best {accuracy(best.val_accuracy)} (trial {best.number})" if best is not None else "no best yet"


def foot_lines(view: "View") -> list[str]:
    """Return what runs, a line each with its parts one below the other, and a last line with the pace."""
    table = [running_parts(each) for each in view.running]
    widths = [max(map(len, column)) for column in zip_longest(*table, fillvalue="")]
    lines = ["  ".join(map(str.ljust, parts, widths)).rstrip() for parts in table]
    if view.testing is not None:
        lines.append(final_test_line(view))
    lines.append(", ".join(standing_words(view)))
    return lines


def standing_words(view: "View") -> list[str]:
    """Return how many trials and repeats ended, the pace and the best; a run of repeats alone has no best."""
    from navarch.graph.noise import NOISE

    standing, paced = view.standing, pace_words(view.pace, is_of_repeats=bool(view.planned))
    words = [f"{view.repeats} of {counted(view.planned, 'repeat')}"] if view.planned else []
    words += [paced] if paced else []
    if view.run.workflow == NOISE:
        return words or ["begins"]
    return [f"{standing.trials} of {counted(standing.budget, 'trial')}", *words, best_of(standing)]


def pace_words(pace: "Pace", *, is_of_repeats: bool = False) -> str:
    """Return rate and remaining time, as far as they are known."""
    what = "repeats" if is_of_repeats else "trials"
    words = [] if pace.per_minute is None else [f"{rate_words(pace.per_minute)} {what} a minute"]
    if pace.seconds_left:
        words.append(f"about {duration(pace.seconds_left)} left")
    return ", ".join(words)


def rate_words(per_minute: float) -> str:
    """Return a rate with as many digits as tell something."""
    return f"{per_minute:.3g}" if per_minute < 100 else f"{per_minute:,.0f}"


def running_parts(running: "Running") -> list[str]:
    """Return a running trial: epochs, last validation accuracy with its curve, times, the same of the training."""
    trial, live, now = running.trial, running.live, time.time()
    name = name_of(trial, _WIDEST_CODE)
    if live is None:
        return [name, "begins"]
    if not live.epochs:
        return [name, times_words(live, now)]
    val, train = curve_words(live)
    return [name, epoch_words(live), val, times_words(live, now), train]


def epoch_words(live: "Live") -> str:
    """Return how many epochs have ended."""
    return f"epoch {live.epoch:>{len(str(live.epochs))}}/{live.epochs}"


def times_words(live: "Live", now: float) -> str:
    """Return for how long a trial runs, and how long it may still take."""
    left = live.seconds_left(now)
    rest = "" if left is None else f", {duration(left)} left"
    return f"{duration(max(0.0, now - live.began))} so far{rest}"


def curve_words(live: "Live") -> tuple[str, str]:
    """Return the curves so far, of validation and of training, each with its last value; "" for one without."""
    from navarch.viewer.sparkline import sparkline

    def words(name: str, values: Sequence[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{name} {accuracy(known[-1])} {sparkline(known)}" if known else ""

    val = words("val", [point.val_accuracy for point in live.points])
    return val, words("train", [point.train_accuracy for point in live.points])


def final_test_line(view: "View") -> str:
    """Return that the best trial meets the test split, and how long that may still take."""
    best, live = view.standing.best, view.testing
    assert live is not None
    elapsed = max(0.0, time.time() - live.began)
    if best is None:
        return f"final test, {duration(elapsed)} so far"
    # It is trained from its start again.
    left = float(best.cost.get("seconds", 0.0)) / best.own_share - elapsed
    rest = f", about {duration(left)} left" if left > 0 else ""
    return f"final test of trial {best.number}, {duration(elapsed)} so far{rest}"
