"""The four roles: a name, a prompt file, a reply type, and whether the role remembers its earlier turns."""

import random
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from navarch.agents.replies import Direction, Lessons, Proposals, Reply, Verdicts

R = TypeVar("R", bound=Reply)


@dataclass(frozen=True, slots=True)
class Role(Generic[R]):
    """One role.

    A stateful role's conversation goes on through the run; a stateless one starts afresh each time. `turns` is how
    many rounds of it are sent again, None for all. A conversation that has grown by more than `room` characters since
    it was opened begins anew, with what was learnt summed up; None is no bound. Two roles may share a name, not a
    prompt.
    """

    name: str
    prompt: str
    reply_type: type[R]
    stateful: bool
    turns: int | None = None
    room: int | None = None


NAVIGATOR: Role[Direction] = Role("navigator", "navigator", Direction, stateful=False)
GENERATOR: Role[Proposals] = Role("generator", "generator", Proposals, stateful=False)
CRITIC: Role[Verdicts] = Role("critic", "critic", Verdicts, stateful=False)
DISTILLER: Role[Lessons] = Role("distiller", "distiller", Lessons, stateful=False)

ROLES: tuple[Role[Any], ...] = (NAVIGATOR, GENERATOR, CRITIC, DISTILLER)


class Twin(Protocol):
    """The offline twin of a role: rules and statistics over the same view, the same type of reply."""

    def act(self, view: Any, rng: random.Random) -> Reply:
        """Return the reply to a view; the same view and random state give the same reply."""
        ...
