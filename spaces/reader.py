"""Read an architecture from whatever a model, a person or a file gave, and say what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence, Sized

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.spec import Dimension

MAX_TEXT = 4_096
_KINDS = "an object with one option for every dimension, a list or a text"


class Reader:
    """The validator of a space: it gives option names in the order of the dimensions, or every problem found.

    dimensions: those of the space. read_published: returns the option names that a text in the space's
    published encoding holds, or None where the text is in another encoding; raises InvalidArchitecture where
    it is a wrong one.
    """

    def __init__(
        self, dimensions: Sequence[Dimension], read_published: Callable[[str], tuple[str, ...] | None]
    ) -> None:
        self._dimensions = dimensions
        self._read_published = read_published
        self._names = tuple(dimension.name for dimension in dimensions)
        # a declaration guarantees that no code of a dimension is the name of another of its options
        self._meant = tuple(
            {word: option.name for option in dimension.options for word in (option.name, option.code)}
            for dimension in dimensions
        )

    def read(self, raw: object) -> tuple[str, ...]:
        """Return the option names.

        Raises: InvalidArchitecture, and nothing else. The work is bounded whatever `raw` is.
        """
        given: Sequence[object]
        if isinstance(raw, str):
            given = self._read_text(raw)
        elif isinstance(raw, Mapping):
            given = self._read_object(raw)
        elif isinstance(raw, (list, tuple)):
            self._require_length(raw, "options")
            given = raw
        else:
            raise InvalidArchitecture([Problem("not-an-object", "", shorten(raw), (_KINDS,))])
        if problems := self._find_unknown_options(dict(enumerate(given))):
            raise InvalidArchitecture(problems)
        return tuple(meant[str(word)] for meant, word in zip(self._meant, given, strict=True))

    def _read_text(self, text: str) -> Sequence[str]:
        if len(text) > MAX_TEXT:
            limit = (f"at most {MAX_TEXT} characters",)
            raise InvalidArchitecture([Problem("wrong-length", "", shorten(text), limit)])
        published = self._read_published(text)
        if published is None:
            self._require_length(text, "characters")
        return text if published is None else published

    def _read_object(self, raw: Mapping[object, object]) -> Sequence[object]:
        if len(raw) > 2 * len(
            self._names
        ):  # no slip of the pen: to name every unknown member would help nobody
            self._require_length(raw, "members")
        missing = [
            Problem("missing-dimension", dimension.name, "", dimension.names)
            for dimension in self._dimensions
            if dimension.name not in raw
        ]
        unknown = [
            Problem("unknown-dimension", shorten(key), shorten(value), self._names)
            for key, value in raw.items()
            if key not in self._names
        ]
        if missing or unknown:
            given = {i: raw[name] for i, name in enumerate(self._names) if name in raw}
            raise InvalidArchitecture([*missing, *unknown, *self._find_unknown_options(given)])
        return [raw[name] for name in self._names]

    def _require_length(self, raw: Sized, unit: str) -> None:
        if len(raw) != len(self._dimensions):
            expected = (f"{len(self._dimensions)} {unit}",)
            raise InvalidArchitecture([Problem("wrong-length", "", shorten(raw), expected)])

    def _find_unknown_options(self, given: Mapping[int, object]) -> list[Problem]:
        return [
            Problem("unknown-option", self._names[i], shorten(word), self._dimensions[i].names)
            for i, word in given.items()
            if not isinstance(word, str) or word not in self._meant[i]
        ]
