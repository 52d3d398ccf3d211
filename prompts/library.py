"""`PromptLibrary`: list, show, check and render the prompt files in force.

Every use looks at the files again, so an edit during a run counts from the next call on and shows in the trace
by its digest.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from navarch.prompts.check import check_prompts
from navarch.prompts.files import SourceText, find_folders, find_text, list_names
from navarch.prompts.front_matter import Sampling
from navarch.prompts.load import SYSTEM, USER, Loaded, PromptFile, compile_prompt, read_prompt
from navarch.prompts.problems import PromptProblem, fail
from navarch.prompts.template import check_plain
from navarch.prompts.variables import VARIABLES

MAX_PHRASE = 400


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered prompt.

    The `system` text ("" where the file has no such part), the `user` text, and its origin.
    """

    name: str
    system: str
    user: str
    digest: str
    version: str
    sampling: Sampling


class PromptLibrary:
    """The prompt files in force.

    An option's folder, then the project's `prompts/`, then the installed defaults.
    """

    def __init__(self, option: Path | None = None, project: Path | None = Path("prompts")) -> None:
        self.folders = find_folders(option, project)
        self._loaded: dict[str, Loaded] = {}
        self._looked_at: set[str] | None = None

    def get(self, name: str) -> PromptFile:
        """Return one prompt by name (`navigator`, `offline/lesson`). Raises: PromptError."""
        return self._load(name).file

    def list(self) -> tuple[PromptFile, ...]:
        """Return every prompt.

        The roles', the repair turn, the offline twins' phrases. Raises: PromptError.
        """
        return tuple(self.get(name) for name in VARIABLES)

    def parts(self) -> tuple[SourceText, ...]:
        """Return every part that a prompt may include, the defaults and the user's own.

        Raises: PromptError.
        """
        names = {n for folder in self.folders for n in list_names(folder.path) if n.startswith("parts/")}
        found = (find_text(self.folders, name) for name in sorted(names))
        return tuple(text for text in found if text is not None)

    def render(self, name: str, data: Mapping[str, Any]) -> Rendered:
        """Render a prompt with plain data. Raises: PromptError naming the file and line at fault.

        An unknown name is refused also where this data would not reach it, so that a run fails early or not
        at all. Data that the prompt does not use is not looked at.
        """
        loaded = self._load(name)
        file = loaded.file
        for bad in loaded.bad:
            raise fail(loaded.texts[bad.template].source.path, bad.line, bad.message)
        try:
            values = check_plain({key: data[key] for key in data if key in loaded.needed})
        except TypeError as error:
            raise fail(file.path, 0, f"cannot be rendered: {error}") from None
        system, user = (loaded.render(piece, values) for piece in (SYSTEM, USER))
        return Rendered(file.name, system, user, file.digest, file.version, file.sampling)

    def phrase(self, name: str, data: Mapping[str, Any]) -> str:
        """Render a sentence of an offline twin: one line of at most 400 characters. Raises: PromptError."""
        text = " ".join(self.render(name, data).user.split())
        return text if len(text) <= MAX_PHRASE else text[: MAX_PHRASE - 1] + "…"

    def check(self) -> tuple[PromptProblem, ...]:
        """Return what is wrong with any prompt in force, with file and line; empty when all is well."""
        return check_prompts(self.folders)

    @contextmanager
    def looking_once(self) -> Iterator[None]:
        """Look at each file once while the block runs, so that the phrases of one reply are of one version."""
        self._looked_at = set()
        try:
            yield
        finally:
            self._looked_at = None

    def _load(self, name: str) -> Loaded:
        """Return a prompt as its files are now; it is read anew when any of them is another."""
        kept, looked_at = self._loaded.get(name), self._looked_at
        if kept is not None and looked_at is not None and name in looked_at:
            return kept
        if kept is None or any(find_text(self.folders, text.name) != text for text in kept.files):
            kept = self._loaded[name] = compile_prompt(read_prompt(self.folders, name))
        if looked_at is not None:
            looked_at.add(name)
        return kept
