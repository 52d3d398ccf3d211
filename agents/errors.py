"""What can go wrong between a prompt and a typed reply: the call failed, or the reply cannot be used."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from navarch import NavarchError

ModelErrorKind = Literal[
    "unreachable",  # nothing listens, no such host, TLS refused
    "timeout",
    "auth",
    "unknown-model",
    "bad-request",
    "quota",
    "rate-limit",
    "server",
    "redirect",
    "bad-response",  # the server answered with something that is no completion
    "too-large",
]

# What no repetition cures: seen before anything has worked, it stops the run.
FATAL_KINDS: frozenset[str] = frozenset(
    {"unreachable", "auth", "unknown-model", "bad-request", "quota", "redirect", "bad-response"}
)

# Refused before anything was generated: such a call cost no tokens. After the others the reservation counts as spent.
COSTS_NOTHING: frozenset[str] = frozenset(
    {"unreachable", "auth", "unknown-model", "bad-request", "quota", "rate-limit", "server", "redirect"}
)

ReplyErrorCode = Literal[
    "too-large",  # size: the most kB
    "empty",
    "only-reasoning",
    "no-object",
    "not-closed",  # size: the reply's characters
    "too-many-parts",
    "invalid-json",  # value: the parser's words; line, column
    "not-a-number",  # value: NaN or an infinity
    "too-deep",
    "duplicate-key",  # value: the key
    "wrong-form",  # faults: where, and what; more: whether there are others
]


class ModelError(NavarchError):
    """A model call that gave no completion. The text names the server's host and what to do, never a key.

    `attempts` is how many requests were sent in vain.
    """

    def __init__(
        self,
        kind: ModelErrorKind,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.attempts = attempts


class ReplyFault(NamedTuple):
    """One fault of a reply's form: the place in its data ("" for all of it), and the validator's words."""

    place: str
    message: str


class ReplyError(NavarchError):
    """A reply that is not of its type: a code and plain fields, which `parts/reply-error.md` words for a model.

    The text is for people, in traces. `stopped` is the server's word for why the reply ended early, "" if not.
    """

    def __init__(
        self,
        code: ReplyErrorCode,
        *,
        value: str = "",
        size: int | None = None,
        line: int | None = None,
        column: int | None = None,
        faults: Sequence[ReplyFault] = (),
        more: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.value = value
        self.size = size
        self.line = line
        self.column = column
        self.faults = tuple(faults)
        self.more = more
        self.stopped = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: what a repair turn is rendered from, now or after a resume."""
        return {
            "code": self.code,
            "value": self.value,
            "size": self.size,
            "line": self.line,
            "column": self.column,
            "faults": [fault._asdict() for fault in self.faults],
            "more": self.more,
            "stopped": self.stopped,
        }

    def __str__(self) -> str:
        stopped = f" (the model stopped early: {self.stopped})" if self.stopped else ""
        return self._sentence() + stopped

    def _sentence(self) -> str:
        if self.code == "wrong-form":
            lines = [f"{place or 'the reply'}: {message}" for place, message in self.faults]
            return "; ".join([*lines, "and more"] if self.more else lines)
        return _SENTENCES[self.code].format(**self.as_dict())


_SENTENCES: dict[str, str] = {
    "too-large": "the reply is larger than {size} kB",
    "empty": "the reply is empty",
    "only-reasoning": "the reply is empty after its reasoning",
    "no-object": "there is no JSON object in the reply",
    "not-closed": "the JSON object is not closed: the reply ends after {size} characters",
    "too-many-parts": "the reply has too many parts to be a reply",
    "invalid-json": "invalid JSON: {value} at line {line} column {column}",
    "not-a-number": "invalid JSON: {value} is not a number",
    "too-deep": "invalid JSON: a number is too long or the nesting too deep",
    "duplicate-key": "the key {value!r} is given twice in one object",
}
