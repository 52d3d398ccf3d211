"""What a template's text depends on: the variables that it reads, field by field where that can be told.

Equal data gives equal text, so that the part of a prompt that does not change from call to call is rendered once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from navarch.prompts.template import Checked

_UNFOLLOWED = (nodes.Import, nodes.FromImport, nodes.Extends)
_RANDOM = frozenset({"random", "lipsum"})
TRUTH = "?"  # no field has this name: only whether there is anything counts


@dataclass(frozen=True, slots=True)
class Reads:
    """Pairs of a variable and the one field that is read of it, None for all of it, or TRUTH, in a fixed order."""

    places: tuple[tuple[str, str | None], ...]

    def key(self, values: Mapping[str, Any]) -> str:
        """Return a text that is equal where what is read is: type, value and order, of plain data."""
        found: list[tuple[bool, bool | None, Any]] = []
        for name, field in self.places:
            value = values.get(name)
            if field is TRUTH:
                found.append((name in values, None, bool(value)))
            elif field is not None and isinstance(value, dict) and field in value:
                found.append((True, True, _of(value, field)))
            else:
                found.append((name in values, False, _of(value)))
        return json.dumps(found)


def _of(value: Any, field: str | None = None) -> Any:
    """Return what stands for a value, or for a field of it, in a key: long data that never changes is written once."""
    item = value if field is None else value[field]
    return value.text(field) if isinstance(value, Checked) and isinstance(item, (list, dict)) else item


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
        case nodes.If(test=nodes.Name() as variable):
            places.add((variable.name, TRUTH))
            for child in (*node.body, *node.elif_, *node.else_):
                _note(child, places)
        case _:
            for child in node.iter_child_nodes():
                _note(child, places)
