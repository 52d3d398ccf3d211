"""Latencies that others measured: of whole networks, one column a device, or of layers, which are added up.

Two published kinds and any table of your own are read. NAS-Bench-201's names architectures by the benchmark's index,
which the accuracy table tells; Once-for-All's by the lists ks, e, d and the resolution r.
"""

import difflib
from collections.abc import Callable
from pathlib import Path

from navarch.evaluation.check import Latency
from navarch.evaluation.tables.kept import Kept
from navarch.evaluation.tables.keyed import (
    Cells,
    Place,
    RawOf,
    find_column,
    raw_in_column,
    raw_in_dimensions,
    read_keyed,
)
from navarch.evaluation.tables.layer_latency import LayerLatency, is_layer_file, read_layers
from navarch.evaluation.tables.opening import TableError, open_table, show_names
from navarch.spaces import Architecture, SearchSpace

ARCHITECTURE_COLUMNS = ("architecture", "arch")
INDEX = "index"
OFA_COLUMNS = ("ks", "e", "d", "r")
_NO_DEVICES = (
    *ARCHITECTURE_COLUMNS,
    INDEX,
    *OFA_COLUMNS,
    "acc_pred",
    "val_accuracy",
    "test_accuracy",
    "seconds",
)

Values = tuple[str, ...]


class MeasuredLatency:
    """Latencies that stand in a table."""

    def __init__(self, device: str, rows: dict[Values, float]) -> None:
        self.device = device
        self._rows = rows

    def of(self, architecture: Architecture) -> float | None:
        """Return milliseconds for one pass; None for an architecture without a row."""
        return self._rows.get(architecture.values)


_KEPT: Kept[MeasuredLatency] = Kept()


def open_latency(
    path: Path, space: SearchSpace, device: str | None, *, accuracy_table: Path | None = None
) -> Latency:
    """Read the latencies of a space on a device; without a device, the only one that the file has.

    accuracy_table: tells the architectures of a file that names them by index alone.
    Raises: TableError for a file that is none, another space's, or an unknown device, with close matches.
    """
    if is_layer_file(path):
        layers: LayerLatency = read_layers(path, space)
        _choose_device(path, (layers.device,), device)
        return layers
    what = (device, accuracy_table)
    return _KEPT.get(path, space, what, lambda: _read_measured(path, space, device, accuracy_table))


def _read_measured(
    path: Path, space: SearchSpace, device: str | None, accuracy_table: Path | None
) -> MeasuredLatency:
    chosen = _choose_device(path, devices_of(path, space), device)

    def layout(header: Cells) -> tuple[RawOf, Callable[[Cells, Place], float]]:
        at = header.index(chosen)
        return raw_of(header, space, path, accuracy_table), lambda cells, place: place.number(
            chosen, cells[at]
        )

    rows = read_keyed(path, space, layout)
    if not rows:
        raise TableError(f"The table {str(path)!r} has no latency of an architecture of {space.name!r}.")
    return MeasuredLatency(chosen, rows)


def devices_of(path: Path, space: SearchSpace) -> tuple[str, ...]:
    """Return the devices of a table of latencies, its columns that are nothing else. Raises: TableError."""
    with open_table(path) as (header, _):
        devices = tuple(name for name in header if name and name not in (*_NO_DEVICES, *space.names))
    if not devices:
        raise TableError(
            f"The table {str(path)!r} has no column of a device; its columns are {show_names(header)}."
        )
    return devices


def raw_of(header: Cells, space: SearchSpace, path: Path, accuracy_table: Path | None) -> RawOf:
    """Return how a row of a table of latencies names its architecture. Raises: TableError."""
    for name in ARCHITECTURE_COLUMNS:
        if name in header and name not in space.names:
            return raw_in_column(header.index(name))
    if set(OFA_COLUMNS) <= set(header):
        return _raw_in_lists(header, space)
    if INDEX in header:
        return _raw_by_index(header.index(INDEX), path, space, accuracy_table)
    return raw_in_dimensions(header, space, path)


def _choose_device(path: Path, devices: tuple[str, ...], device: str | None) -> str:
    if device is None and len(devices) == 1:
        return devices[0]
    if device is None:
        raise TableError(
            f"{str(path)!r} has latencies on {len(devices)} devices: choose one by --set limits.device=NAME, of "
            f"{show_names(devices, 40)}."
        )
    if device not in devices:
        close = difflib.get_close_matches(device, devices, n=3, cutoff=0.4)
        hint = (
            f"did you mean {' or '.join(map(repr, close))}?"
            if close
            else f"it has {show_names(devices, 40)}."
        )
        raise TableError(f"{str(path)!r} has no latencies on the device {device!r}: {hint}")
    return device


def _raw_in_lists(header: Cells, space: SearchSpace) -> RawOf:
    """Return how a row names a network of Once-for-All; None for a resolution that the space does not offer."""
    at = {name: header.index(name) for name in OFA_COLUMNS}
    offered = next((d.names for d in space.dimensions if d.name == "resolution"), ())

    def raw(cells: Cells) -> object | None:
        if cells[at["r"]].strip() not in offered:
            return None
        lists = {name: [_number_or_text(n) for n in cells[at[name]].split("-")] for name in ("ks", "e", "d")}
        return {**lists, "r": _number_or_text(cells[at["r"]].strip())}

    return raw


def _raw_by_index(at: int, path: Path, space: SearchSpace, accuracy_table: Path | None) -> RawOf:
    if accuracy_table is None:
        raise TableError(
            f"{str(path)!r} names architectures by index alone: import it after the table of accuracies, which tells "
            "them apart (navarch data import), or give that table by --set table.path=FILE."
        )
    known = _read_indices(accuracy_table, space)

    def raw(cells: Cells) -> object:
        index = cells[at].strip()
        return list(known[index]) if index in known else f"index {index}"

    return raw


def _read_indices(path: Path, space: SearchSpace) -> dict[str, Values]:
    """Return the architectures of a table of accuracies by their index."""

    def layout(header: Cells) -> tuple[RawOf, Callable[[Cells, Place], str]]:
        at = find_column(header, INDEX, path)
        return raw_of(header, space, path, None), lambda cells, place: cells[at].strip()

    return {index: values for values, index in read_keyed(path, space, layout).items()}


def _number_or_text(text: str) -> object:
    return int(text) if text.isdecimal() and len(text) < 9 else text
