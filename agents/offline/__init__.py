"""Deterministic rule-and-statistics twins of all roles: no key, no model, the same views and replies.

They are not a language model. They see a view and a random generator, nothing else, and know no search space;
all sentences come from prompt files through the `Phrase` they are given.
"""

import random
from typing import Any, Protocol

from navarch.agents.offline.collm import OfflineCollmGenerator, OfflineCollmNavigator
from navarch.agents.offline.critic import OfflineCritic
from navarch.agents.offline.distiller import OfflineDistiller
from navarch.agents.offline.generator import OfflineGenerator
from navarch.agents.offline.navigator import OfflineNavigator
from navarch.agents.offline.outlook import UNKNOWN, Traits
from navarch.agents.offline.phrase import Phrase
from navarch.agents.offline.seki import OfflineEvolver, OfflineInspired, OfflinePatterns
from navarch.agents.replies import Reply

__all__ = [
    "OfflineCritic",
    "OfflineDistiller",
    "OfflineGenerator",
    "OfflineNavigator",
    "OfflineTwin",
    "Phrase",
    "Traits",
    "make_twins",
]


class OfflineTwin(Protocol):
    """What the twins have in common; the view's type is the role's own."""

    def act(self, view: Any, rng: random.Random) -> Reply:
        """Return the role's reply; the same view and random state give the same reply."""
        ...


def make_twins(phrase: Phrase, traits: Traits = UNKNOWN) -> dict[str, OfflineTwin]:
    """Return the twins by the prompt that a model reads.

    phrase: renders their sentences from prompt files. traits: what the space says of an architecture.
    """
    return {
        "navigator": OfflineNavigator(phrase, traits),
        "generator": OfflineGenerator(phrase, traits),
        "critic": OfflineCritic(phrase, traits),
        "distiller": OfflineDistiller(phrase),
        "collm-nas/navigator": OfflineCollmNavigator(phrase, traits),
        "collm-nas/generator": OfflineCollmGenerator(phrase),
        "seki/self-evolution": OfflineEvolver(phrase),
        "seki/patterns": OfflinePatterns(phrase),
        "seki/inspiration": OfflineInspired(phrase),
    }
