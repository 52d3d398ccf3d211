"""Figures of what a run would take, each from low to high, and their sums."""

from collections.abc import Iterable
from dataclasses import dataclass

from navarch.graph.settings import RoleName
from navarch.memory import Prices


@dataclass(frozen=True, slots=True)
class Span:
    """A figure that is not known exactly."""

    low: float
    high: float

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def times(self, low: float, high: float) -> "Span":
        """Return the span with each end multiplied."""
        return Span(self.low * low, self.high * high)


@dataclass(frozen=True, slots=True)
class Question:
    """One question that a role would be asked: its size in characters, and the size of the twin's reply."""

    round: int
    prompt: str
    role: RoleName
    messages: int
    chars: int
    reply_chars: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A run as it was rehearsed: every question to a model, and what was tried, its epochs in all."""

    asked: tuple[Question, ...]
    rounds: int
    trials: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What a pilot measured of one prompt; None where its calls did not say.

    chars_per_token: of what was sent. output_tokens, seconds: of one call. turns: calls for one question, repairs
    included.
    """

    chars_per_token: Span | None
    output_tokens: Span | None
    seconds: Span
    turns: float


@dataclass(frozen=True, slots=True)
class PromptForecast:
    """What the calls with one prompt take in all; `longest` is the longest request in tokens, without its reply."""

    prompt: str
    model: str
    calls: Span
    input_tokens: Span
    output_tokens: Span
    longest: Span
    max_tokens: int
    seconds: Span | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run takes.

    train_seconds: of all trials together, None where nobody knows. slots: trials that run at once.
    """

    rounds: int
    trials: int
    prompts: tuple[PromptForecast, ...]
    prices: Prices | None
    train_seconds: Span | None
    slots: int

    @property
    def calls(self) -> Span:
        """Return the model calls."""
        return total(one.calls for one in self.prompts)

    @property
    def input_tokens(self) -> Span:
        """Return the tokens that are sent."""
        return total(one.input_tokens for one in self.prompts)

    @property
    def output_tokens(self) -> Span:
        """Return the tokens of replies, reasoning included."""
        return total(one.output_tokens for one in self.prompts)

    @property
    def money(self) -> Span | None:
        """Return the price of all calls, None where no price is stated."""
        if self.prices is None:
            return None
        into, out = self.prices.input / 1e6, self.prices.output / 1e6
        return self.input_tokens.times(into, into) + self.output_tokens.times(out, out)

    @property
    def model_seconds(self) -> Span | None:
        """Return the time spent on waiting for models, None where it was not measured."""
        known = [one.seconds for one in self.prompts if one.seconds is not None]
        return total(known) if len(known) == len(self.prompts) else None

    @property
    def seconds(self) -> Span | None:
        """Return the wall-clock time, None where a part of it is not known."""
        calls, trials = self.model_seconds, self.train_seconds
        return (
            None if calls is None or trials is None else calls + trials.times(1 / self.slots, 1 / self.slots)
        )


def total(spans: Iterable[Span]) -> Span:
    """Return the sum of spans."""
    found = Span(0.0, 0.0)
    for span in spans:
        found = found + span
    return found
