"""The one way to the terminal: text is stripped of escape sequences, control and bidirectional characters first."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[@-Z\\-_])?"
)
_CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Return text that cannot move the cursor, recolour or reorder what a terminal shows; newlines stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\t", "    ")))


def one_line(text: str, width: int) -> str:
    """Return the text as a single clean line of at most `width` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def echo(text: str = "", *, err: bool = False) -> None:
    """Write a line, cleaned, and flush it: a line that was seen was really written."""
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(clean(text).encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def echo_json(value: Any) -> None:
    """Write a value as indented JSON."""
    echo(json.dumps(value, indent=2, default=str))


def echo_columns(headings: Sequence[str], rows: Sequence[Sequence[object]], *, widest: int = 60) -> None:
    """Write an aligned table; numbers to the right, a cell is one line of at most `widest` characters."""
    cells = [[one_line(_cell(value), widest) for value in row] for row in rows]
    widths = [max(len(line[index]) for line in [list(headings), *cells]) for index in range(len(headings))]
    right = [
        bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        for index in range(len(headings))
    ]
    for line in [list(headings), *cells]:
        shown = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        )
        echo("  ".join(shown).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value)
