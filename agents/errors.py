"""What can go wrong between a prompt and a typed reply: the call failed, or the reply cannot be used."""

from typing import Literal

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


class ModelError(NavarchError):
    """A model call that gave no completion. The text names the server's host and what to do, never a key."""

    def __init__(
        self,
        kind: ModelErrorKind,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class ReplyError(NavarchError):
    """A reply that is not of its type. The text is short and exact, so that a repair turn can quote it."""
