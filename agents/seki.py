"""The roles of `seki`: a Generator that betters one architecture, a Distiller that names what good ones share.

All are stateless. Self-evolution sees the task, the space and the current architecture with its score; inspiration sees
the task, the space and a few good architectures, of which the Distiller first says what they have in common.
"""

from dataclasses import dataclass

from navarch.agents.recall import Recall
from navarch.agents.replies import Evolution, Patterns, Proposal
from navarch.agents.roles import Role
from navarch.agents.views import Mission, ProblemView, SpaceView, TrialView, View

EVOLVER: Role[Evolution] = Role("generator", "seki/self-evolution", Evolution, stateful=False)
DISTILLER: Role[Patterns] = Role("distiller", "seki/patterns", Patterns, stateful=False)
INSPIRED: Role[Proposal] = Role("generator", "seki/inspiration", Proposal, stateful=False)


@dataclass(frozen=True, slots=True)
class EvolutionView(View):
    """Self-evolution: the current architecture with its score; None if nothing could be measured yet."""

    mission: Mission
    space: SpaceView
    current: TrialView | None
    refused: tuple[ProblemView, ...]


@dataclass(frozen=True, slots=True)
class PatternsView(View):
    """What the Distiller compares: the trials that were drawn from the best."""

    mission: Mission
    space: SpaceView
    drawn: tuple[TrialView, ...]


@dataclass(frozen=True, slots=True)
class InspirationView(View):
    """The same trials and what the Distiller found in them."""

    mission: Mission
    space: SpaceView
    drawn: tuple[TrialView, ...]
    patterns: tuple[str, ...]
    refused: tuple[ProblemView, ...]


def evolution_view(recall: Recall, round: int, attempt: int, current: TrialView | None) -> EvolutionView:
    """Return what self-evolution sees in `round`."""
    mission = recall.mission(round, recall.finished.before(round))
    return EvolutionView(mission, recall.space_view, current, recall.refused(round, attempt))


def patterns_view(recall: Recall, round: int, drawn: tuple[TrialView, ...]) -> PatternsView:
    """Return what the Distiller sees in `round`."""
    mission = recall.mission(round, recall.finished.before(round))
    return PatternsView(mission, recall.space_view, drawn)


def inspiration_view(
    recall: Recall, round: int, attempt: int, drawn: tuple[TrialView, ...]
) -> InspirationView:
    """Return what the Generator sees once the Distiller of `round` has spoken."""
    mission = recall.mission(round, recall.finished.before(round))
    patterns = tuple(recall.direction(round).get("patterns", ()))
    return InspirationView(mission, recall.space_view, drawn, patterns, recall.refused(round, attempt))
