"""How architectures come into the command line: a line of text or JSON, from an argument or from standard input.

Lines are read as bytes and bounded, so that whatever is piped in gives an answer for its line and no crash.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from navarch import NavarchError

if TYPE_CHECKING:
    from navarch.spaces import Architecture, SearchSpace

MAX_LINE = 1_000_000  # bytes
_JSON_STARTS = ("{", "[", '"')


class Reading(NamedTuple):
    """What a line stands for: in which space, and the side of the image where it names one beyond the space."""

    space: "SearchSpace"
    architecture: "Architecture"
    resolution: int | None


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield number and content of every line, None in place of one that is longer than MAX_LINE."""
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if line.endswith(b"\n") or len(line) <= MAX_LINE:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE)
        yield number, None


def decode_line(line: bytes | None) -> str:
    """Return the text of a line without the white space around it. Raises: NavarchError where it is none."""
    if line is None:
        raise NavarchError(f"the line is longer than {MAX_LINE:,} bytes")
    if b"\0" in line:
        raise NavarchError(f"the line is no text: byte {line.index(0) + 1} is NUL")
    try:
        return line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise NavarchError(f"the line is not UTF-8: byte {error.start + 1} cannot be read") from None


def read_architecture(space: "SearchSpace", text: str) -> Reading:
    """Return what a text stands for: JSON where it starts like JSON, otherwise the text itself.

    An architecture that the space refuses is looked for in its siblings.
    Raises: NavarchError; what the space itself found wrong where all refuse.
    """
    from navarch.spaces import InvalidArchitecture, get_space

    raw = _read_json(text) if text.startswith(_JSON_STARTS) else text
    try:
        return _read(space, raw)
    except InvalidArchitecture:
        for sibling in map(get_space, space.siblings):
            try:
                return _read(sibling, raw)
            except InvalidArchitecture:
                continue
        raise


def _read(space: "SearchSpace", raw: object) -> Reading:
    """Return what one space takes it for; an image size that is no choice of the space is kept beside it."""
    from navarch.spaces import InvalidArchitecture

    try:
        return Reading(space, space.parse(raw), None)
    except InvalidArchitecture as refused:
        try:
            return Reading(space, *space.read_with_resolution(raw))
        except InvalidArchitecture:
            raise refused from None


def _read_json(text: str) -> object:
    from navarch.spaces.problems import shorten

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        what = f"{error.msg} at character {error.pos + 1}"
    except RecursionError:
        what = "it is nested too deeply"
    except ValueError:
        what = "it holds a number of too many digits"
    raise NavarchError(f"{shorten(text)} is not valid JSON: {what}")
