"""`navarch prompts compare`: two prompts as a measured factor."""

from typing import TYPE_CHECKING, Annotated

import typer

from navarch import NavarchError
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import ROLES, AsJson, Db, db_path

if TYPE_CHECKING:
    from navarch.viewer.prompt_comparison import Comparison, Figure, PromptComparison, Used
    from navarch.viewer.statistics import Estimate

Side = Annotated[
    str,
    typer.Argument(
        help="RUN or RUN,RUN,... (RUN@FILE of another memory), a folder of memories such as bench/TASK/WORKFLOW, "
        "or PROMPT@VERSION as the trace shows it.",
        show_default=False,
    ),
]


def compare(
    left: Side,
    right: Side,
    role: Annotated[
        str | None, typer.Option(help=f"Only this role: {', '.join(ROLES)}.", show_default=False)
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Look versions up in this run alone.", show_default=False)
    ] = None,
    db: Db = None,
    as_json: AsJson = False,
) -> None:
    """Compare two prompts by what models made of them: two runs, two sets of runs, or two versions.

    For each prompt the shares of questions answered without repair (at once or extracted, as `navarch show` counts
    them), repaired, and answered by the offline twin in the model's place; of architectures that were invalid or known
    already; and tokens. For the search the improvement per call: how far the best validation accuracy after N replies
    lies above the median of all first-round trials of both sides, divided by N; N is the smallest number of replies
    that any of the runs used.

    Each with its 95 % interval, and the difference, right minus left, with its own: Wilson and Newcombe for shares,
    Student for means; runs are paired by seed where both sides have it. A difference whose interval holds 0 may be
    chance.
    """
    from navarch.prompts.variables import ROLE_OF
    from navarch.viewer.prompt_comparison import compare_sides
    from navarch.viewer.prompt_results import read_side

    if role is not None and role not in ROLES:
        raise NavarchError(f"unknown role {role!r}: use one of {', '.join(ROLES)}")
    sides = []
    for name in (left, right):
        side = read_side(name, db_path(db), run)
        sides.append(side.only({prompt for prompt, of in ROLE_OF.items() if role in (None, of)}))
    found = compare_sides(*sides)
    if as_json:
        echo_json(found.as_dict())
        return
    for prompt in found.prompts:
        _show_prompt(prompt, found)
    _show_search(found)
    for name, (one, other) in found.different.items():
        echo(f"not only the prompts differ: {name} is {one} on the left and {other} on the right")
    for note in found.notes:
        echo(note)


def _show_prompt(one: "PromptComparison", found: "Comparison") -> None:
    rows = [
        ["version", *map(_versions, (one.left, one.right)), None],
        ["questions", str(one.left.questions), str(one.right.questions), None],
        ["calls", str(one.left.calls), str(one.right.calls), None],
    ]
    _show_figures(one.prompt, found, [*rows, *map(_row, one.figures)])


def _show_search(found: "Comparison") -> None:
    if found.search is None:
        return
    rows = [["median start %", f"{found.search.start:.2f}", f"{found.search.start:.2f}", None]]
    _show_figures("search", found, [*rows, *map(_row, found.search.figures)])
    if found.search.pairs:
        echo(f"differences of the search are paired by {found.search.pairs} seeds")


def _show_figures(title: str, found: "Comparison", rows: list[list[str | None]]) -> None:
    echo_columns((title, found.left, found.right, "right - left"), rows)
    echo()


def _row(figure: "Figure") -> list[str | None]:
    title = f"{figure.name} %" if figure.is_share else figure.name
    shown = [_text(part, figure.is_share) for part in (figure.left, figure.right)]
    return [title, *shown, _text(figure.difference, figure.is_share, "+")]


def _text(found: "Estimate | None", is_share: bool, sign: str = "") -> str | None:
    """Return a figure with its interval: percent, or three digits that mean something."""
    if found is None:
        return None
    parts = [None if part is None else 100 * part if is_share else part for part in found]
    wide = max(abs(part) for part in parts if part is not None)
    digits = 1 if is_share else 0 if wide >= 100 else 2 if wide >= 1 else 4
    shown = [None if part is None else f"{part:{sign},.{digits}f}" for part in parts]
    return f"{shown[0]}" if None in shown else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _versions(used: "Used") -> str | None:
    if len(used.versions) > 2:
        return f"{len(used.versions)} versions"
    return ", ".join(digest[:8] for digest in used.versions) or None
