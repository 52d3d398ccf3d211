"""Read the settings at the head of a prompt file: role, version note, sampling, declared variables.

The YAML is composed first, so that unknown and repeated keys are refused with the line they stand on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from frontmatter.default_handlers import YAMLHandler

from navarch.prompts.problems import PromptError, fail

KEYS = ("role", "version", "sampling", "variables")
MAX_TOKENS = 200_000


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model draws its reply.

    None leaves the choice to the server. `max_tokens` counts reasoning too.
    """

    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The settings of one prompt file, and its body, padded so that it keeps the file's line numbers.

    `variables` is None where the file declares none: then every variable of the role may be used.
    """

    role: str | None
    version: str
    sampling: Sampling
    variables: tuple[str, ...] | None
    lines: Mapping[str, int]
    body: str


@lru_cache(maxsize=64)
def split_front_matter(path: Path, text: str) -> FrontMatter:
    """Split a file into settings and body. Raises: PromptError naming the line of what is wrong."""
    handler = YAMLHandler()
    if not text.startswith("---"):
        return FrontMatter(None, "", Sampling(), None, {}, text)
    try:
        head, body = handler.split(text)
    except ValueError:
        raise fail(path, 1, "has front matter that is not closed; end it with a line `---`") from None
    skipped = text.count("\n", 0, len(text) - len(body))
    # `head` begins with the line break that ends the opening `---`.
    first_line = text.count("\n", 0, text.index(head)) + 1
    try:
        lines = _key_lines(path, head, first_line)
        values = handler.load(head)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (0 if mark is None else mark.line)
        reason = str(getattr(error, "problem", None) or type(error).__name__)[:120]
        raise fail(path, line, f"has front matter that YAML cannot read ({reason})") from None
    read = _Reader(path, lines, values if isinstance(values, dict) else {})
    return FrontMatter(
        role=read.text("role"),
        version=read.text("version") or "",
        sampling=read.sampling(),
        variables=read.names("variables"),
        lines=lines,
        body="\n" * skipped + body,
    )


def _key_lines(path: Path, head: str, first_line: int) -> dict[str, int]:
    """Return the line (in the file) of each top-level key.

    Refuse what is not a mapping of known keys, each once.
    """
    node = yaml.compose(head, Loader=yaml.SafeLoader)
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise fail(path, 2, "has front matter that is not `key: value` lines")
    lines: dict[str, int] = {}
    for key_node, _ in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + first_line
        if key not in KEYS:
            raise fail(path, line, f"has an unknown setting {key[:40]!r}; known are {', '.join(KEYS)}")
        if key in lines:
            raise fail(path, line, f"has the setting {key!r} twice")
        lines[key] = line
    return lines


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one typed setting at a time and names the line of a wrong one."""

    path: Path
    lines: Mapping[str, int]
    values: Mapping[str, Any]

    def wrong(self, key: str, need: str) -> PromptError:
        shown = repr(self.values.get(key))[:60]
        return fail(self.path, self.lines.get(key, 1), f"has `{key}: {shown}`; it must be {need}")

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, (dict, list)) or not 0 < len(str(value)) <= 200:
            raise self.wrong(key, "a short text")
        return str(value)

    def names(self, key: str) -> tuple[str, ...] | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of names")
        if len(set(value)) != len(value):
            raise self.wrong(key, "a list of different names")
        return tuple(value)

    def sampling(self) -> Sampling:
        value = self.values.get("sampling")
        if value is None:
            return Sampling()
        if not isinstance(value, dict) or not set(value) <= {"temperature", "max_tokens"}:
            raise self.wrong("sampling", "a mapping of temperature and max_tokens")
        temperature, max_tokens = value.get("temperature"), value.get("max_tokens")
        if temperature is not None and not (_is_number(temperature) and 0 <= temperature <= 2):
            raise self.wrong("sampling", "a mapping with a temperature from 0 to 2")
        if max_tokens is not None and not (type(max_tokens) is int and 1 <= max_tokens <= MAX_TOKENS):
            raise self.wrong("sampling", f"a mapping with max_tokens from 1 to {MAX_TOKENS}")
        return Sampling(None if temperature is None else float(temperature), max_tokens)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
