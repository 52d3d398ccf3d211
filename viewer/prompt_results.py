"""What the runs of one side of a prompt comparison hold: every question to a model, and how far each run came.

A side is named by runs (`r1`, `r1,r2`, `r3@FILE`, or a folder of memories such as one workflow's of a bench), or by a
version of a prompt as the trace shows it: `generator@1a2b3c4d`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from navarch import NavarchError
from navarch.agents.ladder import Ending, ending_of, questions
from navarch.agents.parse import count_broken
from navarch.evaluation import Limits
from navarch.graph.selection import candidates_of
from navarch.graph.settings import settings_of
from navarch.memory import CallRow, Memory, ProposalRow, RunRow, is_copied
from navarch.prompts import VARIABLES

Outcome = Literal["valid", "repaired", "fallback", "unanswered"]

# How a question ended for all models together, of which none is a spare: what `navarch show` counts for each of them.
_OUTCOMES: dict[Ending, Outcome] = {
    "at_once": "valid",
    "extracted": "valid",
    "repaired_1": "repaired",
    "repaired_2": "repaired",
    "twin": "fallback",
    "unanswered": "unanswered",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to a model: what it took, and what became of the reply.

    outcome: valid (at once, or extracted), repaired, fallback (the twin), unanswered (still open). calls: replies of
    the model, bad ones included. copied: of those, answers of an earlier run. tokens: None where the server reported
    none. proposed: architectures in the reply, with those that were too broken to store.
    """

    prompt: str
    digest: str
    outcome: Outcome
    calls: int
    copied: int
    input_tokens: int | None
    output_tokens: int | None
    proposed: int
    invalid: int
    duplicate: int
    new: int

    @property
    def is_counted(self) -> bool:
        """Whether it tells of its prompt: one that is still open, or to which no reply came, does not."""
        return self.calls > 0 and self.outcome != "unanswered"


class Step(NamedTuple):
    """A round's end: replies of models so far, and the best validation accuracy so far (percent), if any."""

    calls: int
    best: float | None


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run: what it searched under, its steps, and the validation accuracies of its first round."""

    name: str
    row: RunRow
    steps: tuple[Step, ...]
    start: tuple[float, ...]

    def best_after(self, calls: int) -> float | None:
        """Return the best validation accuracy once so many replies had come; of whole rounds, at least the first."""
        reached = [step.best for step in self.steps[1:] if step.calls <= calls]
        return reached[-1] if reached else self.steps[0].best if self.steps else None


@dataclass(frozen=True, slots=True)
class Side:
    """One side: its questions, and its runs. mixed: runs that were asked with other versions than this side's too."""

    name: str
    asked: tuple[Asked, ...]
    runs: tuple[RunResult, ...]
    mixed: tuple[str, ...] = ()

    def only(self, prompts: Collection[str]) -> "Side":
        """Return the side with the questions of these prompts alone."""
        return replace(self, asked=tuple(one for one in self.asked if one.prompt in prompts))


def read_side(name: str, db: Path, within: str | None = None) -> Side:
    """Return what a side holds. db: the memory; within: the run that a version is looked up in, default all.

    Raises: NavarchError for a name that fits nothing, and for a version that fits several.
    """
    prompt, at, version = name.partition("@")
    if at and prompt in VARIABLES:
        return _read_version(name, prompt, version, db, within)
    if within is not None:
        raise NavarchError(f"--run goes with versions of a prompt (PROMPT@VERSION), and {name!r} names runs")
    asked: list[Asked] = []
    runs: dict[tuple[Path, str], RunResult] = {}
    for path, run in _places(name, db):
        with _open(path) as memory:
            rows = [memory.get_run(run)] if run is not None else memory.runs()
            for row in rows:
                key = (path.resolve(), row.run_id)
                if key not in runs:
                    asked += read_asked(memory, row)
                    runs[key] = _result(memory, row, path, db)
    if not runs:
        raise NavarchError(f"{name!r} holds no run: name a run, a folder of memories, or PROMPT@VERSION")
    return Side(name, tuple(asked), tuple(runs.values()))


def read_asked(memory: Memory, run: RunRow) -> list[Asked]:
    """Return the questions that a model was asked in a run, those that only an offline role was asked left out."""
    proposals: dict[str | None, list[ProposalRow]] = {}
    for proposal in memory.proposals(run.run_id):
        proposals.setdefault(proposal.call_id, []).append(proposal)
    found = (_asked(turns, proposals, memory.text) for turns in questions(memory.calls(run.run_id)))
    return [one for one in found if one is not None]


