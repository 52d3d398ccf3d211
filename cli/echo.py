"""The one way to the terminal: text is stripped of escape sequences, control and bidirectional characters first."""

import json
import os
import re
import shutil
import sys
import threading
import unicodedata
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
    with _lock:
        for foot in _feet:
            foot.erase()
        _write(clean(text) + "\n", err=err)
        for foot in _feet:
            foot.draw()


def is_terminal() -> bool:
    """Tell whether standard output is a terminal in which the cursor can be moved."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Foot:
    """Lines at the foot of the terminal that are painted anew in place; what `echo` writes appears above them.

    They are as many as the terminal is high, less one, and as wide as it is. At the end of the block they are gone.
    """

    def __init__(self) -> None:
        """Paint nothing yet."""
        self._lines: list[str] = []
        self._drawn = 0

    def __enter__(self) -> "Foot":
        _feet.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            self.erase()
            _feet.remove(self)

    def paint(self, lines: Sequence[str]) -> None:
        """Show these lines in place of the last ones."""
        size = shutil.get_terminal_size()
        with _lock:
            self._lines = [_fit(clean(line), size.columns - 1) for line in lines][-max(1, size.lines - 1) :]
            self.erase()
            self.draw()

    def erase(self) -> None:
        """Take the lines off the terminal."""
        if self._drawn:
            up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
            self._drawn = 0  # before the write: at its end Ctrl-C is most likely to come
            _write(f"\r{up}\x1b[J")

    def draw(self) -> None:
        """Put the lines onto the terminal, below what is there."""
        if self._lines:
            self._drawn = len(self._lines)
            _write("\n".join(self._lines))


_lock = threading.RLock()
_feet: list[Foot] = []


def _write(text: str, *, err: bool = False) -> None:
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def _fit(line: str, width: int) -> str:
    """Return as much of a line as so many columns hold."""
    for at, character in enumerate(line):
        width -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width < 0:
            return line[:at]
    return line


def echo_json(value: Any, *, indent: int | None = 2) -> None:
    """Write a value as JSON, on one line without an indent."""
    echo(json.dumps(value, indent=indent, default=str))


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
