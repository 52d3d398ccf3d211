"""The official records of NAS-Bench-201 and of NATS-Bench's topology space, as rows of the table.

Read are the folder of one file an architecture (NATS-tss-...-simple), one such file, the whole benchmark in one file
(NATS-tss-....pickle.pbz2, NAS-Bench-201-....pth), and the same records as JSON. A row holds means over the seeds:
validation accuracy from training on the training part alone, test accuracy as the benchmark reports it.
"""

import bz2
import gzip
import json
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from navarch.evaluation.tables.opening import GZIP_MARK, TableError
from navarch.evaluation.tables.pickled import PickleRefused, read_pickle

SPACE = "nas-bench-201"
BZ2_MARK, PICKLE_MARK, ZIP_MARK = b"BZh", b"\x80", b"PK\x03\x04"
_RECORD_FILE = re.compile(r"(\d{1,6})\.pickle\.pbz2")
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # the first of the pickles in a file of torch.save before version 1.6
_TORCH_MEMBER = "data.pkl"  # where newer files have it
_BROKEN = (OSError, EOFError, ValueError, RecursionError, zlib.error, zipfile.BadZipFile)

# prefix of the columns: data set and split of the validation accuracy, then of the test accuracy
_SPLITS = {
    "c10": (("cifar10-valid", "x-valid"), ("cifar10", "ori-test")),
    "c100": (("cifar100", "x-valid"), ("cifar100", "x-test")),
    "in16": (("ImageNet16-120", "x-valid"), ("ImageNet16-120", "x-test")),
}
_TIMED = "cifar10"  # trained on all 50,000 images
_HYPERS = {12: ("12", "less"), 200: ("200", "full")}  # what the two benchmarks call the two trainings


class Record(NamedTuple):
    """One architecture's results, and where they stand: "Record 11 of ..."."""

    place: str
    number: int
    results: Any

    def refuse(self, why: str) -> TableError:
        """Return a complaint about the record."""
        return TableError(f"{self.place} {why}.")


def is_official(path: Path, start: bytes) -> bool:
    """Tell whether a path may hold official records: a folder, or a pickle (also compressed) by its first bytes."""
    if path.is_dir() or start.startswith((BZ2_MARK, PICKLE_MARK)):
        return True
    if not start.startswith(ZIP_MARK):
        return False
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        return any(name.endswith(_TORCH_MEMBER) for name in archive.namelist())
    return False


def open_official(path: Path) -> Iterator[Record]:
    """Return the official records of a file or a folder, in order. Raises: TableError for what holds none."""
    if path.is_dir():
        return _open_folder(path)
    data = _read_bytes(path)
    found = json_object(path, data) if data[:1] == b"{" else _unpickle(path, data)
    if isinstance(found, dict) and "arch2infos" in found:
        return _records(path, found["arch2infos"])
    if isinstance(found, dict) and any(name in found for names in _HYPERS.values() for name in names):
        return iter([Record(repr(str(path)), _index_of(path, found), found)])
    if isinstance(found, dict) and found and all(str(key).isdecimal() for key in found):
        return _records(path, found)
    raise TableError(f"{str(path)!r} holds no records of NAS-Bench-201 or NATS-Bench (topology).")


def row_of(record: Record) -> dict[str, str | float]:
    """Return the row of a record, by the names of the table's columns. Raises: TableError for what it lacks."""
    trained = {epochs: _training(record, epochs) for epochs in _HYPERS}
    row: dict[str, str | float] = {"index": record.number, "arch": _text(record, trained[200], "arch_str")}
    for prefix, (val, test) in _SPLITS.items():
        for epochs, results in trained.items():
            row[f"{prefix}_val_{epochs}"] = _accuracy(record, results, *val, epochs)
        row[f"{prefix}_test_200"] = _accuracy(record, trained[200], *test, 200)
    row["c10_sec_per_epoch_est"] = _seconds(record, trained[12])
    return row


