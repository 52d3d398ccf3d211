"""Answers from a recorded run: the same questions get the same replies, and nothing is sent.

A recorded call answers the call of the same place (round, role, attempt, turn) whose messages and reply schema are
the same to the letter. Failed calls and bad replies are recorded too, so that repairs and fallbacks repeat as well.
Not covered: a call that a crash of the recorded run interrupted; what it may have cost is unknown.
"""

from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from navarch import NavarchError
from navarch.agents.conversation import Messages
from navarch.agents.model import ModelClient
from navarch.memory import (
    MESSAGE_CAP,
    REPLAYED,
    CallKey,
    CallRow,
    CallSource,
    Memory,
    clean_text,
    render_digest,
)

SHOWN_LINES = 6
SHOWN_CHARACTERS = 160


class Diverged(NavarchError):
    """A call that the recording does not answer, and no model to go on with."""


class Recording:
    """The calls of one run, read once; the memory that holds it is closed again."""

    def __init__(self, path: Path, run: str) -> None:
        """Read the run. Raises: NavarchError if there is no such memory or run, or it is damaged."""
        self._path = path
        with Memory.open(path, create=False, read_only=True) as memory:
            self.run = memory.get_run(run)
            rows = [row for row in memory.calls(self.run.run_id) if row.state != "reserved"]
            self._texts = {
                digest: memory.text(digest) for row in rows for digest in (row.reply, row.reasoning) if digest
            }
        self._turns: dict[tuple[int, str, int], list[CallRow]] = {}
        for row in sorted(rows, key=lambda row: row.turn):
            self._turns.setdefault((row.round, row.role, row.attempt), []).append(row)
        self.source: CallSource = "model" if any(row.source == "model" for row in rows) else "offline"

    def turns(self, key: CallKey) -> list[CallRow]:
        """Return the settled turns of the question of that round, role and attempt, in order."""
        return self._turns.get((key.round, key.role, key.attempt), [])

    def text(self, digest: str) -> str:
        """Return a recorded reply or reasoning."""
        return self._texts[digest]

    def messages(self, call: CallRow) -> list[tuple[str, str]]:
        """Return the (role, text) messages of a recorded call, as they were sent."""
        with Memory.open(self._path, create=False, read_only=True) as memory:
            return memory.rendered(call)


class Replay:
    """Stands in a model's place: a recording, and what goes on where it does not answer.

    goes_on: whether `live` does; where not, the run stops there. `live` is None for the offline twins.
    """

    def __init__(
        self,
        recording: Recording,
        live: ModelClient | None = None,
        *,
        goes_on: bool = False,
        noted: Callable[[str], None] = lambda note: None,
    ) -> None:
        self.recording = recording
        self.live = live
        self.goes_on = goes_on
        self._noted = noted
        self._has_left = False

    @property
    def name(self) -> str:
        """Return the name under which replayed calls are stored."""
        return f"{REPLAYED}{self.recording.run.run_id}"

    def leave(self, key: CallKey, messages: Messages, schema_digest: str) -> None:
        """Tell that the recording does not answer this call, once, with the lines that differ.

        Raises: Diverged, naming the call, when nothing goes on in its place.
        """
        run = self.recording.run
        place = f"round {key.round} {key.role}"
        place += f", retry {key.attempt}" if key.attempt else ""
        place += f", repair {key.turn}" if key.turn else ""
        recorded = next((row for row in self.recording.turns(key) if row.turn == key.turn), None)
        shown: list[str] = []
        if recorded is None:
            why = f"run {run.run_id} has no such call; it ended with: {run.stop_reason or run.state}"
        elif recorded.schema_digest != schema_digest:
            why = (
                f"the form of its reply is not the one of run {run.run_id}: its space or its settings are others, "
                "or it was recorded by an earlier version of Navarch"
            )
        else:
            where, shown = self._difference(recorded, messages)
            why = f"its prompt is not the one of run {run.run_id}: {where}"
        if not self._has_left and shown:
            self._noted("\n".join([f"{place}, recorded (-) and now (+):", *shown]))
        if not self.goes_on:
            raise Diverged(
                f"{place}: {why}; undo what was changed, or let a model go on from there: "
                f"--model {self.name},openai:NAME"
            )
        if not self._has_left:
            live = "offline" if self.live is None else self.live.name
            self._noted(f"{place}: {why}; {live} answers from here on what is not recorded")
        self._has_left = True

    def _difference(self, recorded: CallRow, messages: Messages) -> tuple[str, list[str]]:
        """Say where the messages of a call first differ from the recorded ones, and show the lines."""
        was = self.recording.messages(recorded)
        for number, ((_, before), message) in enumerate(zip(was, messages, strict=False), start=1):
            now = clean_text(message.text, cap=MESSAGE_CAP)
            if before != now:
                line, shown = changed_lines(before, now)
                return f"line {line} of message {number} ({message.role}) differs", shown
        return f"it has {len(messages)} messages, not {len(was)}", []


def is_same(recorded: CallRow, messages: Messages, schema_digest: str) -> bool:
    """Return whether a recorded call was asked in these words, for a reply of this form."""
    return (recorded.render_digest, recorded.schema_digest) == (render_digest(messages), schema_digest)


def outcome_of(call: CallRow, text: Callable[[str], str]) -> dict[str, Any]:
    """Return how a call ended, as `Memory.settle_call` takes it; `text` reads what its digests name."""
    return {
        "state": call.state,
        "reply": None if call.reply is None else text(call.reply),
        "reasoning": None if call.reasoning is None else text(call.reasoning),
        "parsed": call.parsed,
        "error": call.error,
        "reply_error": call.reply_error,
        "attempts": call.attempts,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cached_tokens": call.cached_tokens,
    }


def changed_lines(before: str, now: str) -> tuple[int, list[str]]:
    """Return the first changed line's number in `now`, from 1, and the changed lines, marked - and +, cut short."""
    old, new = before.splitlines(), now.splitlines()
    first, shown = 1 + min(len(old), len(new)), list(_changes(old, new))
    for number, (was, is_now) in enumerate(zip(old, new, strict=False), start=1):
        if was != is_now:
            first = number
            break
    more = len(shown) - SHOWN_LINES
    return first, shown[:SHOWN_LINES] + ([f"... and {more} more lines"] if more > 0 else [])


def _changes(old: list[str], new: list[str]) -> Iterator[str]:
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from (f"- {line[:SHOWN_CHARACTERS]}" for line in old[i:j])
            yield from (f"+ {line[:SHOWN_CHARACTERS]}" for line in new[k:m])
