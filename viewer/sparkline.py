"""A curve in one line of text."""

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 12) -> str:
    """Return a bar for each value, from the lowest to the highest of them; of more than `width` evenly spread ones.

    The last value is always shown. Equal values are bars of half the height.
    """
    if len(values) > width:
        values = [values[round((at + 1) * len(values) / width) - 1] for at in range(width)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    top = len(_BARS) - 1
    return "".join(
        _BARS[round((value - low) / (high - low) * top) if high > low else top // 2] for value in values
    )
