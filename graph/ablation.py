"""Ablations: which roles take part in a run, and what those that do remember of earlier rounds.

In `navarch` no memory means that no role sees a trial or a lesson of an earlier round. In `collm-nas` memory is a
role's conversation: without it a role starts afresh, and the Navigator is told of the last round and the best all the
same. What is known is refused in every case: the validator forgets nothing.
"""

from navarch import NavarchError
from navarch.graph.settings import RoleName, Settings


def left_out(settings: Settings) -> tuple[RoleName, ...]:
    """Return the roles that do not take part: those named, and the Distiller where nobody would see its lessons."""
    if settings.workflow == "navarch" and settings.search.memory == "none":
        return tuple(dict.fromkeys((*settings.without, "distiller")))
    return settings.without


def forget(settings: Settings) -> Settings:
    """Return the settings with the memory of all roles off. Raises: NavarchError if the workflow cannot do without."""
    if settings.workflow == "navarch":
        search = settings.search.model_copy(update={"memory": "none"})
        return settings.model_copy(update={"search": search})
    if settings.workflow == "collm-nas":
        collm = settings.collm.model_copy(update={"memory": "neither"})
        return settings.model_copy(update={"collm": collm})
    raise NavarchError(
        f"--no-memory: in workflow {settings.workflow!r} there is no memory of roles that could be switched off; "
        "in navarch and collm-nas there is"
    )


def turns_of(settings: Settings, role: RoleName) -> int | None:
    """Return how many rounds of its conversation a role of `collm-nas` is sent again; None for all."""
    return settings.collm.turns if settings.collm.memory in (role, "both") else 0
