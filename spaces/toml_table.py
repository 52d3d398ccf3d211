"""Read one table of a declaration key by key, and say exactly where it is wrong."""

import re
from typing import Any

from navarch import NavarchError
from navarch.spaces.problems import shorten

_MAX_NAME = 64
_KINDS: dict[type, str] = {str: "a text", int: "an integer", list: "a list", dict: "a table"}


class TomlTable:
    """A TOML table that knows where it stands, gives each value out once, and refuses what nobody took.

    where: the file and the place in it, which every error opens with.
    """

    def __init__(self, where: str, data: object) -> None:
        self.where = where
        if not isinstance(data, dict):
            raise self.refuse(f"expected a table, not {shorten(data)}")
        self._data: dict[str, Any] = dict(data)

    def refuse(self, why: str) -> NavarchError:
        """Return the error that names this place and the reason."""
        return NavarchError(f"{self.where}: {why}")

    def left(self) -> tuple[str, ...]:
        """Return the keys that nobody has taken yet."""
        return tuple(self._data)

    def holds(self, key: str, kind: type) -> bool:
        """Return whether a value of one kind stands under the key."""
        return isinstance(self._data.get(key), kind)

    def take(self, key: str, kind: type, *, default: object = None) -> Any:
        """Return the value under the key, or the default where there is none.

        Raises: NavarchError where the value is not of the kind, or is missing and has no default.
        """
        if key not in self._data:
            if default is None:
                raise self.refuse(f"the key {key!r} is missing")
            return default
        value = self._data.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.refuse(f"{key} must be {_KINDS[kind]}, not {shorten(value)}")
        return value

    def positive(self, key: str) -> int:
        """Return an integer of at least 1."""
        number: int = self.take(key, int)
        if number < 1:
            raise self.refuse(f"{key} must be at least 1, not {shorten(number)}")
        return number

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of at least one text, without repetition."""
        entries = self.take(key, list)
        for number, entry in enumerate(entries, 1):
            if not isinstance(entry, str):
                raise self.refuse(f"entry {number} of {key} must be a text, not {shorten(entry)}")
        if not entries:
            raise self.refuse(f"{key} is []: name at least one")
        if len(set(entries)) < len(entries):
            raise self.refuse(f"{key} names something twice")
        return tuple(entries)

    def text(self, key: str) -> str:
        """Return a text as one paragraph, its line breaks turned into spaces."""
        text = " ".join(self.take(key, str).split())
        if not text:
            raise self.refuse(f"{key} is empty")
        if not text.isprintable():
            raise self.refuse(f"{key} holds characters that cannot be printed: {shorten(text)}")
        return text

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, each as one paragraph; empty where the key is absent."""
        entries = self.take(key, list, default=[])
        numbered = ((f"{key}, entry {number}", entry) for number, entry in enumerate(entries, 1))
        return tuple(TomlTable(self.where, {name: entry}).text(name) for name, entry in numbered)

    def name(self, key: str, pattern: re.Pattern[str]) -> str:
        """Return a name that follows the pattern."""
        name: str = self.take(key, str)
        if len(name) > _MAX_NAME:
            raise self.refuse(f"{key} {shorten(name)} is longer than {_MAX_NAME} characters")
        if not pattern.fullmatch(name):
            raise self.refuse(f"{key} {shorten(name)} must follow the pattern {pattern.pattern}")
        return name

    def finish(self) -> None:
        """Refuse the keys that nobody took."""
        if self._data:
            raise self.refuse(f"the key {shorten(next(iter(self._data)))} is unknown")
