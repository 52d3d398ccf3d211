"""Read the text `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), ...)` as plain data.

The text is a call in Python. Only its keywords, texts, whole numbers, lists, tuples and ranges of two numbers are
understood, and nothing is evaluated. A name and an equals sign may stand before the call.
"""

import re
from typing import NamedTuple, NoReturn

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten

CALL = "Genotype"

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>-?\d{1,18})|'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\]*)\"|(?P<sign>[()\[\],=])"
    r"|(?P<end>\Z))",
    re.ASCII,
)
_CLOSING = {"(": ")", "[": "]"}
_MAX_DEPTH = 2  # a list of pairs


class _Token(NamedTuple):
    kind: str
    word: str


def read_call(text: str) -> dict[object, object]:
    """Return the keyword arguments: texts, integers, lists and ranges under their names.

    text: of bounded length. Raises: InvalidArchitecture with what was expected where the text is another.
    """
    scanner = _Scanner(text)
    name = scanner.take("name")
    if scanner.skip("="):
        name = scanner.take("name")
    if name != CALL:
        scanner.refuse(f"{CALL}(normal=[...], reduce=[...])")
    scanner.take_sign("(")
    arguments: dict[object, object] = {}
    while scanner.has_item(")", is_first=not arguments):
        key = scanner.take("name")
        if key in arguments:
            scanner.refuse(f"{key} only once")
        scanner.take_sign("=")
        arguments[key] = _read_value(scanner, 0)
    scanner.take("end")
    return arguments


def _read_value(scanner: "_Scanner", depth: int) -> object:
    kind, word = scanner.next
    if kind == "number":
        return int(scanner.take("number"))
    if kind in ("single", "double"):
        return scanner.take(kind)
    if word == "range" and kind == "name":
        return _read_range(scanner)
    if kind != "sign" or word not in _CLOSING or depth == _MAX_DEPTH:
        scanner.refuse("a list of pairs such as ('sep_conv_3x3', 0), or a list of nodes")
    scanner.take_sign(word)
    items: list[object] = []
    while scanner.has_item(_CLOSING[word], is_first=not items):
        items.append(_read_value(scanner, depth + 1))
    return items


def _read_range(scanner: "_Scanner") -> range:
    scanner.take("name")
    scanner.take_sign("(")
    start = int(scanner.take("number"))
    scanner.take_sign(",")
    stop = int(scanner.take("number"))
    scanner.take_sign(")")
    return range(start, stop)


class _Scanner:
    """The text as tokens, taken one by one; `next` is the one to come."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = self._after = 0
        self.next = _Token("", "")
        self._advance()

    def take(self, kind: str) -> str:
        """Return the next token, which must be of the kind."""
        if self.next.kind != kind:
            self.refuse(
                {"end": "nothing more", "number": "a whole number"}.get(kind, "a name such as normal")
            )
        word = self.next.word
        if kind != "end":
            self._advance()
        return word

    def take_sign(self, sign: str) -> None:
        """Pass the sign, which must come next."""
        if not self.skip(sign):
            self.refuse(repr(sign))

    def skip(self, sign: str) -> bool:
        """Pass the sign and return True if it comes next."""
        if self.next != _Token("sign", sign):
            return False
        self._advance()
        return True

    def has_item(self, closing: str, *, is_first: bool) -> bool:
        """Return whether another item of a list follows, and pass the comma before it, or the closing bracket."""
        if not is_first and not self.skip(","):
            if self.skip(closing):
                return False
            self.refuse(f"a comma or {closing!r}")
        return not self.skip(closing)

    def refuse(self, expected: str) -> NoReturn:
        """Raise the problem: what stands here, and what was expected."""
        rest = shorten(self._text[self._at :].strip())
        raise InvalidArchitecture([Problem("bad-encoding", "", rest, (expected,))])

    def _advance(self) -> None:
        self._at = self._after
        found = _TOKEN.match(self._text, self._after)
        if found is None:
            self.refuse("names, whole numbers, quoted texts, brackets, commas and equals signs")
        self._after = found.end()
        kind = found.lastgroup or ""
        self.next = _Token(kind, found[kind])
