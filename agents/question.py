"""One question to a role: fixed while its turns go on; and what it may cost."""

import hashlib
import random
from dataclasses import dataclass
from typing import Generic

from navarch.agents.conversation import Messages, compact
from navarch.agents.roles import R, Role
from navarch.agents.views import View
from navarch.memory import CallKey, CallLimit, Memory
from navarch.prompts import Rendered

DEFAULT_MAX_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Question(Generic[R]):
    """What a role is asked, where in the run, and the messages that open it."""

    role: Role[R]
    view: View
    run_id: str
    round: int
    attempt: int
    seed: int
    prompt: Rendered
    messages: Messages

    def key(self, turn: int) -> CallKey:
        """Return the key of one of its calls."""
        return CallKey(self.run_id, self.round, self.role.name, self.attempt, turn)

    def make_rng(self) -> random.Random:
        """Return a random state that depends on the question alone, so that a resumed run draws the same."""
        place = compact([self.seed, self.role.name, self.round, self.attempt])
        return random.Random(int.from_bytes(hashlib.sha256(place.encode()).digest()))


def worst_case(messages: Messages, prompt: Rendered) -> int:
    """Return an upper estimate of a call's tokens.

    No usual tokenizer needs more than one for two bytes of our text.
    """
    sent = sum(len(message.text.encode("utf-8", "replace")) // 2 + 8 for message in messages)
    return sent + (prompt.sampling.max_tokens or DEFAULT_MAX_TOKENS)


def requests_left(memory: Memory, run_id: str, limit: CallLimit | None) -> int | None:
    """Return how many requests a limit on calls leaves for the call that is reserved; None without such a limit."""
    if limit is None or limit.max_calls is None:
        return None
    return limit.max_calls - memory.spent(run_id).calls + 1
