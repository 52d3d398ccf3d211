"""A report as blocks, and the two forms that it is written in: one self-contained HTML page, or Markdown.

The page has no script and loads nothing; figures are SVG inside it and follow the reader's light or dark
theme. Markdown has no figures: it says what they show. Everything that is not ours is escaped in both.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_MARKS = re.compile(r"([\\`*_\[\]<>|#])")


@dataclass(frozen=True, slots=True)
class Heading:
    """Begins a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; a caution stands out."""

    text: str
    kind: Literal["plain", "caution"] = "plain"


@dataclass(frozen=True, slots=True)
class Figures:
    """Key figures: (what it is, value, a word on it)."""

    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under headings; `marked` rows stand out. `caption` is said above it."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: tuple[int, ...] = ()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG of our own making, and what it shows in words."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Folded:
    """Long text that a reader may open."""

    title: str
    text: str


Block = Heading | Text | Figures | Table | Drawing | Folded

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1d2026; --soft: #5b616b; --line: #d9dce1; --card: #f4f5f7;
  --mark: #e8f1fd; --warn: #fff4dc; --one: #0072b2; --two: #d55e00; --grey: #9aa1ac }
@media (prefers-color-scheme: dark) { :root { --page: #14161a; --ink: #e8eaee; --soft: #a4abb6; --line: #343942;
  --card: #1f2329; --mark: #1b2c40; --warn: #3a3017; --one: #56b4e9; --two: #f0995b; --grey: #6d7480 } }
body { margin: 0 auto; max-width: 58rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem }
p { margin: .5rem 0 } .lead { color: var(--soft) }
.caution { background: var(--warn); border-radius: 6px; padding: .5rem .75rem }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1rem 0 }
.figures div { background: var(--card); border-radius: 8px; padding: .6rem .9rem }
.figures b { display: block; font-size: 1.35rem }
.figures span { color: var(--soft); font-size: .85rem; display: block }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
td, th { padding: .25rem .9rem .25rem 0; vertical-align: top; white-space: nowrap }
td, th { border-bottom: 1px solid var(--line) }
th { text-align: left; color: var(--soft); font-weight: 600 } th.number { text-align: right }
td.words { white-space: normal; min-width: 14rem; overflow-wrap: anywhere }
td.number { text-align: right } tr.marked td { background: var(--mark) }
figure { margin: 1rem 0 } figure svg { max-width: 100%; height: auto }
figcaption { color: var(--soft); font-size: .9rem }
pre { background: var(--card); border-radius: 6px; padding: .75rem; overflow-x: auto; font-size: .85rem }
summary { cursor: pointer }
"""
_NUMBER = re.compile(r"[-+−]?[\d,]*\.?\d+( ?[%sk]| M| MiB)?")


def to_html(title: str, lead: str, blocks: Sequence[Block]) -> str:
    """Return the page."""
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{_html(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f'<h1>{_html(title)}</h1><p class="lead">{_html(lead)}</p>',
        *map(_html_block, blocks),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def to_markdown(title: str, lead: str, blocks: Sequence[Block]) -> str:
    """Return the same without figures."""
    return "\n\n".join([f"# {_md(title)}", _md(lead), *map(_md_block, blocks)]) + "\n"


def _html_block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{_html(text)}</h2>"
        case Text(text, kind):
            return f'<p class="{kind}">{_html(text)}</p>'
        case Figures(items):
            cards = (
                f"<div><span>{_html(n)}</span><b>{_html(v)}</b><span>{_html(w)}</span></div>"
                for n, v, w in items
            )
            return f'<div class="figures">{"".join(cards)}</div>'
        case Table():
            return _html_table(block)
        case Drawing(svg, caption):
            return f"<figure>{svg}<figcaption>{_html(caption)}</figcaption></figure>"
        case Folded(title, text):
            return f"<details><summary>{_html(title)}</summary><pre>{_html(text)}</pre></details>"


def _html_table(table: Table) -> str:
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.headings)
    kinds = [_kind(name, column) for name, column in zip(table.headings, columns, strict=True)]
    shown = "".join(
        f'<th class="{kind}">{_html(name)}</th>' for name, kind in zip(table.headings, kinds, strict=True)
    )
    rows = "".join(
        f"<tr{' class=marked' if number in table.marked else ''}>"
        + "".join(f'<td class="{kind}">{_html(cell)}</td>' for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for number, row in enumerate(table.rows)
    )
    caption = f"<p>{_html(table.caption)}</p>" if table.caption else ""
    return f'{caption}<div class="wide"><table><thead><tr>{shown}</tr></thead><tbody>{rows}</tbody></table></div>'


def _kind(heading: str, cells: Sequence[str]) -> str:
    """Return how a column is set: numbers to the right, long words in lines. A code is no number, though of digits."""
    if (
        heading != "code"
        and any(map(_NUMBER.fullmatch, cells))
        and all(cell in ("", "-") or _NUMBER.fullmatch(cell) for cell in cells)
    ):
        return "number"
    return "words" if any(len(cell) > 48 for cell in cells) else "word"


def _md_block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_md(text)}"
        case Text(text, kind):
            return f"> {_md(text)}" if kind == "caution" else _md(text)
        case Figures(items):
            return "\n".join(
                f"- {_md(name)}: **{_md(value)}** {_md(word)}".rstrip() for name, value, word in items
            )
        case Table(headings, rows, _, caption):
            lines = [headings, tuple("---" for _ in headings), *rows]
            drawn = "\n".join(
                "| " + " | ".join(c if i == 1 else _md(c) for c in line) + " |"
                for i, line in enumerate(lines)
            )
            return f"{_md(caption)}\n\n{drawn}" if caption else drawn
        case Drawing(_, caption):
            return f"*(figure, in the HTML form: {_md(caption)})*"
        case Folded(title, text):
            return f"{_md(title)}\n\n" + "\n".join(f"    {line}" for line in _clean(text).splitlines())


def _html(text: str) -> str:
    return html.escape(_clean(text))


def _md(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(_clean(text).split()))


def _clean(text: str) -> str:
    return _CONTROLS.sub("", text)
