"""What one model of one server understands: found out once, and remembered in a small file of the user's cache.

$XDG_CACHE_HOME/navarch/endpoints, else ~/.cache/navarch/endpoints: one file for each base URL and model, without any
key or text. A file that is missing, damaged or cannot be written costs one refused request; what a server refuses in
spite of it is found out again. Not noticed: a server that has learnt more since; `navarch models check` looks afresh.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import urlsplit

from navarch.evaluation.tables.folder import write_whole

Format = Literal["json_schema", "json_object", "none"]
FORMATS: Final[tuple[Format, ...]] = ("json_schema", "json_object", "none")
"""How a server can be asked to constrain a reply, the strictest first."""

Flag = Literal["sends_temperature", "sends_lengths", "streams"]
FLAGS: Final[tuple[Flag, ...]] = get_args(Flag)
"""What a request can do without."""

ANY: Final = "any"
"""Stands for every schema that has no finding of its own."""

OLD_LIMIT: Final = "max_tokens"
NEW_LIMIT: Final = "max_completion_tokens"


@dataclass(slots=True)
class Dialect:
    """What may be sent to one model of one server.

    formats: by the digest of a schema, or `ANY`: a server may take one schema and refuse a larger one. limit_name: the
    two names of one limit; OpenAI's newer models refuse the old one, most other servers know no other. sends_lengths:
    whether a JSON schema bounds the length of texts. streams: whether it takes being asked for a stream. file: where
    it is remembered, None for nowhere.
    """

    limit_name: str = OLD_LIMIT
    sends_temperature: bool = True
    sends_lengths: bool = True
    streams: bool = True
    formats: dict[str, Format] = field(default_factory=dict)
    file: Path | None = None
    context: int | None = None  # tokens of prompt and reply together, as the server said when it was checked
    _refused: set[tuple[str, str]] = field(default_factory=set)
    _is_changed: bool = False

    def format_for(self, schema: str) -> Format:
        """Return how to ask for a reply of the schema with this digest."""
        return self.formats.get(schema, self.formats.get(ANY, FORMATS[0]))

    def give_up_format(self, schema: str) -> bool:
        """Note that the format in use was refused; return whether another one is left to try."""
        refused = self.format_for(schema)
        self._refused.add((schema, refused))
        left = [name for name in FORMATS if (schema, name) not in self._refused]
        if refused == "none" or not left:
            return False
        self.formats[schema] = left[0]
        if left == ["none"]:  # both were refused: that is the server, whatever the schema
            self.formats[ANY] = "none"
        self._is_changed = True
        return True

    def give_up(self, flag: Flag) -> bool:
        """Note that what a flag stands for was refused; return whether leaving it out is something new."""
        if not getattr(self, flag):
            return False
        setattr(self, flag, False)
        self._is_changed = True
        return True

    def give_up_limit_name(self) -> bool:
        """Note that the name of the token limit was refused; return whether the other one is left to try."""
        self._refused.add(("limit", self.limit_name))
        other = NEW_LIMIT if self.limit_name == OLD_LIMIT else OLD_LIMIT
        if ("limit", other) in self._refused:
            return False
        self.limit_name, self._is_changed = other, True
        return True

    def settle(self) -> None:
        """Remember what has changed: called after a reply came, so that only what worked is kept."""
        if self._is_changed:
            self._is_changed = False
            others = Dialect() if self.file is None else _read(self.file) or Dialect()
            self.formats = {**others.formats, **self.formats}
            self.save()

    def save(self) -> None:
        """Write the file whole, in place of what was remembered. A folder that cannot be written is no error."""
        if self.file is None:
            return
        found: dict[str, Any] = {
            "formats": self.formats,
            **{flag: getattr(self, flag) for flag in FLAGS},
            "limit_name": self.limit_name,
            "context": self.context,
        }
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self.file, json.dumps(found, indent=1).encode())


def fresh_dialect(base_url: str, model: str) -> Dialect:
    """Return the dialect to begin with where nothing is known."""
    is_openai = urlsplit(base_url).netloc == "api.openai.com"
    return Dialect(NEW_LIMIT if is_openai else OLD_LIMIT, file=_file(base_url, model))


def remembered_dialect(base_url: str, model: str) -> Dialect:
    """Return what was found out about a model of a server earlier, or the dialect to begin with."""
    fresh = fresh_dialect(base_url, model)
    found = None if fresh.file is None else _read(fresh.file)
    if found is not None:
        found.file = fresh.file
    return found or fresh


def _file(base_url: str, model: str) -> Path | None:
    folder = _cache_folder(os.environ)
    name = hashlib.sha256(json.dumps([base_url, model]).encode()).hexdigest()[:24]
    return None if folder is None else folder / "endpoints" / f"{name}.json"


def _cache_folder(environ: Mapping[str, str]) -> Path | None:
    given = Path(environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given / "navarch"
    try:
        return Path.home() / ".cache" / "navarch"
    except RuntimeError:  # a user without a home
        return None


def _read(file: Path) -> Dialect | None:
    """Return what a file holds; None where it is missing or not what was written."""
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        formats, limit = data["formats"], data["limit_name"]
        flags = {flag: data[flag] for flag in FLAGS}
        context = data["context"]
        is_sound = set(formats.values()) <= set(FORMATS) and limit in (OLD_LIMIT, NEW_LIMIT)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not is_sound or not all(isinstance(value, bool) for value in flags.values()):
        return None
    return Dialect(
        limit_name=limit,
        formats=cast(dict[str, Format], formats),
        context=context if type(context) is int and context > 0 else None,
        **flags,
    )
