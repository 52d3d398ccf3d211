"""The views of roles without memory: this round's own business, and nothing that earlier rounds brought."""

from collections.abc import Sequence
from dataclasses import replace

from navarch.agents.recall import REFUSED, Recall
from navarch.agents.views import CandidateView, CriticView, GeneratorView, NavigatorView
from navarch.memory import ProposalRow


class ForgetfulRecall(Recall):
    """Builds the same views with trials, lessons and estimates of earlier rounds left out.

    The number of trials that are done stays: it is the budget, not a result.
    """

    def navigator(self, round: int) -> NavigatorView:
        """Return what the Navigator sees: the mission and the space."""
        view = super().navigator(round)
        empty = replace(view, new=(), top=(), history=(), lessons=())
        return replace(empty, refused={}, rounds_without_gain=0, digest=(), said={})

    def generator(self, round: int, attempt: int) -> GeneratorView:
        """Return what the Generator sees: the direction, and what became of its proposals in this round."""
        accepted = [row.code for row in self._earlier(round, attempt) if row.status not in REFUSED]
        named = tuple(dict.fromkeys(code for code in accepted if code))
        return replace(super().generator(round, attempt), lessons=(), build_on=(), avoid=named, history=())

    def critic(self, round: int, candidates: Sequence[ProposalRow], keep: int | None = None) -> CriticView:
        """Return what the Critic sees: the candidates without estimates, which would rest on trials."""
        view = super().critic(round, candidates, keep)
        return replace(
            view, lessons=(), top=(), history=(), candidates=tuple(map(_without_estimate, view.candidates))
        )


def _without_estimate(candidate: CandidateView) -> CandidateView:
    return replace(candidate, estimate=None, uncertainty=None, nearest=None, nearest_distance=None)
