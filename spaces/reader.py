"""Read an architecture from whatever a model, a person or a file gave, and say what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence, Sized

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.spec import INACTIVE
from navarch.spaces.structure import Structure

ReadPublished = Callable[[str | Mapping[object, object] | Sequence[object]], Sequence[str] | None]

MAX_TEXT = 4_096
_NUMBER_BITS = 64
_KINDS = "an object with one option for every dimension, a list or a text"


class Reader:
    """The validator of a space: it gives option names in the order of the dimensions, or every problem found.

    structure: the dimensions of the space and what joins them. read_published: returns the option names of what
    is in the space's published encoding, or None where it is in another; raises InvalidArchitecture where it is
    a wrong one.
    """

    def __init__(self, structure: Structure, read_published: ReadPublished) -> None:
        self._structure = structure
        self._dimensions = structure.dimensions
        self._read_published = read_published
        self._names = structure.names
        # a declaration guarantees that no code of a dimension is the name of another of its options
        self._meant = tuple(
            {word: option.name for option in dimension.options for word in (option.name, option.code)}
            for dimension in self._dimensions
        )

    def read(self, raw: object) -> tuple[str, ...]:
        """Return the option names, INACTIVE where a dimension is not in use.

        Raises: InvalidArchitecture, and nothing else. The work is bounded whatever `raw` is.
        """
        values = self._settle(self._find_entries(raw))
        if problems := self._structure.problems(values):
            raise InvalidArchitecture(problems)
        return values

    def _find_entries(self, raw: object) -> Sequence[object]:
        """Return one entry a dimension, not yet checked; INACTIVE or None where none is given."""
        if not isinstance(raw, (str, Mapping, list, tuple)):
            raise InvalidArchitecture([Problem("not-an-object", "", shorten(raw), (_KINDS,))])
        if isinstance(raw, str) and len(raw) > MAX_TEXT:
            limit = (f"at most {MAX_TEXT} characters",)
            raise InvalidArchitecture([Problem("wrong-length", "", shorten(raw), limit)])
        published = self._read_published(raw)
        if published is not None:
            return published
        if isinstance(raw, Mapping):
            return self._read_object(raw)
        self._require_length(raw, "characters" if isinstance(raw, str) else "options")
        return raw

    def _settle(self, given: Sequence[object]) -> tuple[str, ...]:
        """Return the option that each entry names. Raises: InvalidArchitecture for those that name none."""
        values, problems = [], []
        for position, (word, meant) in enumerate(zip(given, self._meant, strict=True)):
            value = (meant.get(word) if type(word) is str else None) or self._find_option(position, word)
            if value is None:
                dimension = self._dimensions[position]
                problems.append(Problem("unknown-option", dimension.name, shorten(word), dimension.names))
            else:
                values.append(value)
        if problems:
            raise InvalidArchitecture(problems)
        return tuple(values)

    def _find_option(self, position: int, word: object) -> str | None:
        if isinstance(word, int) and not isinstance(word, bool) and word.bit_length() <= _NUMBER_BITS:
            word = str(word)
        if isinstance(word, str) and word in self._meant[position]:
            return self._meant[position][word]
        if self._dimensions[position].when and (word is None or word == INACTIVE):
            return INACTIVE
        return None

    def _read_object(self, raw: Mapping[object, object]) -> Sequence[object]:
        if len(raw) == len(self._names) and all(name in raw for name in self._names):
            return [raw[name] for name in self._names]
        if len(raw) > 2 * len(
            self._names
        ):  # no slip of the pen: to name every unknown member would help nobody
            self._require_length(raw, "members")
        missing = [
            Problem("missing-dimension", dimension.name, "", dimension.names)
            for dimension in self._dimensions
            if dimension.name not in raw and not dimension.when
        ]
        unknown = [
            Problem("unknown-dimension", shorten(key), shorten(value), self._names)
            for key, value in raw.items()
            if key not in self._names
        ]
        wrong = [
            Problem("unknown-option", dimension.name, shorten(raw[dimension.name]), dimension.names)
            for position, dimension in enumerate(self._dimensions)
            if dimension.name in raw and self._find_option(position, raw[dimension.name]) is None
        ]
        if missing or unknown:
            raise InvalidArchitecture([*missing, *unknown, *wrong])
        return [raw.get(name) for name in self._names]

    def _require_length(self, raw: Sized, unit: str) -> None:
        if len(raw) != len(self._dimensions):
            expected = (f"{len(self._dimensions)} {unit}",)
            raise InvalidArchitecture([Problem("wrong-length", "", shorten(raw), expected)])
