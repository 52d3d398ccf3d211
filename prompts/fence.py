"""Put text of unknown origin between marks that it cannot close.

Covered: the marks themselves, half marks, control and bidi characters, line breaks in a line, quotes in a
quote. Not covered: what the text says. A model may still believe it; what that can cost is bounded by the
reply types.
"""

import re
import unicodedata

OPEN, CLOSE = "<data>", "</data>"
MAX_LINE, MAX_BLOCK = 400, 8_000

_SPACES = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n{3,}")
# No text keeps an angle bracket, so none can spell a mark, whole or in half; quotes and bars would end a
# quote or a cell.
_IN_BLOCK = str.maketrans({"<": "‹", ">": "›"})
_IN_LINE = str.maketrans({"<": "‹", ">": "›", '"': "'", "|": "¦", "`": "'"})


def clean(text: str) -> str:
    """Return `text` without control, format (bidi, zero width), surrogate and private characters.

    Breaks and tabs stay.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )


def fenced(value: object) -> str:
    """Return untrusted text as a block between one opening and one closing mark, cut at 8,000 characters."""
    text = _BLANK_LINES.sub("\n\n", _cut(clean(str(value)), MAX_BLOCK).strip().translate(_IN_BLOCK))
    return f"{OPEN}\n{text}\n{CLOSE}"


def inline(value: object) -> str:
    """Return untrusted text as one quoted line of at most 400 characters."""
    text = _SPACES.sub(" ", clean(str(value)[: 4 * MAX_LINE])).strip().translate(_IN_LINE)
    return f'"{_cut(text, MAX_LINE)}"'


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
