"""What a template's text depends on: the variables that it reads, field by field where that can be told.

Equal data gives equal text, so that the part of a prompt that does not change from call to call is rendered once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

_UNFOLLOWED = (nodes.Import, nodes.FromImport, nodes.Extends)
_RANDOM = frozenset({"random", "lipsum"})


@dataclass(frozen=True, slots=True)
class Reads:
    """Pairs of a variable and the one field that is read of it, or None for all of it, in a fixed order."""

    places: tuple[tuple[str, str | None], ...]

    def key(self, values: Mapping[str, Any]) -> str:
        """Return a text that is equal where what is read is: type, value and order, of plain data."""
        found = []
        for name, field in self.places:
            value = values.get(name)
            if field is not None and isinstance(value, dict) and field in value:
                found.append((name in values, True, value[field]))
            else:
                found.append((name in values, False, value))
        return json.dumps(found)


def find_reads(trees: Mapping[str, nodes.Template], piece: str) -> Reads | None:
    """Return what a template and what it includes read; None where it cannot be followed, or draws at random."""
    places: set[tuple[str, str | None]] = set()
    seen, waiting = {piece}, [piece]
    while waiting:
        tree = trees.get(waiting.pop())
        if tree is None or next(tree.find_all(_UNFOLLOWED), None) is not None:
            return None
        for filtered in tree.find_all(nodes.Filter):
            if filtered.name in _RANDOM:
                return None
        _note(tree, places)
        for include in tree.find_all(nodes.Include):
            target = include.template
            name = target.value if isinstance(target, nodes.Const) else None
            if not isinstance(name, str):
                return None
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    if any(name in _RANDOM for name, _ in places):
        return None
    return Reads(tuple(sorted(places, key=lambda place: (place[0], place[1] or ""))))


def _note(node: nodes.Node, places: set[tuple[str, str | None]]) -> None:
    match node:
        case nodes.Getattr(node=nodes.Name() as variable):
            places.add((variable.name, node.attr))
        case nodes.Name(ctx="load"):
            places.add((node.name, None))
        case _:
            for child in node.iter_child_nodes():
                _note(child, places)
