"""The noise of a setting, measured and remembered: a run of repeats alone, and what all stored repeats say."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from navarch import NavarchError
from navarch.agents.model import parse_replay
from navarch.evaluation import ENOUGH_FREEDOM, Noise, measure_noise
from navarch.graph.rules import SEEDLESS
from navarch.graph.settings import Settings
from navarch.memory import Memory, TrialRow
from navarch.spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    from navarch.graph.assemble import RunParts

NOISE = "noise"
"""What stands in the place of a workflow in a run that measures noise."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """One architecture with its validation accuracies under fresh seeds, percent, in the order of seeds."""

    code: str
    digest: str
    accuracies: tuple[float, ...]


def known_repeats(memory: Memory, space: str, task_digest: str, fidelity: str) -> list[Repeated]:
    """Return what all runs of a memory have repeated on a space, task and fidelity, two seeds or more of each."""
    rows = memory.all_repeats(space=space, task_digest=task_digest, fidelity=fidelity)
    return [one for one in grouped(rows) if len(one.accuracies) > 1]


def grouped(rows: Iterable[TrialRow]) -> list[Repeated]:
    """Return repeats by architecture, the incomplete ones left out."""
    of_digest: dict[str, list[TrialRow]] = {}
    for row in rows:
        if row.val_accuracy is not None:
            of_digest.setdefault(row.digest, []).append(row)
    return [
        Repeated(
            same[0].code, digest, tuple(row.val_accuracy for row in same if row.val_accuracy is not None)
        )
        for digest, same in of_digest.items()
    ]


def noise_of(repeats: Iterable[Repeated]) -> Noise | None:
    """Return the deviation between seeds; None where too little was repeated to tell.

    An architecture that every seed gave the same, such as one at chance, says nothing of the others: it is left out.
    """
    found = measure_noise([one.accuracies for one in repeats if len(set(one.accuracies)) > 1])
    return found if found is not None and found.freedom >= ENOUGH_FREEDOM else None


def with_noise(memory: Memory, settings: Settings, parts: "RunParts") -> Settings:
    """Return settings that say what the memory knows of the noise now, so that a run keeps to one figure.

    A recording is answered with what it knew: its prompts would not be the same with more.
    """
    is_replay = any(parse_replay(name) is not None for name in parts.models.values())
    if settings.confirm.noise is not None or settings.evaluator in SEEDLESS or is_replay:
        return settings
    name, task = parts.space.origin.name, parts.task.digest
    found = noise_of(known_repeats(memory, name, task, parts.fidelity.key()))
    if found is None:
        return settings
    known = {"noise": round(found.deviation, 4)}
    return settings.model_copy(update={"confirm": settings.confirm.model_copy(update=known)})


def of_repeats(settings: Settings) -> Settings:
    """Return the settings of a run of repeats alone: what a settings file says of a search has no part in it."""
    default = Settings()
    search = {name: getattr(default, name) for name in ("obfuscate", "without", "proxies", "seki")}
    confirm = settings.confirm.model_copy(update={"top": 0})
    return settings.model_copy(update={**search, "workflow": "random", "confirm": confirm})


def check_noise(settings: Settings, seeds: int) -> None:
    """Raise NavarchError where there is no noise to measure."""
    if settings.evaluator in SEEDLESS:
        raise NavarchError(
            f"{SEEDLESS[settings.evaluator]}: there is no noise of training to measure; use "
            "--evaluator train or callable"
        )
    if seeds < ENOUGH_FREEDOM + 1:
        raise NavarchError(f"--seeds {seeds}: a deviation needs at least {ENOUGH_FREEDOM + 1}")


def chosen(space: SearchSpace, codes: Sequence[str], seed: int) -> list[Architecture]:
    """Return the architectures to repeat: those of the codes, else the prior of the space, else one drawn by the seed.

    Raises: NavarchError for a code that is none of the space, and for one architecture twice.
    """
    if not codes:
        return [space.prior or space.sample(random.Random(seed))]
    named = {code: space.canonical(space.parse(code)) for code in codes}
    twice = [code for code, one in named.items() if list(named.values()).count(one) > 1]
    if len(named) < len(codes) or twice:
        raise NavarchError(
            f"--arch names one architecture twice: {', '.join(twice or codes)}; name each once"
        )
    return [space.parse(code) for code in codes]
