"""The published encodings of a DARTS architecture, read and written.

A genotype is the text `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=...)`, an
object {"normal": [["sep_conv_3x3", 0], ...], "normal_concat": [2, 3, 4, 5], ...}, its JSON text, or the four values
in a list. Entries 2i and 2i+1 of a cell are the inputs of node i+2: an operation and the state that it reads.
The nodes of the output may be left out, as the space leaves no choice of them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice

from navarch.spaces.darts.cell import CONCAT, INPUTS, NODES, CellGenotype, Genotype
from navarch.spaces.darts.genotype_text import CALL, read_call
from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.spec import Dimension

CELLS = ("normal", "reduce")
EDGES = 2 * NODES
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
_CONCAT_RANGE = range(CONCAT[0], CONCAT[-1] + 1)
_CONCAT_TEXT = re.compile(rf"\s*range\(\s*{CONCAT[0]}\s*,\s*{CONCAT[-1] + 1}\s*\)\s*")


def write_published(genotype: Genotype) -> str:
    """Return the text `Genotype(normal=[...], normal_concat=range(2, 6), reduce=[...], reduce_concat=...)`."""
    parts = []
    for name, cell in zip(CELLS, (genotype.normal, genotype.reduce), strict=True):
        parts += [f"{name}={list(cell.edges)}", f"{name}_concat={_write_concat(cell)}"]
    return f"{CALL}({', '.join(parts)})"


def read_published(
    raw: str | Mapping[object, object] | Sequence[object], dimensions: Sequence[Dimension]
) -> tuple[str, ...] | None:
    """Return the option names in the order of the dimensions; None where `raw` is in another encoding.

    dimensions: source and operation of each edge of the normal cell, then of the reduction cell. Whether the
    two sources of a node differ is left to the caller. Raises: InvalidArchitecture with every problem found.
    """
    fields = _find_fields(raw)
    if fields is None:
        return None
    problems = [
        Problem("unknown-dimension", shorten(key), shorten(value), _FIELDS)
        for key, value in islice(fields.items(), 2 * len(_FIELDS))
        if key not in _FIELDS
    ]
    values: list[str] = []
    for place, name in enumerate(CELLS):
        own = dimensions[2 * EDGES * place : 2 * EDGES * (place + 1)]
        found = [*_read_edges(name, fields, own), *_check_concat(f"{name}_concat", fields)]
        problems += [entry for entry in found if isinstance(entry, Problem)]
        values += [entry for entry in found if isinstance(entry, str)]
    if problems:
        raise InvalidArchitecture(problems)
    return tuple(values)


def _write_concat(cell: CellGenotype) -> str:
    nodes = cell.concat
    is_range = nodes == tuple(range(nodes[0], nodes[-1] + 1))
    return f"range({nodes[0]}, {nodes[-1] + 1})" if is_range else str(list(nodes))


def _find_fields(raw: str | Mapping[object, object] | Sequence[object]) -> Mapping[object, object] | None:
    """Return the fields of a genotype, not yet checked; None where `raw` means to be something else."""
    if isinstance(raw, str):
        if CALL in raw:
            return read_call(raw)
        return _find_fields(_read_json(raw)) if raw.lstrip().startswith(("{", "[")) else None
    if isinstance(raw, Mapping):
        return raw if any(name in raw for name in CELLS) else None
    if isinstance(raw, (list, tuple)) and len(raw) == len(_FIELDS) and isinstance(raw[0], (list, tuple)):
        return dict(zip(_FIELDS, raw, strict=True))
    return None


def _read_json(text: str) -> Mapping[object, object] | Sequence[object]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArchitecture(
            [Problem("bad-encoding", "", shorten(text), ("valid JSON: an object with normal and reduce",))]
        ) from None
    return data if isinstance(data, (dict, list)) else []


def _read_edges(
    name: str, fields: Mapping[object, object], dimensions: Sequence[Dimension]
) -> list[str | Problem]:
    """Return source and operation of every edge of a cell, or what is wrong with them."""
    expected = (
        f"{EDGES} pairs [operation, source] in {name}, two for each node from {CONCAT[0]} to {CONCAT[-1]}"
    )
    if name not in fields:
        return [Problem("missing-dimension", name, "", (expected,))]
    entries = fields[name]
    if not isinstance(entries, (list, tuple)):
        return [Problem("bad-encoding", name, shorten(entries), (expected,))]
    if len(entries) != EDGES:
        return [Problem("wrong-length", name, shorten(entries), (expected,))]
    found: list[str | Problem] = []
    for place, entry in enumerate(entries):
        source, operation = dimensions[2 * place : 2 * place + 2]
        found += _read_edge(entry, INPUTS + place // 2, source, operation)
    return found


def _read_edge(entry: object, node: int, source: Dimension, operation: Dimension) -> list[str | Problem]:
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        allowed = f'a pair such as ["{operation.names[0]}", 0]'
        return [Problem("bad-encoding", operation.name, shorten(entry), (allowed,))]
    word, number = entry
    found: list[str | Problem] = []
    if isinstance(number, int) and not isinstance(number, bool) and number in range(node):
        found.append(source.names[number])
    else:
        found.append(Problem("unknown-option", source.name, shorten(number), source.names))
    if isinstance(word, str) and word in operation.names:
        found.append(word)
    else:
        found.append(Problem("unknown-option", operation.name, shorten(word), operation.names))
    return found


def _check_concat(name: str, fields: Mapping[object, object]) -> list[Problem]:
    """Return the problem if the nodes of the output are given and are not all four of them."""
    given = fields.get(name, CONCAT)
    if isinstance(given, str):
        is_right = _CONCAT_TEXT.fullmatch(given) is not None
    elif isinstance(given, (list, tuple)):
        is_right = len(given) == NODES and all(type(n) is int for n in given) and tuple(given) == CONCAT
    else:
        is_right = isinstance(given, range) and given == _CONCAT_RANGE
    return [] if is_right else [Problem("bad-encoding", name, _show_nodes(given), (str(list(CONCAT)),))]


def _show_nodes(given: object) -> str:
    if isinstance(given, range):
        return f"range({shorten(given.start)}, {shorten(given.stop)})"
    if isinstance(given, (list, tuple)) and len(given) <= EDGES:
        return f"[{', '.join(shorten(node) for node in given)}]"
    return shorten(given)
