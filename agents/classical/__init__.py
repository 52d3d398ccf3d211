"""Classical searchers, which take the Generator's place: data in, architectures out, no model and no database."""

from navarch.agents.classical.making import Options, make_searcher
from navarch.agents.classical.searcher import Asked, History, Searcher, SearcherView, Values, ask

__all__ = ["Asked", "History", "Options", "Searcher", "SearcherView", "Values", "ask", "make_searcher"]
