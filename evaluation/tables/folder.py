"""The folder where imported data lie: one normalised file each, and beside it what is known of it, with a checksum.

$NAVARCH_DATA, else $XDG_DATA_HOME/navarch, else ~/.local/share/navarch. A file is written whole before its name
appears, and the description last, so that a kill leaves either the old data or the new.
"""

import difflib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from navarch.evaluation.tables.opening import TableError

Kind = Literal["benchmark", "own", "latency", "layers", "predictor"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHOWN_DIGITS = 12
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class Stored:
    """Describe imported data. tasks: what they measure. total: rows of the whole; more than `rows` if some lack."""

    name: str
    kind: Kind
    space: str
    tasks: tuple[str, ...]
    rows: int
    total: int
    columns: tuple[str, ...]
    source: str
    file: str
    sha256: str

    @property
    def is_partial(self) -> bool:
        """Whether architectures of the space were missing in what was imported."""
        return self.rows < self.total


class DataFolder:
    """Imported data by name."""

    def __init__(self, path: Path | None = None) -> None:
        """Take the folder; None for the user's own. It is made when something is first put into it."""
        self.path = path if path is not None else _default_folder(os.environ)

    def stored(self) -> list[Stored]:
        """Return all that was imported, by name. Raises: TableError for a damaged description."""
        return [self._read(file) for file in sorted(self.path.glob("*.json"))]

    def find(self, name: str) -> Stored | None:
        """Return what was imported under a name, or None."""
        file = self.path / f"{name}.json"
        return self._read(file) if _NAME.fullmatch(name) and file.is_file() else None

    def get(self, name: str) -> Stored:
        """Return what was imported under a name. Raises: TableError with close names."""
        found = self.find(name)
        if found is None:
            known = [stored.name for stored in self.stored()]
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "see navarch data list."
            raise TableError(f"Nothing was imported under the name {name!r}: {hint}")
        return found

    def file_of(self, stored: Stored) -> Path:
        """Return the data file, whose checksum is verified. Raises: TableError when it is not what was imported."""
        path = self.path / stored.file
        if not self.is_intact(stored):
            raise TableError(
                f"The imported data {stored.name!r} are damaged ({str(path)!r} is missing or not what was imported): "
                f"import {stored.source!r} again."
            )
        return path

    def is_intact(self, stored: Stored) -> bool:
        """Tell whether the data file is there and has its checksum."""
        try:
            return hash_file(self.path / stored.file) == stored.sha256
        except OSError:
            return False

    def put(self, stored: Stored, content: bytes, suffix: str, *, replace: bool = False) -> Stored:
        """Keep data under a name, and return its description with file and checksum filled in.

        Raises: TableError for a name that is none, or that other data have, unless they may be replaced.
        """
        if not _NAME.fullmatch(stored.name):
            raise TableError(
                f"{stored.name!r} is no name for imported data: use letters, digits, '.', '_' and '-', at most 64."
            )
        digest = hashlib.sha256(content).hexdigest()
        old = self.find(stored.name)
        if old is not None and old.sha256 != digest and self.is_intact(old) and not replace:
            raise TableError(
                f"There are other data under the name {stored.name!r}, imported from {old.source!r}: "
                "give --replace, or another --name."
            )
        file = f"{stored.name}-{digest[:_SHOWN_DIGITS]}{suffix}"
        new = Stored(**{**asdict(stored), "file": file, "sha256": digest})
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self.path / file, content)
            write_whole(self.path / f"{stored.name}.json", json.dumps(asdict(new), indent=1).encode())
        except OSError as error:
            raise TableError(
                f"The data folder {str(self.path)!r} cannot be written: {error.strerror}."
            ) from None
        if old is not None and old.file != file:
            with suppress(OSError):
                (self.path / old.file).unlink()
        return new

    def remove(self, name: str) -> Stored:
        """Forget what was imported under a name. Raises: TableError when there is nothing."""
        stored = self.get(name)
        try:
            (self.path / f"{name}.json").unlink()
            (self.path / stored.file).unlink(missing_ok=True)
        except OSError as error:
            raise TableError(
                f"The data folder {str(self.path)!r} cannot be written: {error.strerror}."
            ) from None
        return stored

    def _read(self, file: Path) -> Stored:
        try:
            return _stored(json.loads(file.read_bytes()), file.stem)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            raise TableError(
                f"The description {str(file)!r} of imported data is damaged: delete it and import the data again."
            ) from None


def _stored(data: Mapping[str, Any], name: str) -> Stored:
    """Return a description that was read. Raises: TypeError or ValueError for another."""
    found = Stored(**{**data, "tasks": tuple(data["tasks"]), "columns": tuple(data["columns"])})
    texts = (found.kind, found.space, found.source, found.file, found.sha256)
    is_sound = all(isinstance(text, str) for text in texts) and found.rows <= found.total
    if not is_sound or found.name != name or Path(found.file).name != found.file:
        raise ValueError(name)
    return found


def _default_folder(environ: Mapping[str, str]) -> Path:
    if environ.get("NAVARCH_DATA"):
        return Path(environ["NAVARCH_DATA"])
    if environ.get("XDG_DATA_HOME"):
        return Path(environ["XDG_DATA_HOME"]) / "navarch"
    return Path.home() / ".local" / "share" / "navarch"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises: OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as hex digits. Raises: OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
