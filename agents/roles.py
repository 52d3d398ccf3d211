"""The four roles: a name, a prompt file, a reply type, and whether the role remembers its earlier turns."""

import random
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from navarch.agents.replies import Direction, Lessons, Proposals, Reply, Verdicts

R = TypeVar("R", bound=Reply)

TURNS_KEPT = 12  # rounds of a stateful role's conversation
ROOM = 2_000  # characters of a conversation, about 700 tokens, after which it begins anew


@dataclass(frozen=True, slots=True)
class Role(Generic[R]):
    """One role.

    A stateful role's conversation goes on through the run; a stateless one starts afresh each time. `turns` is how
    many rounds of it are sent again, None for all. A conversation longer than `room` characters begins anew, with what
    was learnt summed up; None is no bound. So the prompt stays short, and most of it is what was sent before. Two roles
    may share a name, not a prompt.
    """

    name: str
    prompt: str
    reply_type: type[R]
    stateful: bool
    turns: int | None = TURNS_KEPT
    room: int | None = ROOM


NAVIGATOR: Role[Direction] = Role("navigator", "navigator", Direction, stateful=True)
GENERATOR: Role[Proposals] = Role("generator", "generator", Proposals, stateful=False)
CRITIC: Role[Verdicts] = Role("critic", "critic", Verdicts, stateful=False)
DISTILLER: Role[Lessons] = Role("distiller", "distiller", Lessons, stateful=False)

ROLES: tuple[Role[Any], ...] = (NAVIGATOR, GENERATOR, CRITIC, DISTILLER)


class Twin(Protocol):
    """The offline twin of a role: rules and statistics over the same view, the same type of reply."""

    def act(self, view: Any, rng: random.Random) -> Reply:
        """Return the reply to a view; the same view and random state give the same reply."""
        ...
