"""Read one prompt with the parts it includes, and compile it.

The body of a role's prompt has a system part and a user part, split at the line `<!-- user -->` before
anything is rendered, so that no value can move the border.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.exceptions import TemplateSyntaxError

from navarch.prompts.files import PromptFolder, Source, SourceText, find_text, is_name
from navarch.prompts.front_matter import FrontMatter, Sampling, split_front_matter
from navarch.prompts.names import BadName, NameCheck, included
from navarch.prompts.problems import fail
from navarch.prompts.reads import Reads, find_reads
from navarch.prompts.template import Text, explain_syntax, make_environment, render
from navarch.prompts.variables import ROLE_OF, VARIABLES

USER_MARK = "<!-- user -->"
SYSTEM, USER = "system", "user"
MAX_PARTS = 64
MAX_COMPILED = 128  # kept at once
MAX_KEPT = 256  # rendered texts of a prompt


@dataclass(frozen=True, slots=True)
class PromptFile:
    """One prompt file in force. `digest` covers the file and its `parts`, wherever they lie."""

    name: str
    path: Path
    source: Source
    digest: str
    role: str
    version: str
    sampling: Sampling
    variables: tuple[str, ...]
    parts: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The texts of one prompt as they are on disk now: `pieces` are its system and user bodies."""

    main: SourceText
    matter: FrontMatter
    pieces: Mapping[str, str]
    parts: tuple[SourceText, ...]

    def digest(self) -> str:
        """Return the sha256 over names and texts: the same wherever the files lie."""
        texts = sorted((text.name, text.text) for text in (self.main, *self.parts))
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A compiled prompt.

    Its file, the texts that it was made of (`files`, and by template `texts`), and what its names showed: `bad` ones,
    the `used` variables of those that are known, all that rendering can ask for (`needed`). Where one piece depends on
    little that changes, its last texts are kept, by what they depend on.
    """

    file: PromptFile
    matter: FrontMatter
    files: tuple[SourceText, ...]
    texts: Mapping[str, Text]
    environment: jinja2.Environment
    bad: tuple[BadName, ...]
    used: frozenset[str]
    needed: frozenset[str]
    reads: Reads | None
    kept: dict[str, str] = field(default_factory=dict)

    def render(self, piece: str, values: Mapping[str, Any]) -> str:
        """Return a piece rendered with plain data, "" where the prompt has no such piece. Raises: PromptError."""
        if piece not in self.texts:
            return ""
        if self.reads is None or (piece == USER and SYSTEM in self.texts):
            return render(self.environment, piece, values, self.texts)
        key = self.reads.key(values)
        text = self.kept.get(key)
        if text is None:
            text = render(self.environment, piece, values, self.texts)
            if len(self.kept) >= MAX_KEPT:
                self.kept.clear()
            self.kept[key] = text
        return text


_COMPILED: dict[tuple[SourceText, ...], Loaded] = {}


def read_prompt(folders: Sequence[PromptFolder], name: str) -> Sources:
    """Return the texts of a prompt and its parts. Raises: PromptError."""
    main = find_text(folders, name) if name in VARIABLES else None
    if main is None:
        raise fail(repr(name)[:80], 0, f"is not the name of a prompt; known are {', '.join(VARIABLES)}")
    matter = split_front_matter(main.path, main.text)
    expected = role_of(name)
    if matter.role is not None and matter.role != expected:
        raise fail(
            main.path, matter.lines["role"], f"has the role {matter.role!r}; in this file it is {expected!r}"
        )
    pieces = _split_body(main, matter)
    return Sources(main, matter, pieces, _read_parts(folders, main, pieces))


def compile_prompt(sources: Sources) -> Loaded:
    """Compile a prompt and check its names; equal texts at equal paths are compiled once in a process.

    Raises: PromptError for a syntax error, a filter or a test that is unknown.
    """
    key = (sources.main, *sources.parts)
    loaded = _COMPILED.get(key)
    if loaded is None:
        loaded = _compile(sources)
        if len(_COMPILED) >= MAX_COMPILED:  # another thread may empty it too
            _COMPILED.clear()
        _COMPILED[key] = loaded
    return loaded


def _compile(sources: Sources) -> Loaded:
    main, matter = sources.main, sources.matter
    texts = {piece: Text(main, body) for piece, body in sources.pieces.items()}
    texts |= {f"{part.name}.md": Text(part, part.text) for part in sources.parts}
    environment = make_environment(texts)
    for name, text in texts.items():
        try:
            environment.get_template(name)  # it stays compiled
        except TemplateSyntaxError as error:
            raise explain_syntax(error, text.source) from None
    trees = {name: parse(text.source, text.body) for name, text in texts.items()}
    check = NameCheck(trees, VARIABLES[main.name])
    for piece in sources.pieces:
        check.run(piece)
    names = (name for tree in trees.values() for name in tree.find_all(jinja2.nodes.Name))
    file = PromptFile(
        name=main.name,
        path=main.path,
        source=main.source,
        digest=sources.digest(),
        role=role_of(main.name),
        version=matter.version,
        sampling=matter.sampling,
        variables=matter.variables if matter.variables is not None else tuple(VARIABLES[main.name]),
        parts=tuple(part.name for part in sources.parts),
        text=main.text,
    )
    return Loaded(
        file=file,
        matter=matter,
        files=(main, *sources.parts),
        texts=texts,
        environment=environment,
        bad=tuple(dict.fromkeys(check.bad)),
        used=frozenset(check.used),
        needed=frozenset(name.name for name in names if name.ctx == "load"),
        reads=find_reads(trees, SYSTEM if SYSTEM in trees else USER),
    )


def role_of(name: str) -> str:
    """Return what `role:` says in a prompt file: its role, `repair`, or `offline` for the twins' phrases."""
    return ROLE_OF.get(name, name.split("/")[0])


