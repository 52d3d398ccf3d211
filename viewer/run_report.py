"""The report of one run, as blocks: what was found and how sure that is first, then how, then everything else."""

import json
from collections.abc import Iterator
from statistics import stdev

from navarch.graph.counting import counted
from navarch.memory import TrialRow
from navarch.viewer.blocks import Block, Drawing, Figures, Folded, Heading, Table, Text, to_html, to_markdown
from navarch.viewer.cautions import as_sentence, cautions, confirmation_sentences
from navarch.viewer.confirmation import Candidate
from navarch.viewer.run_facts import RunFacts
from navarch.viewer.run_figures import curves_figure, fresh_figure, history_figure
from navarch.viewer.run_settings import changed_settings, portable
from navarch.viewer.statistics import Estimate

_MOST_ROWS = 500
_BUDGETS = ("epochs", "calls", "tokens", "money", "train_seconds", "seconds")


def write_report(facts: RunFacts, *, is_markdown: bool) -> str:
    """Return the report as the text of a file."""
    run = facts.run
    ended = f"{facts.state}: {run.stop_reason}" if run.stop_reason else facts.state
    lead = (
        f"workflow {run.workflow}, space {run.space}, task {run.task}, evaluator {run.evaluator}, seed {run.seed}; "
        f"{ended}; started {run.created_at[:16].replace('T', ' ')} UTC, navarch {run.version}"
    )
    form = to_markdown if is_markdown else to_html
    return form(f"Run {run.run_id}: {run.space} on {run.task}", lead, list(_blocks(facts)))


def _blocks(facts: RunFacts) -> Iterator[Block]:
    yield Figures(tuple(_key_figures(facts)))
    yield from (Text(sentence, "caution") for sentence in cautions(facts))
    yield from _confirmed(facts)
    yield from _best(facts)
    if facts.trials:
        yield Heading("The search")
        yield from (figure for figure in (history_figure(facts), curves_figure(facts)) if figure is not None)
    yield from _noise(facts)
    yield from _failures(facts)
    yield from _trials(facts)
    yield from _costs(facts)
    yield Heading("Settings")
    changed = ((name, _figure(value)) for name, value in changed_settings(facts.settings))
    yield Table(("setting", "value"), tuple(changed), caption="Those that are not the default.")
    stored = portable(facts.run.settings)
    yield Folded("all settings", json.dumps(stored, indent=1, sort_keys=True, ensure_ascii=False))


def _key_figures(facts: RunFacts) -> Iterator[tuple[str, str, str]]:
    if facts.best is not None:
        by = "of one training; it was chosen by this"
        fresh = None if facts.confirmation is None else facts.confirmation.won
        if fresh is not None and fresh.mean is not None:
            seeds = len(fresh.confirmed.accuracies)
            yield (
                "validation, fresh seeds",
                percent(fresh.mean.mean),
                f"mean of {seeds}; it was chosen by this",
            )
            if fresh.chance is not None:
                yield "probability of being best", f"{fresh.chance:.2f}", f"of {len(_rated(facts))} confirmed"
            by = "of one training"
        yield "validation, in the search", percent(facts.best.val_accuracy), by
    if facts.test is not None:
        yield "test", percent(facts.test.accuracy), "sealed in the search, read once"
    if facts.noise is not None:
        yield "noise", f"{facts.noise.deviation:.2f}", "points, deviation between seeds"
    if facts.is_noise:
        yield "repeats", f"{facts.spent.repeats}", f"of {len(facts.repeats)}"
        return
    yield (
        "trials",
        f"{facts.spent.trials}",
        f"of {facts.settings.budget.trials}; {counted(facts.spent.repeats, 'repeat')}",
    )


def _rated(facts: RunFacts) -> list[Candidate]:
    found = facts.confirmation
    return [] if found is None else [one for one in found.candidates if one.chance is not None]


def _confirmed(facts: RunFacts) -> Iterator[Block]:
    found = facts.confirmation
    if found is None:
        return
    yield Heading("The best, on fresh seeds")
    figure = fresh_figure(facts)
    if figure is not None:
        yield figure
    headings = (
        "trial",
        "code",
        "search",
        "fresh seeds",
        "mean (95 %)",
        "behind the best (95 %)",
        "best with",
        "failed",
    )
    rows = tuple(_confirmed_row(one) for one in found.candidates)
    marked = tuple(i for i, one in enumerate(found.candidates) if one.confirmed.trial.number == found.winner)
    yield Table(headings, rows, marked)
    yield from (Text(as_sentence(text)) for text in confirmation_sentences(found)[1:])


def _confirmed_row(one: Candidate) -> tuple[str, ...]:
    row = one.confirmed
    return (
        str(row.trial.number),
        row.trial.code,
        percent(row.trial.val_accuracy),
        "  ".join(f"{value:.2f}" for value in row.accuracies) or "-",
        _interval(one.mean),
        _interval(one.behind),
        "-" if one.chance is None else f"{one.chance:.3f}",
        ", ".join(f"seed {failed.seed}: {failed.reason}" for failed in row.failed) or "-",
    )


