"""The only things a role can say: Direction, Proposals, Verdicts or Lessons, and what two papers' workflows ask for.

Strict pydantic models: unknown keys, NaN, numbers as text, over-long text are refused. Nothing is executed.
The models carry no descriptions: what a model reads about its reply stands in its prompt file.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Line = Annotated[str, Field(min_length=1, max_length=400)]
Name = Annotated[str, Field(min_length=1, max_length=80)]
TrialNumber = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Reply(BaseModel):
    """What every reply has in common: strict types and no unknown keys.

    `batch` names the list of a reply whose items stand for themselves: broken ones cost the others nothing.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
    batch: ClassVar[str] = ""


class Guidance(Reply):
    """The Navigator's advice for one dimension: options to prefer and to avoid."""

    dimension: Name
    prefer: Annotated[list[Name], Field(max_length=16)]
    avoid: Annotated[list[Name], Field(max_length=16)]


class Direction(Reply):
    """The Navigator's reply: where the search goes next, never architectures that must be obeyed."""

    summary: Annotated[str, Field(min_length=1, max_length=1200)]
    patterns: Annotated[list[Line], Field(max_length=8)]
    guidance: Annotated[list[Guidance], Field(max_length=64)]
    build_on: Annotated[list[TrialNumber], Field(max_length=8)]
    explore: Share


Unchecked = (
    Annotated[dict[Name, Name], Field(max_length=256)] | Annotated[str, Field(min_length=1, max_length=1000)]
)


class Proposal(Reply):
    """One unchecked architecture: an object of dimension to option, or the compact code."""

    architecture: Unchecked
    why: Annotated[str, Field(max_length=400)]


class Proposals(Reply):
    """The Generator's reply: a batch of proposals."""

    batch: ClassVar[str] = "proposals"

    proposals: Annotated[list[Proposal], Field(min_length=1, max_length=64)]


class Verdict(Reply):
    """The Critic's judgement of one candidate; a higher score is evaluated earlier."""

    candidate: Annotated[int, Field(ge=1, le=64)]
    decision: Literal["accept", "veto"]
    score: Share
    reason: Line


class Verdicts(Reply):
    """The Critic's reply: a verdict for each candidate it was shown."""

    batch: ClassVar[str] = "verdicts"

    verdicts: Annotated[list[Verdict], Field(min_length=1, max_length=64)]


class Lesson(Reply):
    """One thing learnt, with the trials that speak for it and against it."""

    statement: Line
    dimension: Name | None
    option: Name | None
    effect: Literal["helps", "hurts", "unclear"]
    supports: Annotated[list[TrialNumber], Field(min_length=1, max_length=16)]
    contradicts: Annotated[list[TrialNumber], Field(max_length=16)]


class Lessons(Reply):
    """The Distiller's reply: at most one new lesson a round, and the numbers of lessons to retire."""

    batch: ClassVar[str] = "lessons"

    lessons: Annotated[list[Lesson], Field(max_length=1)]
    retire: Annotated[list[TrialNumber], Field(max_length=16)]


class Heading(Guidance):
    """Where to go in one dimension, in words, and in options where the words name some."""

    advice: Line


class Strategy(Reply):
    """What the Navigator of `collm-nas` says: words for a Generator that sees nothing else of the search."""

    summary: Annotated[str, Field(min_length=1, max_length=1200)]
    patterns: Annotated[list[Line], Field(max_length=12)]
    directions: Annotated[list[Heading], Field(max_length=64)]


class Evolution(Reply):
    """A self-evolution step of `seki`: how to better the current architecture, then the one that does so."""

    strategies: Annotated[list[Line], Field(min_length=1, max_length=8)]
    architecture: Unchecked


class Patterns(Reply):
    """What the Distiller of `seki` finds that good architectures have in common."""

    patterns: Annotated[list[Line], Field(min_length=1, max_length=8)]
