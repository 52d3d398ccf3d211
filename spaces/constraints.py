"""Rules over several dimensions at once; each can say what is wrong with a choice and what would be right."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from navarch.spaces.problems import Problem, shorten
from navarch.spaces.spec import INACTIVE


@dataclass(frozen=True, slots=True)
class Distinct:
    """The dimensions in use must all have different options. why: one sentence for models and people."""

    dimensions: tuple[str, ...]
    why: str

    def check(self, values: Mapping[str, str]) -> Problem | None:
        """Return what is wrong with the option of every dimension, or None."""
        seen: dict[str, str] = {}
        for name in self.dimensions:
            value = values[name]
            if value == INACTIVE:
                continue
            if value in seen:
                return Problem(
                    "equal-options", name, shorten(value), (f"another option than {seen[value]}", self.why)
                )
            seen[value] = name
        return None


@dataclass(frozen=True, slots=True)
class Count:
    """Between `at_least` and `at_most` of the dimensions in use must have one of the options."""

    dimensions: tuple[str, ...]
    options: tuple[str, ...]
    at_least: int
    at_most: int
    why: str

    def check(self, values: Mapping[str, str]) -> Problem | None:
        """Return what is wrong with the option of every dimension, or None."""
        holding = [name for name in self.dimensions if values[name] in self.options]
        if self.at_least <= len(holding) <= self.at_most:
            return None
        few = len(holding) < self.at_least
        place = self.dimensions[0] if few else holding[self.at_most]
        words = " or ".join(self.options)
        bound = f"at least {self.at_least}" if few else f"at most {self.at_most}"
        value = f"{len(holding)} of {words}"
        return Problem("too-few" if few else "too-many", place, value, (bound, self.why))


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The dimensions must not have these options all at once. choices: (dimension, option) pairs."""

    choices: tuple[tuple[str, str], ...]
    why: str

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Return the dimensions that the rule joins."""
        return tuple(name for name, _ in self.choices)

    def check(self, values: Mapping[str, str]) -> Problem | None:
        """Return what is wrong with the option of every dimension, or None."""
        if any(values[name] != option for name, option in self.choices):
            return None
        name, option = self.choices[-1]
        others = " and ".join(f"{other} is {chosen}" for other, chosen in self.choices[:-1])
        allowed = f"another option while {others}" if others else "another option"
        return Problem("forbidden", name, shorten(option), (allowed, self.why))


Constraint = Distinct | Count | Forbidden
_KINDS: dict[str, type[Constraint]] = {"distinct": Distinct, "count": Count, "forbidden": Forbidden}


def constraint_to_dict(constraint: Constraint) -> dict[str, Any]:
    """Return a constraint as plain data (`constraint_from_dict` is the inverse)."""
    kind = next(name for name, kind in _KINDS.items() if isinstance(constraint, kind))
    return {"kind": kind, **{key: _as_lists(value) for key, value in asdict(constraint).items()}}


def constraint_from_dict(data: Mapping[str, Any]) -> Constraint:
    """Return the constraint that `constraint_to_dict` described."""
    fields = {key: _as_tuples(value) for key, value in data.items() if key != "kind"}
    return _KINDS[data["kind"]](**fields)


def _as_lists(value: Any) -> Any:
    return [_as_lists(item) for item in value] if isinstance(value, tuple) else value


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value
