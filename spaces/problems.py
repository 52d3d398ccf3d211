"""What is wrong with an architecture, as data that a prompt can render and as one sentence for people.

Values that were given are kept only in a short, clean, quoted form (`shorten`), so that a problem can be
stored, shown and sent on whatever the input was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from navarch import NavarchError

ProblemCode = Literal[
    "not-an-object",
    "wrong-length",
    "bad-encoding",
    "missing-dimension",
    "unknown-dimension",
    "unknown-option",
    "inactive-dimension",
    "equal-options",
    "too-few",
    "too-many",
    "forbidden",
]

_SHOWN_CHARACTERS = 60
_SHOWN_BITS = 128
_SHOWN_ALLOWED = 12
_SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why something is no architecture of a space.

    code: what kind of problem it is.
    dimension: the dimension it lies in; for an unknown one the name as given, shortened; empty where none
    applies.
    value: what was given, shortened; empty where nothing was.
    allowed: what would have been accepted: option names, dimension names, or a count.
    """

    code: ProblemCode
    dimension: str
    value: str
    allowed: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as plain data (`from_dict` is the inverse)."""
        return {
            "code": self.code,
            "dimension": self.dimension,
            "value": self.value,
            "allowed": list(self.allowed),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Problem":
        """Return the problem that `as_dict` described. Raises: NavarchError where the data describes none."""
        code, dimension, value, allowed = (data.get(key) for key in ("code", "dimension", "value", "allowed"))
        if code not in get_args(ProblemCode):
            raise NavarchError(f"the record of a problem has the unknown code {shorten(code)}")
        if not (isinstance(dimension, str) and isinstance(value, str) and isinstance(allowed, (list, tuple))):
            raise NavarchError(
                f"the record of a problem needs texts as dimension and value, and a list as allowed, not "
                f"{shorten(dimension)}, {shorten(value)} and {shorten(allowed)}"
            )
        return cls(cast("ProblemCode", code), dimension, value, tuple(str(word) for word in allowed))

    def __str__(self) -> str:
        allowed = _join(self.allowed, limit=_SHOWN_ALLOWED)
        reasons = "; ".join(self.allowed)
        if self.code == "not-an-object":
            return f"{self.value} is not an architecture: give {allowed}"
        if self.code == "wrong-length":
            return f"{self.value} has the wrong length: expected {allowed}"
        if self.code == "missing-dimension":
            return f"dimension {self.dimension} is missing: choose one of {allowed}"
        if self.code == "unknown-dimension":
            return f"there is no dimension {self.dimension}: the dimensions are {allowed}"
        if self.code == "unknown-option":
            return f"dimension {self.dimension} does not offer {self.value}: choose one of {allowed}"
        if self.code == "inactive-dimension":
            return (
                f"dimension {self.dimension} is not in use here, so it cannot be {self.value}: give {reasons}"
            )
        if self.code == "equal-options":
            return f"dimension {self.dimension} must not be {self.value} too: choose {reasons}"
        if self.code in ("too-few", "too-many"):
            return f"there are {self.value} (dimension {self.dimension}): allowed are {reasons}"
        if self.code == "forbidden":
            return f"dimension {self.dimension} must not be {self.value} here: choose {reasons}"
        where = f" in dimension {self.dimension}" if self.dimension else ""
        return f"{self.value} does not follow the encoding{where}: expected {allowed}"


class InvalidArchitecture(NavarchError):
    """Something that is no architecture of a space, with every reason found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:_SHOWN_PROBLEMS]]
        left = len(self.problems) - len(shown)
        return "; ".join(shown) + (f"; and {left} more" if left else "")


def shorten(value: object) -> str:
    """Return a short printable text for any value in bounded time: quoted text, a number, or a size."""
    if isinstance(value, str):
        # repr escapes whatever is not printable: NUL, lone surrogates, newlines, bidirectional controls
        text = repr(value[:_SHOWN_CHARACTERS])
        return text if len(value) <= _SHOWN_CHARACTERS else f"{text}... ({len(value)} characters)"
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int):  # Python refuses to print integers of many thousand digits
        return (
            repr(value) if value.bit_length() <= _SHOWN_BITS else f"an integer of {value.bit_length()} bits"
        )
    if isinstance(value, Mapping):
        return f"an object with {len(value)} members"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)} items"
    return f"a value of type {type(value).__name__}"


def _join(words: tuple[str, ...], *, limit: int) -> str:
    """Return the words with commas, and how many were left out beyond the limit."""
    left = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {left} more" if left > 0 else "")
