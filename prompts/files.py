"""Find prompt files and read them safely: an option's folder, the project's, the installed defaults.

Each file and each partial is looked up on its own, so a project overrides only what it changes. Files are
looked at again on every use: an edit counts from the next call on.
"""

import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from navarch.prompts.problems import fail

Source = Literal["option", "project", "default"]

DEFAULT_FOLDER = Path(__file__).resolve().parent
MAX_BYTES = 256 * 1024
MAX_TEXTS = 512  # kept at once
GRAIN_NS = 2_000_000_000  # the coarsest time stamps of file systems; an edit within one leaves it the same
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}(/[A-Za-z0-9][A-Za-z0-9_-]{0,79}){0,3}")


@dataclass(frozen=True, slots=True)
class PromptFolder:
    """A folder that prompt files come from."""

    path: Path
    source: Source


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of one file: UTF-8, without a byte order mark, lines ended by LF."""

    name: str
    path: Path
    source: Source
    text: str


_TEXTS: dict[tuple[Path, Path], tuple[tuple[int, ...], str]] = {}


def find_folders(option: Path | None, project: Path | None) -> tuple[PromptFolder, ...]:
    """Return the folders in the order of look-up; the defaults are always the last one.

    Raises: PromptError when `option` is given and is not a folder. A missing project folder is no error.
    """
    folders: list[PromptFolder] = []
    if option is not None:
        if not option.is_dir():
            raise fail(option, 0, "is not a folder; --prompts needs a folder with prompt files")
        folders.append(PromptFolder(option, "option"))
    if project is not None and project.is_dir() and not _is_same(project, DEFAULT_FOLDER):
        folders.append(PromptFolder(project, "project"))
    return (*folders, PromptFolder(DEFAULT_FOLDER, "default"))


def is_name(name: str) -> bool:
    """Return whether `name` (a relative path without `.md`) can name a prompt file."""
    return _NAME.fullmatch(name) is not None


def find_text(folders: Sequence[PromptFolder], name: str) -> SourceText | None:
    """Return the text of the first folder that has `name`, or None.

    Raises: PromptError for a file that is unusable.
    """
    if not is_name(name):
        return None
    for folder in folders:
        path = _path_of(folder.path, name)
        state = _look_at(path)
        if state is not None or path.is_symlink() or path.exists():
            return SourceText(name, path, folder.source, _read(path, folder.path, state))
    return None


@lru_cache(maxsize=MAX_TEXTS)
def _path_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.md"


def _look_at(path: Path) -> os.stat_result | None:
    """Return the state of a file, None where there is none or where it cannot be had."""
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def list_names(folder: Path) -> Iterator[str]:
    """Yield the names of the `.md` files of a folder and its direct subfolders, sorted."""
    for path in sorted([*folder.glob("*.md"), *folder.glob("*/*.md")]):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if is_name(name):
            yield name


def _read(path: Path, folder: Path, state: os.stat_result | None) -> str:
    """Return the file's text, from memory while the file on disk is the one that was read.

    What changed a moment ago may change again under the same time stamp, so it is not kept.
    Reads at most one byte more than allowed, and never opens anything but a plain file.
    """
    try:
        state = state or path.stat()
    except OSError as error:
        raise fail(path, 0, f"cannot be read ({_reason(error)}); fix or remove it") from None
    stamp = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    kept = _TEXTS.get((path, folder))
    if kept is None or kept[0] != stamp:
        if len(_TEXTS) >= MAX_TEXTS:
            _TEXTS.clear()
        is_settled = time.time_ns() - state.st_ctime_ns > GRAIN_NS
        kept = (stamp, _read_anew(path, folder, state.st_mode))
        if is_settled:
            _TEXTS[path, folder] = kept
    return kept[1]


def _read_anew(path: Path, folder: Path, mode: int) -> str:
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise fail(path, 0, f"cannot be read ({_reason(error)}); fix or remove it") from None
    if not inside:
        raise fail(path, 0, "is a link that leaves the prompt folder; copy the file instead")
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a plain file"
        raise fail(path, 0, f"is {kind}; a prompt is a text file")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise fail(path, 0, f"cannot be read ({_reason(error)}); check its permissions") from None
    return _decode(path, raw)


def _decode(path: Path, raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise fail(path, 0, f"is larger than {MAX_BYTES // 1024} kB; shorten it")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise fail(path, 1, "is UTF-16; save it as UTF-8")
    if b"\x00" in raw:
        raise fail(
            path, raw[: raw.index(b"\x00")].count(b"\n") + 1, "has a NUL byte; a prompt is a text file"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise fail(path, line, f"is not UTF-8 (byte 0x{raw[error.start]:02x}); save it as UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise fail(path, 1, "is empty; write the prompt or remove the file to use the default")
    return text


def _is_same(left: Path, right: Path) -> bool:
    try:
        return left.samefile(right)
    except OSError:
        return False


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
