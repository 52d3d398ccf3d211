"""Draw an architecture within bounds of a cost, without endless rejection.

A uniform draw rarely meets a bound in the tail of a space. Here a draw outside the bounds walks towards them:
one-edit steps that lead nearer, until one lands inside; from there MIXING random steps for every dimension, drawn
uniformly and refused where they leave the bounds, so that the chain forgets where it entered and every architecture
inside that such steps reach has about the same chance. It is not exactly uniform: where an edit brings dimensions
into use, steps back and forth differ in chance. In the tail of a space most architectures lie near the bound that
faces its middle, and so do most draws.
"""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from navarch import NavarchError
from navarch.spaces.spec import Architecture

if TYPE_CHECKING:
    from navarch.spaces.space import SearchSpace

STARTS = 20  # uniform draws that a walk starts from
STEPS = 2_000  # steps of one walk towards the bounds
MIXING = 16  # steps inside the bounds for every dimension


def draw_within(
    space: "SearchSpace",
    rng: random.Random,
    measure: Callable[[Architecture], float],
    low: float,
    high: float,
) -> Architecture:
    """Return an architecture with low <= measure <= high.

    Raises: NavarchError that names the nearest measure found, after STARTS walks of STEPS steps.
    """
    nearest: float | None = None
    for _ in range(STARTS):
        arch = space.sample(rng)
        arch, value = _approach(space, rng, arch, measure, low, high)
        if low <= value <= high:
            return _mix(space, rng, arch, measure, low, high)
        if nearest is None or _gap(value, low, high) < _gap(nearest, low, high):
            nearest = value
    raise NavarchError(
        f"{space.name} has no architecture between {low:,g} and {high:,g} that {STARTS} walks found: "
        f"the nearest measured {nearest:,g}"
    )


def _gap(value: float, low: float, high: float) -> float:
    return max(low - value, value - high, 0.0)


def _approach(
    space: "SearchSpace",
    rng: random.Random,
    arch: Architecture,
    measure: Callable[[Architecture], float],
    low: float,
    high: float,
) -> tuple[Architecture, float]:
    """Walk until inside, or to a place that no single edit improves."""
    value = measure(arch)
    for _ in range(STEPS):
        gap = _gap(value, low, high)
        if gap == 0.0:
            break
        for near in rng.sample(neighbours := space.neighbours(arch), len(neighbours)):
            found = measure(near)
            if _gap(found, low, high) < gap:
                arch, value = near, found
                break
        else:
            break
    return arch, value


def _mix(
    space: "SearchSpace",
    rng: random.Random,
    arch: Architecture,
    measure: Callable[[Architecture], float],
    low: float,
    high: float,
) -> Architecture:
    for _ in range(MIXING * len(space.dimensions)):
        near = Architecture(space.name, space.structure.step(arch.values, rng))
        if low <= measure(near) <= high:
            arch = near
    return arch
