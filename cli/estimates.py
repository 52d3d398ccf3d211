"""How a forecast reads in the terminal, and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from navarch.cli.wording import money

if TYPE_CHECKING:
    from navarch.graph.estimates import Forecast, Span


def about(span: "Span") -> str:
    """Return a count from low to high, each with two digits that mean something."""
    return _from_to(*(f"{_two_digits(value):,.0f}" for value in (span.low, span.high)))


def about_money(span: "Span") -> str:
    """Return an amount of money from low to high."""
    return _from_to(money(span.low), money(span.high))


def about_time(span: "Span") -> str:
    """Return a time from low to high."""
    return _from_to(_time(span.low), _time(span.high))


def facts_of(forecast: "Forecast") -> dict[str, Any]:
    """Return a forecast as plain data."""
    spans = {
        "calls": forecast.calls,
        "input_tokens": forecast.input_tokens,
        "output_tokens": forecast.output_tokens,
        "money": forecast.money,
        "model_seconds": forecast.model_seconds,
        "train_seconds": forecast.train_seconds,
        "seconds": forecast.seconds,
    }
    prompts = [
        {
            "prompt": one.prompt,
            "model": one.model,
            "calls": ends(one.calls),
            "input_tokens": ends(one.input_tokens),
            "output_tokens": ends(one.output_tokens),
            "longest": ends(one.longest),
            "max_tokens": one.max_tokens,
        }
        for one in forecast.prompts
    ]
    return {
        "rounds": forecast.rounds,
        "trials": forecast.trials,
        **{name: ends(span) for name, span in spans.items()},
        "prompts": prompts,
    }


def ends(span: "Span | None") -> Sequence[float] | None:
    """Return a span as [low, high]."""
    return None if span is None else [round(span.low, 6), round(span.high, 6)]


def _from_to(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}") if value >= 100 else round(value)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
