"""The searchers by name; each is imported when it is made, so that nobody waits for numpy in vain."""

from dataclasses import dataclass
from typing import Literal

from navarch import NavarchError
from navarch.agents.classical.searcher import Searcher

NAMES = ("random", "evolution", "local-search", "local-search-seeded", "gp", "bananas", "tpe")


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of the searchers; each takes what it knows."""

    population: int = 10
    sample: int = 3
    improvement: Literal["first", "best"] = "first"
    startup: int = 10


def make_searcher(name: str, options: Options) -> Searcher:
    """Return a new searcher. Raises: NavarchError listing the known ones."""
    if name == "random":
        from navarch.agents.classical.random import RandomSearch

        return RandomSearch()
    if name == "evolution":
        from navarch.agents.classical.evolution import RegularizedEvolution

        return RegularizedEvolution(options.population, options.sample)
    if name in ("local-search", "local-search-seeded"):
        from navarch.agents.classical.local_search import LocalSearch

        return LocalSearch(options.improvement, seeded=name == "local-search-seeded")
    return _make_model_based(name, options)


def _make_model_based(name: str, options: Options) -> Searcher:
    if name == "gp":
        from navarch.agents.classical.gp import GaussianProcess

        return GaussianProcess(options.startup)
    if name == "bananas":
        from navarch.agents.classical.bananas import Bananas

        return Bananas(options.startup)
    if name == "tpe":
        try:
            from navarch.agents.classical.tpe import TreeParzen
        except ModuleNotFoundError:
            raise NavarchError(
                "the searcher 'tpe' is Optuna's, which is not installed: pip install 'navarch[tpe]', "
                "or use --workflow gp"
            ) from None

        return TreeParzen(options.startup)
    raise NavarchError(f"unknown searcher {name!r}: use one of {', '.join(NAMES)}")