def _read_version(name: str, prompt: str, version: str, db: Path, within: str | None) -> Side:
    with _open(db) as memory:
        rows = memory.runs() if within is None else [memory.get_run(within)]
        of_run = [(row, [one for one in read_asked(memory, row) if one.prompt == prompt]) for row in rows]
        known = sorted({one.digest for _, asked in of_run for one in asked})
        fitting = [digest for digest in known if version and digest.startswith(version)]
        if len(fitting) != 1:
            shown = ", ".join(f"{prompt}@{digest[:8]}" for digest in known) or "none"
            where = "this memory" if within is None else f"run {within!r}"
            what = "several versions" if fitting else "no version"
            raise NavarchError(
                f"{name!r} fits {what} that a model was asked with in {where}: known are {shown}"
            )
        digest = fitting[0]
        asked = [(row, [one for one in found if one.digest == digest], found) for row, found in of_run]
        with_it = [(row, mine, found) for row, mine, found in asked if mine]
        return Side(
            name,
            tuple(one for _, mine, _ in with_it for one in mine),
            tuple(_result(memory, row, db, db) for row, _, _ in with_it),
            tuple(row.run_id for row, mine, found in with_it if len(mine) < len(found)),
        )


def _places(name: str, db: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the memories and runs that a side names; None stands for every run of the memory."""
    for part in [name] if name and Path(name).is_dir() else name.split(","):
        if part and Path(part).is_dir():
            yield from ((path, None) for path in sorted(Path(part).glob("*.db")))
            continue
        run, at, file = part.strip().partition("@")
        if not run or (at and not file):
            raise NavarchError(
                f"side {name[:200]!r}: write RUN, RUN,RUN, RUN@FILE, a folder, or PROMPT@VERSION"
            )
        yield Path(file) if at else db, run


def _open(path: Path) -> Memory:
    return Memory.open(path, create=False, read_only=True)


def _result(memory: Memory, row: RunRow, path: Path, db: Path) -> RunResult:
    settings = settings_of(row)
    limits = Limits(**settings.limits.bounds)
    calls = [call for call in memory.calls(row.run_id) if _is_reply(call)]
    best: dict[int, float] = {}
    start: list[float] = []
    for trial in memory.trials(row.run_id):
        fits = limits.admits(trial.params, trial.macs, trial.objectives.get("latency_ms"))
        if trial.val_accuracy is None or not fits or settings.full_epochs not in (None, trial.epochs):
            continue
        best[trial.round] = max(best.get(trial.round, 0.0), trial.val_accuracy)
        if trial.round == 1:
            start.append(trial.val_accuracy)
    steps: list[Step] = []
    for last in [one.round for one in memory.rounds(row.run_id) if one.round >= 1]:
        reached = max((value for round, value in best.items() if round <= last), default=None)
        steps.append(Step(sum(call.round <= last for call in calls), reached))
    name = row.run_id if path == db else f"{row.run_id}@{path}"
    return RunResult(name, row, tuple(steps), tuple(start))


def _asked(
    turns: Sequence[CallRow], proposals: dict[str | None, list[ProposalRow]], text: Callable[[str], str]
) -> Asked | None:
    sent = [turn for turn in turns if turn.source == "model"]
    if all(turn.state == "reserved" for turn in sent):
        return None
    replies = [turn for turn in sent if _is_reply(turn)]
    good = [turn for turn in replies if turn.state == "ok"]
    stored = [row for turn in good for row in proposals.get(turn.call_id, [])]
    dropped = sum(count_broken((turn.error or "").splitlines()) for turn in good) if stored else 0
    return Asked(
        prompt=sent[0].prompt,
        digest=sent[0].prompt_digest,
        outcome=_OUTCOMES[ending_of(turns, sent, text)],
        calls=len(replies),
        copied=sum(map(is_copied, replies)),
        input_tokens=_total(turn.input_tokens for turn in replies),
        output_tokens=_total(turn.output_tokens for turn in replies),
        proposed=len(stored) + dropped,
        invalid=sum(row.status == "invalid" for row in stored) + dropped,
        duplicate=sum(row.status == "duplicate" for row in stored),
        new=len(candidates_of(stored)),
    )


def _is_reply(call: CallRow) -> bool:
    return call.source == "model" and call.state in ("ok", "bad-reply")


def _total(counts: Iterable[int | None]) -> int | None:
    found = list(counts)
    known: list[Any] = [count for count in found if count is not None]
    return sum(known) if known and len(known) == len(found) else None
