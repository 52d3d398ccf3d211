"""How a twin gets its sentences: a renderer of prompt files, so that no text of a reply stands in Python."""

from collections.abc import Callable, Mapping
from typing import Any

Phrase = Callable[[str, Mapping[str, Any]], str]

LINE_LIMIT = 400


def render_line(phrase: Phrase, name: str, data: Mapping[str, Any]) -> str:
    """Return the phrase as a line that every reply accepts: never empty, at most `LINE_LIMIT` characters."""
    text = " ".join(phrase(name, data).split())
    return text[:LINE_LIMIT] or name
