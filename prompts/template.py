"""Compile and render prompt bodies: Jinja2 in its immutable sandbox, over plain data, rendered once.

Covered: no attribute or method of a Python object beyond those of plain data, no file but the texts handed
in, no value rendered as a template, no unbounded repetition by an operator. Not covered: a template of the
user's own that loops long.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from navarch.prompts.fence import fenced, inline
from navarch.prompts.files import SourceText
from navarch.prompts.problems import PromptError, fail

MAX_RENDERED = 1_000_000
MAX_DEPTH = 12
PARTS_AT_ONCE = 64
SCALARS = frozenset({type(None), str, bool, int, float})
_OF_LOOPS = frozenset({"index", "index0", "first", "last", "length"})
_BLANKS = re.compile(r"\n{3,}")
_ERRORS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Text:
    """One compiled file: its source (with the file's own line numbers) and where it came from."""

    source: SourceText
    body: str


def make_environment(texts: Mapping[str, Text]) -> jinja2.Environment:
    """Return the sandbox in which these texts, and only these, can be rendered or included."""
    environment = _Sandbox(
        loader=_Texts(texts),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters.update(FILTERS)
    return environment


def render(
    environment: jinja2.Environment, name: str, data: Mapping[str, Any], texts: Mapping[str, Text]
) -> str:
    """Return the rendered text, blank lines squeezed.

    Raises: PromptError naming the file and line at fault.
    """
    try:
        parts: list[str] = []
        size = 0
        written = environment.get_template(name).generate(data)
        while some := list(islice(written, PARTS_AT_ONCE)):
            parts += some
            size += sum(map(len, some))
            if size > MAX_RENDERED:
                raise ValueError(f"the text grows past {MAX_RENDERED:,} characters")
    except _ERRORS as error:
        raise _explain(error, name, texts) from None
    lines = [line.rstrip() for line in "".join(parts).split("\n")]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


class Checked(dict[str, Any]):
    """Plain data that is known to be plain and never changes, so that it is not looked through again."""

    @cached_property
    def _texts(self) -> dict[str | None, str]:
        return {}

    def text(self, key: str | None = None) -> str:
        """Return it, or what it has under a key, as JSON: equal for equal data. It is written once."""
        if key not in self._texts:
            self._texts[key] = json.dumps(self if key is None else self[key])
        return self._texts[key]


def check_plain(value: Any, where: tuple[str, ...] = ("data",), depth: int = 0) -> Any:
    """Return `value` with tuples as lists.

    Raises: TypeError for anything but plain data (str, int, float, bool, ...), naming the keys `where` it is.
    """
    kind = type(value)
    if kind in SCALARS or kind is Checked:
        return value
    if depth > MAX_DEPTH:
        raise TypeError(f"{'.'.join(where)} is nested too deeply for a prompt")
    if kind is list or kind is tuple or isinstance(value, (list, tuple)):
        return [item if type(item) in SCALARS else check_plain(item, where, depth + 1) for item in value]
    if kind is dict or isinstance(value, Mapping):
        checked = {}
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f"{'.'.join(where)} has a key that is not text")
            checked[key] = item if type(item) in SCALARS else check_plain(item, (*where, key), depth + 1)
        return checked
    raise TypeError(f"{'.'.join(where)} is of type {kind.__name__}, which is not plain data")


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, with a key of the data found before a method of the same name (`trial.values`)."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if type(obj) is LoopContext and attribute in _OF_LOOPS:  # numbers and answers, known to be safe
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not all(type(side) in (int, float, bool) for side in (left, right)) or operator == "**":
            raise SecurityError(f"the operator {operator} is for numbers only, and ** is off")
        return super().call_binop(context, operator, left, right)


class _Texts(jinja2.BaseLoader):
    """Hands out the texts that were read for this prompt, and nothing else."""

    def __init__(self, texts: Mapping[str, Text]) -> None:
        self.texts = texts

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        if template not in self.texts:
            raise jinja2.TemplateNotFound(template)
        return self.texts[template].body, template, lambda: True


def percent(value: Any) -> str:
    """Return a percentage with two decimals, `?` for a missing one."""
    return "?" if value is None else f"{_number(value):.2f}"


def signed(value: Any) -> str:
    """Return a difference in points with its sign."""
    return "?" if value is None else f"{_number(value):+.2f}"


def short(value: Any) -> str:
    """Return a count in three digits or so: 987, 73.3k, 1.07M, 2.5G."""
    if value is None:
        return "?"
    number = _number(value)
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:40]!r} is not a number")
    return float(value)


FILTERS: Mapping[str, Callable[[Any], str]] = {
    "fenced": fenced,
    "inline": inline,
    "percent": percent,
    "signed": signed,
    "short": short,
}


def explain_syntax(error: TemplateSyntaxError, text: SourceText) -> PromptError:
    """Return a syntax error as ours, on the file's own line."""
    return fail(text.path, error.lineno, f"has a template error: {error.message}")


def _explain(error: Exception, name: str, texts: Mapping[str, Text]) -> PromptError:
    """Blame the innermost template line of the traceback (Jinja rewrites it to template names and lines)."""
    at, line = name, 0
    if isinstance(error, TemplateSyntaxError):
        at, line = error.name or name, error.lineno
    else:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in texts:
                at, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
    return fail(texts[at].source.path, line, f"cannot be rendered: {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, UndefinedError):
        return f"{error.message} (a variable or field that does not exist here)"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"the part {error.name!r} is missing"
    if isinstance(error, RecursionError):
        return "it includes itself"
    return f"{str(error)[:200] or type(error).__name__}"
