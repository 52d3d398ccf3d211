"""What each role sees: plain frozen data, built from memory, rendered by prompts and read by offline twins.

A view holds no name of a benchmark, no path and no key. `to_dict` gives the plain data for a prompt file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any

from navarch.prompts import SCALARS, Checked, check_plain


@dataclass(frozen=True)
class SpaceView:
    """The search space in plain data (`SearchSpace.describe`); `example` has an option for each dimension.

    prior: the architecture that the space says to start from, where the run allows it.
    """

    summary: str
    dimensions: tuple[Mapping[str, Any], ...]
    rules: tuple[str, ...]
    size: int
    code_example: str
    example: tuple[str, ...]
    constraints: tuple[Mapping[str, Any], ...] = ()
    prior: tuple[str, ...] | None = None

    @cached_property
    def plain(self) -> Checked:
        """Return it as plain data; a run has one space for all its views."""
        return _record(self)


@dataclass(frozen=True, slots=True)
class TrialView:
    """One finished trial: `number` is its name in the run, `values` the option names in dimension order."""

    number: int
    round: int
    code: str
    values: tuple[str, ...]
    state: str
    reason: str | None
    detail: str
    val_accuracy: float | None
    params: int
    macs: int
    feedback: Mapping[str, Any] | None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class LessonView:
    """One active lesson with the numbers of the trials for and against it."""

    number: int
    statement: str
    dimension: str | None
    option: str | None
    effect: str
    supports: tuple[int, ...]
    contradicts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProblemView:
    """A proposal that was refused, and why: the Generator sees these when it is asked again."""

    architecture: str
    status: str
    problems: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate; `estimate` and `uncertainty` (percent) are the surrogate's, None before it has data.

    proxies: in the order of the view's, None where one could not be measured.
    """

    index: int
    code: str
    values: tuple[str, ...]
    params: int
    macs: int
    why: str
    estimate: float | None
    uncertainty: float | None
    nearest: int | None
    nearest_distance: int | None
    proxies: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Mission:
    """What the search is for and what is left: shared by all roles. `metric` is maximised."""

    metric: str
    classes: int
    resolution: int
    in_channels: int
    train_images: int
    epochs: int
    target: float | None
    max_params: int | None
    max_macs: int | None
    round: int
    trials_done: int
    trials_budget: int
    max_latency_ms: float | None = None


class View:
    """The base of the four views."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data (str, int, float, bool, list, dict, None) for rendering."""
        return _record(self)

    def lazily(self, **more: Any) -> Mapping[str, Any]:
        """Return the same and more, each made plain when it is asked for: no prompt uses all of a view."""
        return _Lazily(self, more)


class _Lazily(Mapping[str, Any]):
    """The plain data of a view by name, and more beside it."""

    def __init__(self, view: View, more: dict[str, Any]) -> None:
        self._view = view
        self._more = more
        self._names = (*_names(type(view)), *more)

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._more[name] if name in self._more else _plain(getattr(self._view, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _plain(value: Any) -> Any:
    """Return a view's part as plain data. Raises: TypeError for what is none."""
    if isinstance(value, tuple):
        return [item if type(item) in SCALARS else _plain(item) for item in value]
    if isinstance(value, SpaceView):
        return value.plain
    return _record(value) if _names(type(value)) else check_plain(value)


def _record(value: Any) -> Checked:
    items = ((name, getattr(value, name)) for name in _names(type(value)))
    return Checked({name: item if type(item) in SCALARS else _plain(item) for name, item in items})


def _names(kind: type) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass; none of another type."""
    found = _NAMES.get(kind)
    if found is None:
        found = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
        _NAMES[kind] = found
    return found


_NAMES: dict[type, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class NavigatorView(View):
    """The Navigator sees all: `new` are the trials since its last turn, `top` the best, `history` both.

    digest: the few trials that sum the history up. said: what it said last, {} at the beginning.
    """

    mission: Mission
    space: SpaceView
    new: tuple[TrialView, ...]
    top: tuple[TrialView, ...]
    history: tuple[TrialView, ...]
    lessons: tuple[LessonView, ...]
    refused: Mapping[str, int]
    rounds_without_gain: int
    digest: tuple[TrialView, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GeneratorView(View):
    """The Generator is stateless: direction, lessons, trials to build on, history, codes to avoid, refusals."""

    mission: Mission
    space: SpaceView
    direction: Mapping[str, Any]
    lessons: tuple[LessonView, ...]
    build_on: tuple[TrialView, ...]
    avoid: tuple[str, ...]
    count: int
    refused: tuple[ProblemView, ...]
    history: tuple[TrialView, ...] = ()


@dataclass(frozen=True, slots=True)
class CriticView(View):
    """The Critic sees this round's candidates with the surrogate's estimates, the best trials, and the history.

    proxies: the names of the zero-cost proxies that were measured of the candidates, besides parameters and MACs.
    """

    mission: Mission
    space: SpaceView
    direction: Mapping[str, Any]
    lessons: tuple[LessonView, ...]
    top: tuple[TrialView, ...]
    candidates: tuple[CandidateView, ...]
    keep: int
    history: tuple[TrialView, ...] = ()
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DistillerView(View):
    """The Distiller sees the round's outcomes with feedback, the history that holds them, and the lessons.

    digest: the few trials that sum the history up.
    """

    mission: Mission
    space: SpaceView
    new: tuple[TrialView, ...]
    history: tuple[TrialView, ...]
    lessons: tuple[LessonView, ...]
    digest: tuple[TrialView, ...] = ()
