"""Two sides of a prompt comparison as figures with intervals: what each prompt's replies were worth, and each search.

Right minus left throughout. Of a prompt the questions are what is counted: shares have Wilson's interval, means
Student's, and their differences Newcombe's. Of the search the runs are, paired by seed where the sides share some.

Improvement per call: N is the smallest number of replies that any of the runs used in all. How far the best validation
accuracy of a run, after its first N replies, lies above the median of all first-round trials of both sides, divided by
N. Both sides stand on the same level and the same number of calls, so that neither a poor start nor a long run looks
like a gain.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from navarch.viewer.intervals import difference, ratio, share
from navarch.viewer.prompt_results import Asked, Outcome, RunResult, Side
from navarch.viewer.statistics import Estimate

FEW = 20
"""Questions of one side below which a comparison of a prompt says so."""

# What sides may differ in without a word: it is what is compared, or names nothing that a model reads.
_FREE = ("prompts", "seed", "db")


class Figure(NamedTuple):
    """One figure of both sides, and right minus left. is_share: from 0 to 1."""

    name: str
    left: Estimate | None
    right: Estimate | None
    difference: Estimate | None
    is_share: bool


@dataclass(frozen=True, slots=True)
class Used:
    """What one side used of a prompt: the digests of its versions, its questions, calls, and copied answers.

    left_out: questions that are still open or got no reply.
    """

    versions: tuple[str, ...]
    questions: int
    left_out: int
    calls: int
    copied: int


@dataclass(frozen=True, slots=True)
class PromptComparison:
    """One prompt that a model was asked with on at least one side."""

    prompt: str
    left: Used
    right: Used
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class SearchComparison:
    """How far the runs came. calls: replies after which they are compared; pairs: seeds that both sides have."""

    calls: int
    start: float
    pairs: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything; `search` is None where it says why in `notes`. different: settings, (left, right) by name."""

    left: str
    right: str
    prompts: tuple[PromptComparison, ...]
    search: SearchComparison | None
    different: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data; intervals as mean, low, high."""
        facts = asdict(self)
        tables = [*zip(self.prompts, facts["prompts"], strict=True)]
        for own, plain in tables + ([(self.search, facts["search"])] if self.search else []):
            plain["figures"] = {
                figure.name: {
                    part: None if found is None else found._asdict()
                    for part, found in zip(("left", "right", "difference"), figure[1:4], strict=True)
                }
                for figure in own.figures
            }
        return facts


def compare_sides(left: Side, right: Side) -> Comparison:
    """Return the comparison of two sides."""
    names = dict.fromkeys(one.prompt for one in (*left.asked, *right.asked))
    prompts = tuple(
        _compare_prompt(name, *([one for one in side.asked if one.prompt == name] for side in (left, right)))
        for name in names
    )
    why = _why_no_search(left, right)
    search = None if why else _compare_search(left.runs, right.runs)
    notes = [*_notes(left, right, prompts), *([why] if why else [])]
    if search is None and not why:
        notes.append(
            "how far the search came cannot be compared: no trial of the first rounds has an accuracy"
        )
    return Comparison(left.name, right.name, prompts, search, _different(left, right), tuple(notes))


def _compare_prompt(name: str, left: Sequence[Asked], right: Sequence[Asked]) -> PromptComparison:
    def of(title: str, is_share: bool, figure: Callable[[Sequence[Asked]], Estimate | None]) -> Figure:
        sides = figure(left), figure(right)
        return Figure(title, *sides, difference(*sides), is_share)

    figures = [
        of("valid without repair", True, lambda asked: _ended(asked, "valid")),
        of("repaired", True, lambda asked: _ended(asked, "repaired")),
        of("fallback", True, lambda asked: _ended(asked, "fallback")),
    ]
    if any(one.proposed for one in (*left, *right)):
        figures += [
            of("invalid proposals", True, lambda asked: _of_proposed(asked, "invalid")),
            of("duplicate proposals", True, lambda asked: _of_proposed(asked, "duplicate")),
            of("new architectures a call", False, lambda asked: _per(asked, "new", "calls")),
        ]
    figures += [
        of("input tokens a call", False, lambda asked: _per(asked, "input_tokens", "calls")),
        of("output tokens a call", False, lambda asked: _per(asked, "output_tokens", "calls")),
    ]
    if any(one.proposed for one in (*left, *right)):
        figures.append(of("tokens a new architecture", False, _tokens_per_new))
    return PromptComparison(name, _used(left), _used(right), tuple(figures))


def _ended(asked: Sequence[Asked], outcome: Outcome) -> Estimate | None:
    counted = [one for one in asked if one.is_counted]
    return share([one.outcome == outcome for one in counted], [1] * len(counted))


def _of_proposed(asked: Sequence[Asked], status: str) -> Estimate | None:
    return share([getattr(one, status) for one in asked], [one.proposed for one in asked])


def _per(asked: Sequence[Asked], count: str, unit: str) -> Estimate | None:
    known = [one for one in asked if getattr(one, count) is not None]
    return ratio([getattr(one, count) for one in known], [getattr(one, unit) for one in known])


def _tokens_per_new(asked: Sequence[Asked]) -> Estimate | None:
    known = [
        (one.input_tokens + one.output_tokens, one.new)
        for one in asked
        if one.input_tokens is not None and one.output_tokens is not None
    ]
    return ratio([tokens for tokens, _ in known], [new for _, new in known])


def _used(asked: Sequence[Asked]) -> Used:
    return Used(
        versions=tuple(dict.fromkeys(one.digest for one in asked)),
        questions=len(asked),
        left_out=sum(not one.is_counted for one in asked),
        calls=sum(one.calls for one in asked),
        copied=sum(one.copied for one in asked),
    )


def _why_no_search(left: Side, right: Side) -> str:
    """Say why the runs of the sides cannot be compared by how far they came, "" if they can."""
    what = "how far the search came cannot be compared"
    mixed = dict.fromkeys((*left.mixed, *right.mixed))
    if mixed:
        return f"{what}: in {', '.join(mixed)} one version followed another, and later rounds gain less"
    runs = (*left.runs, *right.runs)
    if len({(run.row.space, run.row.task_digest) for run in runs}) > 1:
        return f"{what}: the runs are not of one space and task"
    if not all(run.steps and run.steps[-1].calls for run in runs):
        return f"{what}: not every run asked a model"
    return ""


def _compare_search(left: Sequence[RunResult], right: Sequence[RunResult]) -> SearchComparison | None:
    starts = [accuracy for run in (*left, *right) for accuracy in run.start]
    if not starts:
        return None
    calls = min(run.steps[-1].calls for run in (*left, *right))
    start = statistics.median(starts)
    reached = [_reached(runs, calls) for runs in (left, right)]
    seeds = sorted(reached[0].keys() & reached[1].keys())
    figures = (
        _search_figure(f"best % after {calls} calls", reached, seeds),
        _search_figure("points gained a call", reached, seeds, level=start, calls=calls),
    )
    return SearchComparison(calls, start, len(seeds), figures)


def _search_figure(
    name: str,
    reached: Sequence[Mapping[str, float]],
    seeds: Sequence[str],
    *,
    level: float = 0.0,
    calls: int = 1,
) -> Figure:
    """Return a figure of the best that each run reached, above a level and by call; paired where seeds are shared."""
    left, right = ({key: (best - level) / calls for key, best in one.items()} for one in reached)
    means = ratio(list(left.values())), ratio(list(right.values()))
    paired = ratio([right[seed] - left[seed] for seed in seeds])
    return Figure(name, *means, paired if seeds else difference(*means), False)


def _reached(runs: Sequence[RunResult], calls: int) -> dict[str, float]:
    """Return the best after so many calls by seed; by name where a seed comes twice."""
    twice = len({run.row.seed for run in runs}) < len(runs)
    found = {run.name if twice else f"seed {run.row.seed}": run.best_after(calls) for run in runs}
    return {key: best for key, best in found.items() if best is not None}


def _notes(left: Side, right: Side, prompts: Sequence[PromptComparison]) -> list[str]:
    notes = []
    for side in (left, right):
        if not side.asked:
            notes.append(
                f"{side.name}: no model was asked; offline roles read no prompt, so no edit can help them"
            )
    for one in prompts:
        for name, used in ((left.name, one.left), (right.name, one.right)):
            counted = used.questions - used.left_out
            if counted < FEW:
                notes.append(f"{one.prompt}, {name}: {counted} answered questions are few, and tell little")
            if used.left_out:
                notes.append(
                    f"{one.prompt}, {name}: {used.left_out} questions are open or got no reply, and are left out"
                )
            if used.copied:
                notes.append(f"{one.prompt}, {name}: {used.copied} replies are copies of an earlier run's")
        if one.left.versions == one.right.versions:
            notes.append(f"{one.prompt} is the same text on both sides")
    return notes


def _different(left: Side, right: Side) -> dict[str, tuple[str, str]]:
    """Return the settings in which the runs of the sides differ, besides the prompts."""
    found = {}
    sides = [[_flat(run.row.settings) for run in side.runs] for side in (left, right)]
    for name in sorted({name for side in sides for one in side for name in one}):
        values = [sorted({str(one.get(name)) for one in side}) for side in sides]
        if values[0] != values[1] and name not in _FREE:
            found[name] = (", ".join(values[0]), ", ".join(values[1]))
    return found


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
