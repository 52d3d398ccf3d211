"""The two roles of `collm-nas`: a Navigator that remembers, and a Generator that sees its words alone.

The Navigator's view is that of the combined workflow, without what only other roles bring: lessons and refusals.
Its prompt may use the new results and the best of all; what came before stands in its conversation, and when that has
grown long and begins anew, in the trials that sum it up and in what it said last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from navarch.agents.recall import Recall
from navarch.agents.replies import Proposals, Strategy
from navarch.agents.roles import Role
from navarch.agents.views import NavigatorView, ProblemView, SpaceView, View

NAVIGATOR: Role[Strategy] = Role("navigator", "collm-nas/navigator", Strategy, stateful=True)
GENERATOR: Role[Proposals] = Role("generator", "collm-nas/generator", Proposals, stateful=False)


@dataclass(frozen=True, slots=True)
class StrategyView(View):
    """All that the Generator sees: the space, the current strategy, how many to propose; refusals if told of them."""

    space: SpaceView
    strategy: Mapping[str, Any]
    count: int
    refused: tuple[ProblemView, ...]


def navigator_view(recall: Recall, round: int, *, remembers: bool = True) -> NavigatorView:
    """Return what the Navigator sees at the start of `round`; without a memory the last round and the best alone."""
    view = replace(recall.navigator(round), lessons=(), refused={})
    return view if remembers else replace(view, digest=(), said={})


def generator_view(recall: Recall, round: int, attempt: int, count: int) -> StrategyView:
    """Return what the Generator sees; refusals of earlier attempts exist only where they are reported."""
    return StrategyView(recall.space_view, recall.direction(round), count, recall.refused(round, attempt))
