"""Money: what a run's calls cost at the prices that its settings state, and the refusal to spend without knowing."""

from collections.abc import Iterable

from navarch import NavarchError
from navarch.agents.model import parse_replay
from navarch.graph.settings import Settings
from navarch.memory import Memory, Prices


def prices_of(settings: Settings) -> Prices | None:
    """Return the prices of a run's model calls, None where none is stated.

    Raises: NavarchError where only one of the two is.
    """
    server = settings.server
    if server.price_input is None and server.price_output is None:
        return None
    if server.price_input is None or server.price_output is None:
        known, missing = ("input", "output") if server.price_output is None else ("output", "input")
        raise NavarchError(
            f"server.price_{known} is set and server.price_{missing} is not: set both, per million tokens"
        )
    return Prices(server.price_input, server.price_output)


def refuse_unknown_prices(settings: Settings, models: Iterable[str]) -> None:
    """Raise NavarchError for a limit on money where a model is called and its prices are not stated."""
    prices = prices_of(settings)
    paid = sorted({called for name in models if (called := _called(name)) not in (None, "offline")}, key=str)
    if settings.budget.money is not None and paid and prices is None:
        raise NavarchError(
            f"budget.money is {settings.budget.money:g}, and the price of {paid[0]!r} is not known: set "
            "server.price_input and server.price_output, per million tokens"
        )


def _called(name: str) -> str | None:
    """Return the model that is called by a model name; a recording calls none, unless it goes on with one."""
    replayed = parse_replay(name)
    return name if replayed is None else replayed.live


def money_of(memory: Memory, run_id: str, settings: Settings) -> float | None:
    """Return what a run's calls have cost, in the currency of its prices; None where no price is stated.

    What earlier runs answered cost nothing, though it counts towards `budget.money`, so that a replay ends where its
    recording did.
    """
    prices = prices_of(settings)
    if prices is None:
        return None
    return memory.money(run_id, prices) - memory.money(run_id, prices, free=True)
