"""How a row of a table becomes its dataclass, and how values pass the door on their way in."""

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, Generic, TypeVar

from navarch.memory.connection import Store, damaged
from navarch.memory.errors import StoreError
from navarch.memory.text import clean_text, load_measured

Row = TypeVar("Row")

_INTEGER_LIMIT = 2**63
_SHORT = 1000  # characters of JSON


class Table:
    """The base of the classes that make up `Memory`: each reads and writes one table through the store."""

    def __init__(self, store: Store) -> None:
        self._store = store


class Layout(Generic[Row]):
    """The columns of a table in the order of its dataclass, and which of them hold JSON."""

    def __init__(
        self,
        table: str,
        row_type: Callable[..., Row],
        *,
        json: Sequence[str] = (),
        measured: Sequence[str] = (),
        put_back: Callable[[list[Any]], None] | None = None,
    ) -> None:
        """Take the table. put_back: adds to the cells of a row, their JSON read, what the file leaves out."""
        self.table = table
        self.names = tuple(field.name for field in fields(row_type))  # type: ignore[arg-type]
        self.columns = ", ".join(f'"{name}"' for name in self.names)
        self.select = f"SELECT {self.columns} FROM {table}"
        self.returning = f"RETURNING {self.columns}"
        self._row_type = row_type
        self._put_back = put_back
        self._json = tuple(self.names.index(name) for name in json)
        self._measured = tuple(self.names.index(name) for name in measured)

    def insert(self, values: Mapping[str, object], *, conflict: str = "") -> tuple[str, list[object]]:
        """Return the INSERT for these columns and its parameters, in the order of the table."""
        given = [name for name in self.names if name in values]
        columns = ", ".join(f'"{name}"' for name in given)
        marks = ", ".join("?" * len(given))
        return (
            f"INSERT INTO {self.table} ({columns}) VALUES ({marks}) {conflict}",
            [values[name] for name in given],
        )

    def read(self, store: Store, values: Sequence[Any]) -> Row:
        """Return the dataclass of a stored row. Raises: StoreDamagedError when its JSON cannot be read."""
        cells = list(values)
        try:
            for index in self._json:
                if cells[index] is not None:
                    cells[index] = _load(cells[index])
            for index in self._measured:
                cells[index] = load_measured(cells[index])
            if self._put_back is not None:
                self._put_back(cells)
        except (ValueError, TypeError, RecursionError) as error:
            where = f"a row of {self.table}, {cells[0]!r}, is not readable"
            raise damaged(store.path, where) from error
        return self._row_type(*cells)


def _load(stored: str) -> Any:
    """Read JSON; a short text that is read again and again within a round is parsed once, and copied."""
    return _copied(_remember(stored)) if len(stored) <= _SHORT else json.loads(stored)


_remember = lru_cache(maxsize=1024)(json.loads)


def _copied(value: Any) -> Any:
    """Return data that its reader may change."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def text(value: str | None, field: str) -> str:
    """Return a text as it may be stored. Raises: StoreError naming the field for anything but text."""
    if not isinstance(value, str):
        raise StoreError(f"The memory cannot store {field} = {value!r}; give text.")
    return clean_text(value)


def optional_text(value: str | None, field: str) -> str | None:
    """Return a text as it may be stored, or None."""
    return None if value is None else text(value, field)


def integer(value: int, field: str) -> int:
    """Return a whole number that SQLite can hold. Raises: StoreError naming the field."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = _INTEGER_LIMIT
    if isinstance(value, bool) or not -_INTEGER_LIMIT <= whole < _INTEGER_LIMIT:
        raise StoreError(f"The memory cannot store {field} = {value!r}; give a whole number of 64 bits.")
    return whole


def number(value: float, field: str) -> float:
    """Return a finite number; -0.0 becomes 0.0, as SQLite keeps no sign of zero. Raises: StoreError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise StoreError(f"The memory cannot store {field} = {value!r}; give a finite number.")
    return float(value) + 0.0


def optional_number(value: float | None, field: str) -> float | None:
    """Return a finite number, or None."""
    return None if value is None else number(value, field)
