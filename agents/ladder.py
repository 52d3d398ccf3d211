"""How far down the ladder each model's replies went: at once, found in prose, repaired, replaced.

Counted from the stored calls alone, so that any run can be counted again. A question is what a role is asked in one
round and attempt; it ends in one way for each model that it was put to, and in one for all of them together.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Literal

from navarch.agents.parse import is_whole
from navarch.memory import CallRow, Memory, is_copied

Ending = Literal["at_once", "extracted", "repaired_1", "repaired_2", "spare", "twin", "unanswered"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """What became of the questions put to one model.

    `questions` is the sum of at_once (nothing but a valid reply), extracted (found in prose, fences or after
    reasoning), repaired_1 and repaired_2 (after so many repair turns), spare and twin (who answered in its place), and
    unanswered (the run was left). partly_valid: of the answered ones, batches of which items were left out. `calls` are
    turns, repairs included; `requests` what was sent for them, nothing for a call that an earlier one answered;
    `errors` the calls that gave no completion.
    """

    model: str
    questions: int = 0
    at_once: int = 0
    extracted: int = 0
    repaired_1: int = 0
    repaired_2: int = 0
    partly_valid: int = 0
    spare: int = 0
    twin: int = 0
    unanswered: int = 0
    calls: int = 0
    requests: int = 0
    errors: int = 0

    def as_dict(self) -> dict[str, str | int]:
        """Return plain data."""
        return asdict(self)


def ladders(memory: Memory, run_id: str) -> list[Ladder]:
    """Return the ladder of every model that a run asked, by name; offline roles have none."""
    counts: dict[str, Counter[str]] = {}
    for turns in questions(memory.calls(run_id)):
        _count(turns, counts, memory.text)
    return [Ladder(model, **counts[model]) for model in sorted(counts)]


def questions(calls: Iterable[CallRow]) -> Iterator[list[CallRow]]:
    """Yield the turns of each question in their order, by round, role and attempt."""

    def question(row: CallRow) -> tuple[int, str, int]:
        return row.round, row.role, row.attempt

    for _, turns in groupby(sorted(calls, key=lambda row: (question(row), row.turn)), key=question):
        yield list(turns)


def ending_of(turns: Sequence[CallRow], mine: Sequence[CallRow], text: Callable[[str], str]) -> Ending:
    """Return how a question ended for a model, or for all of them: `mine` are the turns put to it, one at least.

    `text` reads what the digest of a reply names. Of all models together none is a spare.
    """
    last = mine[-1]
    if last.state != "ok":
        later = [row for row in turns if row.turn > last.turn]
        if not later:
            return "unanswered"
        return "spare" if any(row.source == "model" for row in later) else "twin"
    repairs = sum(row.state == "bad-reply" for row in turns)
    if repairs:
        return "repaired_1" if repairs == 1 else "repaired_2"
    return "at_once" if last.reply is not None and is_whole(text(last.reply)) else "extracted"


def _count(turns: Sequence[CallRow], counts: dict[str, Counter[str]], text: Callable[[str], str]) -> None:
    for model in dict.fromkeys(row.model for row in turns if row.source == "model"):
        mine = [row for row in turns if row.model == model and row.source == "model"]
        found = counts.setdefault(model, Counter())
        found.update(
            questions=1,
            calls=len(mine),
            requests=sum(row.tries - 1 + (0 if is_copied(row) else row.attempts) for row in mine),
            errors=sum(row.state == "error" for row in mine),
        )
        found[ending_of(turns, mine, text)] += 1
        found["partly_valid"] += mine[-1].state == "ok" and mine[-1].error is not None
