"""What the memory takes in where a call would need too many arguments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

from navarch.memory.rows import ProposalStatus


@dataclass(frozen=True, slots=True)
class NewProposal:
    """One item of a Generator's reply as it came, unchecked: `raw` is JSON text, stored whole."""

    position: int
    origin: str
    raw: str
    why: str = ""
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProposalUpdate:
    """What the validator or the Critic made of a proposal; what is None stays as it is stored.

    is_whole: what was proposed says the same as `architecture`, and need not be stored twice.
    """

    proposal_id: str
    status: ProposalStatus
    architecture: Mapping[str, str] | None = None
    code: str | None = None
    digest: str | None = None
    is_whole: bool = False
    problems: Sequence[Any] | None = None
    verdict: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A candidate to be tried. `params` and `macs` are the space's exact figures; `fidelity` data or JSON."""

    space: str
    architecture: Mapping[str, str]
    code: str
    genotype: str
    digest: str
    task: str
    task_digest: str
    fidelity: Mapping[str, Any] | str
    seed: int
    params: int
    macs: int
    proposal_id: str | None = None


class Asked(TypedDict):
    """What a call asks, of whom, and with which prompt file; `messages` are (role, text) pairs as sent."""

    model: str
    prompt: str
    prompt_digest: str
    prompt_version: str
    messages: Sequence[tuple[str, str]]
    schema_digest: str


@dataclass(frozen=True, slots=True)
class CallKey:
    """Where a call stands in a run: written twice, it is the same call."""

    run_id: str
    round: int
    role: str
    attempt: int = 0
    turn: int = 0

    @property
    def call_id(self) -> str:
        """The key as one readable text, e.g. "demo/r2.generator.1.0"."""
        return f"{self.run_id}/r{self.round}.{self.role}.{self.attempt}.{self.turn}"


class Prices(NamedTuple):
    """What a million input and a million output tokens cost, in one currency."""

    input: float
    output: float

    def most(self, tokens: int) -> float:
        """Return what tokens cost whose kind is not known: all of the dearer kind."""
        return tokens * max(self) / 1e6


@dataclass(frozen=True, slots=True)
class CallLimit:
    """The most calls, tokens and money that a run may spend on models; None is no limit. Money needs prices."""

    max_calls: int | None = None
    max_tokens: int | None = None
    max_money: float | None = None
    prices: Prices | None = None
