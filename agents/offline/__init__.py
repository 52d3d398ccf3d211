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
from navarch.agents.offline.outlook import Canonical
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
    "make_twins",
]


class OfflineTwin(Protocol):
    """What the twins have in common; the view's type is the role's own."""

    def act(self, view: Any, rng: random.Random) -> Reply:
        """Return the role's reply; the same view and random state give the same reply."""
        ...


def make_twins(phrase: Phrase, canonical: Canonical = lambda values: values) -> dict[str, OfflineTwin]:
    """Return the twins by the prompt that a model reads.

    phrase: renders their sentences from prompt files. canonical: what architectures that compute the same have in
    common; a classical searcher is told it as well.
    """
    return {
        "navigator": OfflineNavigator(phrase, canonical),
        "generator": OfflineGenerator(phrase, canonical),
        "critic": OfflineCritic(phrase, canonical),
        "distiller": OfflineDistiller(phrase),
        "collm-nas/navigator": OfflineCollmNavigator(phrase, canonical),
        "collm-nas/generator": OfflineCollmGenerator(phrase),
        "seki/self-evolution": OfflineEvolver(phrase),
        "seki/patterns": OfflinePatterns(phrase),
        "seki/inspiration": OfflineInspired(phrase),
    }
