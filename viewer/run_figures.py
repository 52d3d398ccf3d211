"""The figures of a run's report: its history, its learning curves, and its best on fresh seeds."""

from collections.abc import Sequence
from statistics import quantiles

from navarch.viewer.blocks import Drawing
from navarch.viewer.charts import Axis, Chart, spanning
from navarch.viewer.run_facts import RunFacts

_FEW = 8  # values, below which none is called far from the others
_MOST_CURVES = 400  # lines of one figure; of more trials the best so many are drawn


def history_figure(facts: RunFacts) -> Drawing | None:
    """Draw every trial of the search, the best so far, and what one training each cannot tell from the best."""
    counted = facts.counted
    if not counted:
        return None
    values = [row.val_accuracy or 0.0 for row in counted]
    foot, last = _foot(values), facts.trials[-1].number
    chart = Chart(
        "validation accuracy of every trial",
        Axis("trial", 0.5, last + 0.5, _whole(last)),
        spanning("validation accuracy (%)", [max(value, foot) for value in values]),
    )
    caption = "Each trial of the search (circle) and the best so far (line)."
    if facts.noise is not None:
        reach = facts.noise.smallest_difference()
        chart.band(max(values) - reach, max(values), f"{reach:.2f} points below the best")
        caption += " Shaded: what two single trainings cannot tell from the best of the search."
    best, so_far = -1.0, []
    for row, value in zip(counted, values, strict=True):
        if value > best:
            best = value
            so_far.append((row.number, max(best, foot)))
    chart.line([*so_far, (last + 0.5, best)], "one", steps=True)
    caption += _draw_trials(facts, chart, foot)
    lost = {row.number: f"failed: {row.reason}" for row in facts.trials if row.state == "failed"}
    lost |= {row.number: "stopped early" for row in facts.trials if row.state == "pruned"}
    for row in facts.trials:
        if row.number in lost:
            chart.cross(row.number, f"trial {row.number}: {row.code}, {lost[row.number]}")
    kinds = dict.fromkeys(what.partition(":")[0] for what in lost.values())
    return Drawing(chart.finish(), caption + f" Crosses: {' or '.join(kinds)}." * bool(lost))


def _draw_trials(facts: RunFacts, chart: Chart, foot: float) -> str:
    """Draw a circle for each trial, those far below all others at the foot; return what the caption says of it."""
    won, again = _marked(facts)
    for row in facts.counted:
        value = row.val_accuracy or 0.0
        style = "full two" if row.number == won else "full one" if row.number in again else "hollow grey"
        about = f"trial {row.number}: {row.code}, {value:.2f} %"
        chart.dot(row.number, max(value, foot), style, about, 5 if row.number == won else 4)
    below = sum((row.val_accuracy or 0.0) < foot for row in facts.counted)
    said = " Orange: the best of the run" + ("; blue: confirmed as well." if again else ".")
    return said + (f" {below} far below the others stand{'s' * (below == 1)} at the foot." if below else "")


def _marked(facts: RunFacts) -> tuple[int | None, set[int]]:
    """Return the number of the best trial, and those of all candidates of the confirmation."""
    won = None if facts.best is None else facts.best.number
    found = facts.confirmation
    return won, set() if found is None else {one.confirmed.trial.number for one in found.candidates}


def _foot(values: Sequence[float]) -> float:
    """Return the height below which a value is far from all others: three times the middle half below its low end."""
    if len(values) < _FEW:
        return min(values)
    low, _, high = quantiles(values, n=4)
    return max(min(values), low - 3 * (high - low))


def curves_figure(facts: RunFacts) -> Drawing | None:
    """Draw the learning curve of every trial that has one, the best in colour."""
    rows = [row for row in facts.trials if len(row.curve) > 1]
    drawn = sorted(rows, key=lambda row: -(row.val_accuracy or 0.0))[:_MOST_CURVES]
    lines = {
        row.number: [(p["epoch"], p["val_accuracy"]) for p in row.curve if p.get("val_accuracy") is not None]
        for row in drawn
    }
    points = [point for line in lines.values() for point in line]
    if not points:
        return None
    epochs = [epoch for epoch, _ in points]
    chart = Chart(
        "learning curves",
        Axis("epoch", min(epochs), max(epochs), _whole(max(epochs))),
        spanning("validation accuracy (%)", [value for _, value in points]),
    )
    won, again = _marked(facts)
    for row in reversed(drawn):
        style = "two" if row.number == won else "one" if row.number in again else "faint"
        chart.line(lines[row.number], style, f"trial {row.number}: {row.code}")
    left_out = f" The best {len(drawn)} of {len(rows)} are drawn." if len(drawn) < len(rows) else ""
    named = "; blue: confirmed" if again else ""
    return Drawing(
        chart.finish(),
        f"Validation accuracy by epoch, in the search. Orange: the run's best{named}.{left_out}",
    )


def fresh_figure(facts: RunFacts) -> Drawing | None:
    """Draw the candidates of the confirmation: in the search, on each fresh seed, and their means with intervals."""
    found = facts.confirmation
    rated = [] if found is None else [one for one in found.candidates if one.mean is not None]
    if found is None or not rated:
        return None
    values = [value for one in rated for value in one.confirmed.accuracies]
    values += [one.confirmed.trial.val_accuracy or 0.0 for one in rated]
    bounds = [bound for one in rated if one.mean for bound in one.mean[1:] if bound is not None]
    names = tuple((float(i), f"trial {one.confirmed.trial.number}") for i, one in enumerate(rated))
    # An interval of few seeds may be far wider than the results: it is cut at the edge.
    room = 1.5 * (max(values) - min(values)) or 1.0
    low, high = max(min(bounds), min(values) - room), min(max(bounds), max(values) + room)
    up = spanning("validation accuracy (%)", [*values, low, high])
    chart = Chart("the best on fresh seeds", Axis("", -0.6, len(rated) - 0.4, names), up, height=260)
    for place, one in enumerate(rated):
        row, won = one.confirmed, one.confirmed.trial.number == found.winner
        style = "two" if won else "one"
        if one.mean is not None and one.mean.low is not None and one.mean.high is not None:
            ends = [(place, max(one.mean.low, up.low)), (place, min(one.mean.high, up.high))]
            chart.line(ends, style, f"95 %: {one.mean.low:.2f} to {one.mean.high:.2f} %")
            chart.line(
                [(place - 0.14, one.mean.mean), (place + 0.14, one.mean.mean)],
                style,
                f"mean {one.mean.mean:.2f} %",
            )
        for again in row.repeats:
            if again.val_accuracy is not None:
                chart.dot(
                    place,
                    again.val_accuracy,
                    f"full {style}",
                    f"seed {again.seed}: {again.val_accuracy:.2f} %",
                )
        if row.trial.val_accuracy is not None:
            chart.dot(
                place - 0.25,
                row.trial.val_accuracy,
                "hollow grey",
                f"in the search: {row.trial.val_accuracy:.2f} %",
            )
    return Drawing(
        chart.finish(),
        "Filled: fresh seeds; bar: their mean, with its 95 % interval; hollow: the value in the search, by which the "
        "candidate was chosen.",
    )


def _whole(last: int) -> tuple[tuple[float, str], ...]:
    """Return whole numbers up to the last as labels, about ten."""
    step = next(step for power in range(7) for f in (1, 2, 5) if (step := f * 10**power) * 10 >= last)
    return tuple((float(n), str(n)) for n in range(step, last + 1, step))
