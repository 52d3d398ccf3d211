"""A user's command or Python function: checked before a run starts, and the task that it stands for."""

import hashlib
import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from navarch import NavarchError
from navarch.evaluation.task import Task, own_task
from navarch.spaces import SearchSpace

RUNNER = "navarch.evaluation.callable.function"
MAX_TEXT = 8 * 1024  # characters of a command
SCRIPT_BYTES = 2**20  # files of the command up to this size count as its code
_FUNCTION = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Command:
    """What to start for each trial: arguments, the program first, and the folder that it runs in.

    label: what the user wrote. code: the files that hold its code, as far as the command names them.
    """

    arguments: tuple[str, ...]
    folder: Path
    label: str
    code: tuple[Path, ...]


def make_command(command: str | None, function: str | None, folder: Path) -> Command:
    """Return what `callable.command` or `callable.function` stands for. Raises: NavarchError with what is wrong."""
    if (command is None) == (function is None):
        raise NavarchError(
            "evaluator 'callable' needs one command or one function: use --set callable.command='python FILE' or "
            "--set callable.function=MODULE:NAME"
        )
    if not folder.is_dir():
        raise NavarchError(f"callable.folder is {str(folder)!r}, which is no folder")
    return _read_command(command, folder) if command is not None else _read_function(str(function), folder)


def callable_task(command: Command, space: SearchSpace) -> Task:
    """Return the task of a user's measurement: its digest follows the command and the files that it names."""
    facts = {"label": command.label, "code": [_hash_file(path) for path in command.code]}
    program = Path(command.arguments[0])
    short = next((path.name for path in command.code if path != program), program.name)
    return own_task(f"callable:{short}", f"your own measurement: {command.label}", space, "callable", facts)


def _read_command(text: str, folder: Path) -> Command:
    if len(text) > MAX_TEXT or not text.isprintable():
        raise NavarchError(
            f"callable.command is {text[:60]!r}: give one line of at most {MAX_TEXT} printable characters"
        )
    try:
        arguments = shlex.split(text)
    except ValueError as error:
        raise NavarchError(
            f"callable.command is {text!r}, which cannot be split into arguments: {error}"
        ) from None
    if not arguments:
        raise NavarchError("callable.command is empty: give a program and its arguments")
    program = str(folder / arguments[0]) if "/" in arguments[0] else arguments[0]
    if shutil.which(program) is None:
        raise NavarchError(
            f"callable.command starts with {arguments[0]!r}, which is no program that can be run "
            f"(looked for in PATH, or from {str(folder)!r} if it has a slash)"
        )
    return Command(
        arguments=(program, *arguments[1:]),
        folder=folder,
        label=text,
        code=_find_code(folder / argument for argument in arguments),
    )


def _read_function(text: str, folder: Path) -> Command:
    match = _FUNCTION.fullmatch(text)
    if match is None:
        raise NavarchError(f"callable.function is {text[:60]!r}: write MODULE:NAME, such as my_eval:measure")
    module = match["module"]
    if PathFinder.find_spec(module.split(".")[0], [str(folder), *sys.path]) is None:
        raise NavarchError(
            f"callable.function is {text!r}, and there is no module {module!r} in {str(folder)!r} or installed"
        )
    file = folder.joinpath(*module.split("."))
    return Command(
        arguments=(sys.executable, "-P", "-m", RUNNER, text),
        folder=folder,
        label=text,
        code=_find_code((file.with_suffix(".py"), file / "__init__.py")),
    )


def _find_code(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return those that are files and small enough for code: not an interpreter, not a data set."""

    def is_code(path: Path) -> bool:
        try:
            return path.is_file() and path.stat().st_size <= SCRIPT_BYTES
        except (OSError, ValueError):  # an argument that cannot be the name of a file
            return False

    return tuple(path for path in paths if is_code(path))


def _hash_file(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise NavarchError(
            f"{str(path)!r}, which callable.command names, cannot be read: {error.strerror}"
        ) from None
