"""What the memory gives back: one frozen dataclass a table, its fields the columns, JSON already read.

Lists and objects in a row are plain data; treat them as read-only.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from navarch.memory.text import canonical_json, text_digest

RunState = Literal["running", "finishing", "stopped", "finished", "failed"]
RoundState = Literal["open", "closed"]
TrialState = Literal["waiting", "running", "complete", "pruned", "failed"]
FinishedState = Literal["complete", "pruned", "failed"]
ProposalStatus = Literal["proposed", "valid", "invalid", "duplicate", "vetoed", "unselected", "selected"]
CANDIDATE: tuple[ProposalStatus, ...] = ("valid", "selected", "unselected", "vetoed")
"""What a proposal is that was legal and new, tried or not."""

REPEATS = 0
"""The round of repeats: trials of known architectures on other seeds, which no round of the search made."""

CallState = Literal["reserved", "ok", "bad-reply", "error"]
SettledState = Literal["ok", "bad-reply", "error"]
CallSource = Literal["model", "offline", "fallback"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One search: what was asked for, how far it is, and how often it was started (`segments`)."""

    run_id: str
    workflow: str
    space: str
    task: str
    task_digest: str
    evaluator: str
    seed: int
    settings: dict[str, Any]
    version: str
    state: RunState
    stop_reason: str | None
    stop_requested: int
    segments: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One pass through the graph; `best` is the run's best validation accuracy (percent) at its end."""

    run_id: str
    round: int
    state: RoundState
    new_trials: int
    best: float | None
    started_at: str
    ended_at: str | None


@dataclass(frozen=True, slots=True)
class CallRow:
    """One model call. `messages` are (role, text digest) pairs; `tries` counts interrupted ones too.

    `lost_tokens` are the reservations of tries that a crash interrupted: spent, as far as anyone knows.
    `cached_tokens` are the input tokens that the server had in its prompt cache, None where it does not say.
    `attempts` are the requests that the last try sent (`attempt` is the role's, a part of the key).
    `error` is for people; `reply_error` is what a repair turn says of a bad reply, as plain data.
    """

    call_id: str
    run_id: str
    round: int
    role: str
    attempt: int
    turn: int
    model: str
    prompt: str
    prompt_digest: str
    prompt_version: str
    messages: list[tuple[str, str]]
    schema_digest: str
    state: CallState
    source: CallSource
    reply: str | None
    reasoning: str | None
    parsed: Any
    error: str | None
    reply_error: dict[str, Any] | None
    reserved_tokens: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    tries: int
    lost_tokens: int
    attempts: int
    latency_s: float | None
    started_at: str
    ended_at: str | None

    @property
    def render_digest(self) -> str:
        """The sha256 of the rendered prompt, as `render_digest` gives it of messages."""
        return text_digest(canonical_json(self.messages))


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """What a Generator emitted, also when it was refused: `problems` and `verdict` say why."""

    proposal_id: str
    run_id: str
    round: int
    attempt: int
    position: int
    call_id: str | None
    origin: str
    raw: str
    architecture: dict[str, str] | None
    code: str | None
    digest: str | None
    why: str
    status: ProposalStatus
    problems: list[Any]
    verdict: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One candidate at one fidelity (canonical JSON text) and seed. `val_accuracy` in percent."""

    trial_id: str
    run_id: str
    number: int
    round: int
    proposal_id: str | None
    space: str
    architecture: dict[str, str]
    code: str
    genotype: str
    digest: str
    task: str
    task_digest: str
    fidelity: str
    seed: int
    state: TrialState
    reason: str | None
    detail: str
    val_accuracy: float | None
    objectives: dict[str, float]
    params: int
    macs: int
    curve: list[Any]
    cost: dict[str, Any]
    train_seconds: float
    reused_from: str | None
    starts: int
    created_at: str
    finished_at: str | None
    feedback: dict[str, Any] | None
    row_digest: str | None
    feedback_digest: str | None

    @property
    def epochs(self) -> int:
        """The epochs of its fidelity."""
        return int(json.loads(self.fidelity)["epochs"])

    @property
    def own_epochs(self) -> int:
        """The epochs that it trained itself once complete: fewer than `epochs` where it went on from weights."""
        return self.epochs - int(self.cost.get("start_epochs", 0))

    @property
    def own_share(self) -> float:
        """The share of its epochs that it trained itself once complete."""
        return self.own_epochs / self.epochs

    @property
    def is_finished(self) -> bool:
        """Whether the trial has its outcome, which never changes again."""
        return self.state in ("complete", "pruned", "failed")


@dataclass(frozen=True, slots=True)
class LessonRow:
    """What the Distiller kept, with the numbers of the run's trials for and against it."""

    lesson_id: str
    run_id: str
    number: int
    round: int
    statement: str
    dimension: str | None
    option: str | None
    effect: str
    supports: list[int]
    contradicts: list[int]
    state: Literal["active", "retired"]
    retired_round: int | None


@dataclass(frozen=True, slots=True)
class TestScoreRow:
    """The sealed test split's answer for the run's best trial, read once. Percent and seconds."""

    __test__ = False  # not a test class, whatever its name says to pytest

    run_id: str
    trial_id: str
    accuracy: float
    val_accuracy: float
    seconds: float
    created_at: str


@dataclass(frozen=True, slots=True)
class Spent:
    """A run's ledger. `trials` of the search finished, `reused` of them not trained; calls and tokens of models only.

    `repeats` are finished too, and no trials of the search; `train_seconds` are of both, `repeat_seconds` of repeats.
    `calls` counts every request: retries inside a call, and one for each try that a crash interrupted.
    `free_calls` and `free_tokens` of them are answers of an earlier run: counted like it, but nothing was sent.
    `cached_tokens` of the input were in the server's prompt cache, as far as it says.
    """

    trials: int
    reused: int
    waiting: int
    running: int
    calls: int
    tokens: int
    train_seconds: float
    free_calls: int = 0
    free_tokens: int = 0
    cached_tokens: int = 0
    repeats: int = 0
    repeat_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ReplySources:
    """How many of a run's replies each source gave; `fallback` are the offline twins in a model's place.

    `last_error` is what the model did just before the last fallback, in words for a person.
    """

    model: int
    offline: int
    fallback: int
    last_error: str | None

    @property
    def total(self) -> int:
        """All replies of the run."""
        return self.model + self.offline + self.fallback