@lru_cache(maxsize=256)
def parse(source: SourceText, body: str) -> jinja2.nodes.Template:
    """Return the syntax tree of a body, only to be read: it is kept. Raises: PromptError with the file's line."""
    try:
        return _SYNTAX.parse(body)
    except TemplateSyntaxError as error:
        raise explain_syntax(error, source) from None
    except RecursionError:
        raise fail(source.path, 0, "has a template that is nested too deeply; simplify it") from None


def _split_body(main: SourceText, matter: FrontMatter) -> dict[str, str]:
    """Return the system and user bodies, padded so that line numbers stay those of the file."""
    lines = matter.body.split("\n")
    marks = [number for number, line in enumerate(lines) if line.strip() == USER_MARK]
    if main.name not in ROLE_OF:
        if marks:
            raise fail(
                main.path, marks[0] + 1, f"has a line {USER_MARK}, which only the prompts of the roles have"
            )
        pieces = {USER: matter.body}
    elif len(marks) != 1:
        line = marks[1] + 1 if marks else len(lines)
        raise fail(
            main.path, line, f"needs exactly one line {USER_MARK}, between its system and its user part"
        )
    else:
        at = marks[0]
        pieces = {SYSTEM: "\n".join(lines[:at]), USER: "\n" * (at + 1) + "\n".join(lines[at + 1 :])}
    for piece, body in pieces.items():
        if not body.strip():
            raise fail(main.path, body.count("\n") + 1, f"has an empty {piece} part; write it")
    return pieces


def _read_parts(
    folders: Sequence[PromptFolder], main: SourceText, pieces: Mapping[str, str]
) -> tuple[SourceText, ...]:
    """Return the parts that a prompt includes, also through other parts, each once."""
    found: dict[str, SourceText] = {}
    waiting = [(main, body) for body in pieces.values()]
    while waiting:
        parent, body = waiting.pop(0)
        for target, line in _included(parent, body):
            part = _find_part(folders, parent, target, line)
            if part.name in found:
                continue
            if len(found) == MAX_PARTS:
                raise fail(
                    parent.path, line, f"is part {MAX_PARTS + 1} of one prompt; {MAX_PARTS} are allowed"
                )
            found[part.name] = part
            waiting.append((part, part.text))
    return tuple(found.values())


@lru_cache(maxsize=256)
def _included(source: SourceText, body: str) -> tuple[tuple[str | None, int], ...]:
    """Return what a body includes; kept, because every render asks again."""
    return tuple(included(parse(source, body)))


def _find_part(
    folders: Sequence[PromptFolder], parent: SourceText, target: str | None, line: int
) -> SourceText:
    if target is None:
        raise fail(parent.path, line, 'includes a computed name; write {% include "parts/NAME.md" %}')
    name = target.removesuffix(".md")
    if not target.endswith(".md") or not name.startswith("parts/") or not is_name(name):
        raise fail(parent.path, line, f'includes {target[:80]!r}; a part is named "parts/NAME.md"')
    part = find_text(folders, name)
    if part is None:
        raise fail(parent.path, line, f"includes {target!r}, which is in none of the prompt folders")
    return part


_SYNTAX = make_environment({})
