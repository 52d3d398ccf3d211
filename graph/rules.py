"""What a workflow makes of a round: how much is proposed and tried, what is refused, when the rounds are over."""

from dataclasses import dataclass

from navarch import NavarchError
from navarch.graph.settings import Settings
from navarch.graph.workflows import get_workflow

WHOLE_BATCH = 64  # more than any reply holds
OFFLINE_TRIALS = 2  # offline roles cost no money: short rounds, because every result teaches them something

SEEDLESS = {
    "table": "a table says the same for every seed",
    "supernet": "of shared weights a seed changes only which images set the normalisations",
}
"""The evaluators that train nothing, and what a seed is to them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The shape of a workflow's rounds, a function of the settings alone."""

    proposals: int  # asked of the Generator per call
    trials: int  # evaluated per round, at most
    enough: int  # candidates that make another attempt needless
    retries: int  # times that the Generator is asked again in a round, with the reasons of refusals
    fills: bool  # what is still missing after the last attempt is drawn at random
    filters: bool  # what is over a limit is refused before it costs anything
    rounds: int | None  # how many there are, where the workflow says so
    empty_rounds: int | None  # in a row without a new trial, they end the search

    def most_rounds(self, trials: int) -> int:
        """Return a bound on the rounds that a budget of `trials` can need."""
        bound = (trials + 1) * (self.empty_rounds or 1)
        return bound if self.rounds is None else min(bound, self.rounds)


def rules_of(settings: Settings) -> Rules:
    """Return the rules of the workflow that the settings name."""
    search = settings.search
    if settings.workflow == "collm-nas":
        own = settings.collm
        return Rules(
            proposals=own.proposals,
            trials=WHOLE_BATCH,
            enough=own.proposals,
            retries=search.retries if own.report_refused else 0,
            fills=False,
            filters=False,
            rounds=own.rounds,
            empty_rounds=own.empty_rounds,
        )
    if settings.workflow == "seki":
        return Rules(
            proposals=1,
            trials=1,
            enough=1,
            retries=search.retries if settings.seki.refused == "again" else 0,
            fills=False,
            filters=True,
            rounds=settings.budget.trials,
            empty_rounds=None,
        )
    workflow = get_workflow(settings.workflow)
    trials = most_per_round(settings)
    if workflow.schedule is not None:
        is_planned = workflow.schedule == "halving"
        return Rules(
            proposals=0,
            trials=settings.budget.trials if is_planned else trials,
            enough=0,
            retries=0,
            fills=False,
            filters=True,
            rounds=len(search.rungs) if is_planned and search.rungs else None,
            empty_rounds=1,
        )
    return Rules(
        proposals=_proposals(settings, trials),
        trials=trials,
        enough=trials,
        retries=search.retries,
        fills=True,
        filters=True,
        rounds=None,
        empty_rounds=1,
    )


def refuse_seedless(settings: Settings) -> None:
    """Raise NavarchError for a confirmation on fresh seeds that would change nothing."""
    if settings.confirm.top and settings.evaluator in SEEDLESS:
        raise NavarchError(
            f"confirm.top is {settings.confirm.top}, and {SEEDLESS[settings.evaluator]}: there is no noise of "
            "training to measure; leave it out"
        )


def _proposals(settings: Settings, trials: int) -> int:
    """Return how many the Generator is asked for; the offline one for no more than are tried where none is chosen.

    Its batch goes from small changes to new ground, and without a Critic the first ones are tried.
    """
    is_offline = settings.model_of("generator") == "offline"
    if settings.search.proposals is None and is_offline and "critic" in settings.without:
        return trials
    return settings.proposals_per_call


def most_per_round(settings: Settings) -> int:
    """Return how many trials a full round holds: the setting, or the workflow's own number."""
    if settings.search.trials_per_round is not None:
        return settings.search.trials_per_round
    own = get_workflow(settings.workflow).trials_per_round
    return max(OFFLINE_TRIALS, settings.slots) if settings.is_offline_navarch else own


def round_sizes(settings: Settings) -> dict[str, int | None]:
    """Return the settings of the search that say how large rounds are, the workflow's own defaults filled in."""
    return {
        "proposals": rules_of(settings).proposals or None,
        "trials_per_round": most_per_round(settings),
        "grow_every": settings.grow_every,
    }


def trials_after(settings: Settings, done: int) -> int:
    """Return how many trials the next round holds at most; growing rounds start at what the evaluator runs at once."""
    most, every = rules_of(settings).trials, settings.grow_every
    return most if every == 0 else min(most, max(settings.slots, 1 + done // every))
