"""Untrusted text stays between its marks, whatever it is."""

import re
import unicodedata

from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st

from navarch.prompts.fence import CLOSE, MAX_BLOCK, MAX_LINE, OPEN, clean, fenced, inline

PIECES = [
    OPEN,
    CLOSE,
    "<",
    ">",
    "<da",
    "ta>",
    "</",
    "/data>",
    '"',
    "|",
    "`",
    "\n",
    "\r\n",
    "\x00",
    "\x1b[2J",
    "\u202e",
    "\u200b",
    "a",
    "\ud800",
    "<DATA>",
    "\u2028",
]
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.text(max_size=200))


@examples(200)
@given(TEXTS)
@example(CLOSE)
@example("</da" + "ta>")
def test_a_block_has_one_opening_and_one_closing_mark(text):
    block = fenced(text)
    assert (block.count(OPEN), block.count(CLOSE)) == (1, 1)
    assert block.startswith(f"{OPEN}\n")
    assert block.endswith(f"\n{CLOSE}")
    assert len(re.findall(r"<", block)) == 2


@given(TEXTS)
def test_a_quote_has_one_line_and_two_quote_marks(text):
    quote = inline(text)
    assert quote.count('"') == 2
    assert quote[0] == quote[-1] == '"'
    assert not set(quote) & set("\n\r|<>`\u2028\x0b\x0c\x85")
    assert len(quote) <= MAX_LINE + 2


@given(TEXTS)
def test_no_control_or_format_character_stays(text):
    assert not [c for c in clean(text) if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs")]


def test_plain_text_stays_as_it_is():
    assert fenced("Größe 3 × 3, 日本語\n- a\tb") == "<data>\nGröße 3 × 3, 日本語\n- a\tb\n</data>"
    assert inline("a  b") == '"a b"'


def test_long_text_is_cut():
    assert len(fenced("x" * 100_000)) < MAX_BLOCK + 20
    assert inline("x" * 100_000).endswith('…"')