def _best(facts: RunFacts) -> Iterator[Block]:
    best = facts.best
    if best is None:
        return
    yield Heading("The best architecture")
    rows = [
        ("architecture", best.genotype),
        ("code", best.code),
        ("trial", f"{best.number}, of round {best.round}"),
        ("parameters", f"{best.params:,}"),
        ("multiply-accumulates", f"{best.macs:,}"),
    ]
    if "latency_ms" in best.objectives:
        rows.append(("latency", f"{best.objectives['latency_ms']:.2f} ms"))
    yield Table(("", ""), tuple(rows))
    if facts.drawing is not None:
        yield Drawing(facts.drawing, f"{best.code} of {best.space}.")


def _noise(facts: RunFacts) -> Iterator[Block]:
    yield Heading("Noise")
    given = facts.settings.confirm.noise
    if not facts.repeated:
        known = "" if given is None else f" The run was given a deviation of {given:.2f} points."
        yield Text(
            f"Nothing was repeated at this fidelity on other seeds: the noise of it is not known.{known}"
        )
        return
    rows = tuple(
        (
            one.code,
            str(len(one.accuracies)),
            f"{sum(one.accuracies) / len(one.accuracies):.2f}",
            f"{stdev(one.accuracies):.2f}",
        )
        for one in facts.repeated
    )
    yield Table(
        ("code", "seeds", "mean", "deviation"),
        rows,
        caption="Everything that this memory has repeated at this fidelity.",
    )
    if facts.noise is None:
        yield Text("That is too little to tell the deviation between seeds, or every seed gave the same.")
        return
    found = facts.noise
    yield Text(
        f"The deviation between seeds is {found.deviation:.2f} points (95 %: {found.low:.2f} to {found.high:.2f}, "
        f"{found.freedom} degrees of freedom, one deviation taken for all). Two single trials must differ by "
        f"{found.smallest_difference():.2f} points to be told apart, two means of three seeds by "
        f"{found.smallest_difference(3):.2f}."
    )


def _failures(facts: RunFacts) -> Iterator[Block]:
    yield Heading("What failed, and what was refused")
    failed = ", ".join(f"{count} {reason}" for reason, count in facts.failures.items())
    refused = ", ".join(f"{count} {status}" for status, count in facts.refused.items())
    yield Text(f"Failed trials and repeats: {failed or 'none'}. Refused proposals: {refused or 'none'}.")


def _trials(facts: RunFacts) -> Iterator[Block]:
    if not facts.trials:
        return
    yield Heading("Every trial")
    rows = facts.trials[:_MOST_ROWS]
    headings = (
        "trial",
        "round",
        "code",
        "epochs",
        "state",
        "validation",
        "parameters",
        "MACs",
        "seconds",
        "from",
    )
    won = tuple(i for i, row in enumerate(rows) if facts.best is not None and row.number == facts.best.number)
    more = f"The first {len(rows)} of {len(facts.trials)}." if len(rows) < len(facts.trials) else ""
    yield Table(headings, tuple(_trial_row(row) for row in rows), won, more)


def _trial_row(row: TrialRow) -> tuple[str, ...]:
    state = f"{row.state}: {row.reason}" if row.reason else row.state
    accuracy = "-" if row.val_accuracy is None else f"{row.val_accuracy:.2f}"
    cells = (row.number, row.round, row.code, row.epochs, state, accuracy, f"{row.params:,}", f"{row.macs:,}")
    return (*map(str, cells), f"{row.train_seconds:.1f}", row.reused_from or "")


def _costs(facts: RunFacts) -> Iterator[Block]:
    spent = facts.spent
    yield Heading("What it cost")
    used = {
        "epochs": facts.epochs,
        "calls": spent.calls,
        "tokens": spent.tokens,
        "money": facts.money,
        "train_seconds": round(spent.train_seconds, 1),
        "seconds": None,
    }
    rows = [] if facts.is_noise else [("trials", str(spent.trials), str(facts.settings.budget.trials))]
    for name in _BUDGETS:
        limit = getattr(facts.settings.budget, name)
        if used[name] is not None or limit is not None:
            rows.append((name.replace("_", " "), _figure(used[name]), _figure(limit)))
    yield Table(("", "used", "budget"), tuple(rows))
    again, reused = counted(spent.repeats, "repeat"), counted(spent.reused, "trial")
    is_table = facts.settings.evaluator == "table"
    simulated = "The seconds of training are the table's: nothing was trained. " * is_table
    yield Text(
        f"{simulated}Of the training {spent.repeat_seconds:,.1f} s were for {again}; reused and not trained: {reused}. "
        f"Replies: {facts.replies.model} of models, {facts.replies.offline} of offline roles, "
        f"{facts.replies.fallback} of offline roles in a model's place."
    )
    if facts.models:
        names = (
            "model",
            "questions",
            "at_once",
            "extracted",
            "repaired_1",
            "repaired_2",
            "spare",
            "twin",
            "requests",
        )
        told = tuple(tuple(str(ladder.as_dict()[name]) for name in names) for ladder in facts.models)
        yield Table(
            tuple(name.replace("_", " ") for name in names), told, caption="How models' replies fared."
        )


def _figure(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def percent(value: float | None) -> str:
    """Return a percentage with two decimals, or a dash."""
    return "-" if value is None else f"{value:.2f} %"


def _interval(found: Estimate | None) -> str:
    if found is None:
        return "-"
    return f"{found.mean:.2f}" + (
        "" if found.low is None or found.high is None else f" ({found.low:.2f} to {found.high:.2f})"
    )
