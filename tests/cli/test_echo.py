"""Nothing that a model or a file says can move the cursor, forge a row or reorder text."""

import pytest

from navarch.cli.echo import clean, echo_columns, one_line

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil\x07link\x1b]8;;\x07",
    "\x1b]52;c;Zm9v\x07",
    "\x1b]0;title\x1b\\",
    "over\rwrite",
    "back\b\bspace",
    "bell\x07",
    "\u202eright to left",
    "\u2066isolate\u2069",
    "\x9b31mC1",
    "nul\x00",
    "\x1bPdevice\x1b\\",
    "tab\there",
    "line\u2028separator",
    "\ud800lone",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_cleaned_text_has_no_control_character_but_newlines(text):
    cleaned = clean(text + "\nnext")
    assert not [
        c for c in cleaned if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or 0x202A <= ord(c) <= 0x202E)
    ]
    cleaned.encode()


def test_a_row_stays_one_row(capsys):
    echo_columns(("name", "n"), [["forged\nfinished  trial 9", 1], ["b", 2]])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_long_cell_is_shortened():
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