def json_object(path: Path, data: bytes) -> Any:
    """Return what a JSON file holds. Raises: TableError."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{str(path)!r} is no whole JSON file ({error}): copy it again.") from None


def _open_folder(path: Path) -> Iterator[Record]:
    files = sorted(
        (int(match[1]), file) for file in path.iterdir() if (match := _RECORD_FILE.fullmatch(file.name))
    )
    if not files:
        raise TableError(
            f"The folder {str(path)!r} has no file such as 000000.pickle.pbz2: give the folder of NATS-Bench's "
            "topology space (NATS-tss-v1_0-3ffb9-simple), or for a folder of images --side PIXELS and --name NAME."
        )
    return (Record(repr(str(file)), index, _unpickle(file, _read_bytes(file))) for index, file in files)


def _records(path: Path, found: Any) -> Iterator[Record]:
    if not isinstance(found, dict) or not all(str(key).isdecimal() for key in found):
        raise TableError(f"{str(path)!r} holds no records by index.")
    for key in sorted(found, key=int):
        yield Record(f"Record {key} of {str(path)!r}", int(key), found[key])


def _index_of(path: Path, found: Mapping[str, Any]) -> int:
    results = next(found[name] for names in _HYPERS.values() for name in names if name in found)
    index = results.get("arch_index") if isinstance(results, dict) else None
    if not isinstance(index, int) or index < 0:
        raise TableError(f"{str(path)!r} does not say which architecture it is about (arch_index).")
    return index


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if data.startswith(BZ2_MARK):
            return bz2.decompress(data)
        if data.startswith(ZIP_MARK):
            return _read_member(path)
        return gzip.decompress(data) if data.startswith(GZIP_MARK) else data
    except _BROKEN as error:
        raise TableError(f"{str(path)!r} cannot be read ({error}): it is not whole; copy it again.") from None


def _read_member(path: Path) -> bytes:
    """Return the pickle in a file of torch.save since version 1.6."""
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.endswith(_TORCH_MEMBER)), None)
        if name is None:
            raise ValueError(f"it has no {_TORCH_MEMBER}")
        return archive.read(name)


def _unpickle(path: Path, data: bytes) -> Any:
    """Return what a pickle holds; of a file of torch.save, the fourth of its pickles."""
    try:
        found, end = read_pickle(data)
        if found == _TORCH_MAGIC:
            for _ in range(3):  # the protocol, the machine's sizes of numbers, the object
                found, end = read_pickle(data, end)
    except PickleRefused as error:
        raise TableError(f"{str(path)!r} is no file of plain benchmark records: {error}.") from None
    return found


def _training(record: Record, epochs: int) -> Mapping[str, Any]:
    for name in _HYPERS[epochs]:
        results = record.results.get(name) if isinstance(record.results, dict) else None
        if isinstance(results, dict) and isinstance(results.get("all_results"), dict):
            return results
    raise record.refuse(f"has no results of {epochs} epochs")


def _runs(record: Record, results: Mapping[str, Any], data: str) -> list[Mapping[str, Any]]:
    """Return the trainings on a data set, one a seed."""

    def is_of_data(key: object) -> bool:
        name = key[0] if isinstance(key, tuple) and key else str(key).split("|")[0]
        return bool(name == data)

    runs: list[Mapping[str, Any]] = [
        run for key, run in results["all_results"].items() if is_of_data(key) and isinstance(run, dict)
    ]
    if not runs:
        raise record.refuse(f"has no training on {data}")
    return runs


def _accuracy(record: Record, results: Mapping[str, Any], data: str, split: str, epochs: int) -> float:
    key = f"{split}@{epochs - 1}"
    found = [run.get("eval_acc1es", {}).get(key) for run in _runs(record, results, data)]
    return _mean(record, found, 100.0, f"accuracy {key!r} on {data}")


def _seconds(record: Record, results: Mapping[str, Any]) -> float:
    found = [(run.get("train_times") or {}) for run in _runs(record, results, _TIMED)]
    return _mean(record, [time for times in found for time in times.values()], math.inf, "training time")


def _mean(record: Record, numbers: list[Any], high: float, what: str) -> float:
    for number in numbers:
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not is_number or not 0.0 <= number <= high or math.isinf(number):
            raise record.refuse(f"has the {what} {str(number)[:60]}, which cannot be")
    if not numbers:
        raise record.refuse(f"has no {what}")
    return round(fmean(numbers), 6)


def _text(record: Record, results: Mapping[str, Any], name: str) -> str:
    found = results.get(name)
    if not isinstance(found, str):
        raise record.refuse(f"has no {name}")
    return found
