"""Import a file into the data folder: recognise it by its content, check all of it, keep what is needed.

Recognised: the CSVs of published benchmarks, the official records of NAS-Bench-201 and NATS-Bench (topology), published
latencies, Once-for-All's accuracy predictor and table of layers; and tables of your own, for which a space is named.
"""

import gzip
import zlib
from collections.abc import Callable
from os.path import isdir, isfile
from pathlib import Path

from navarch.evaluation.tables import records
from navarch.evaluation.tables.folder import DataFolder, Stored
from navarch.evaluation.tables.import_job import ImportJob
from navarch.evaluation.tables.latency import INDEX, OFA_COLUMNS
from navarch.evaluation.tables.layer_latency import holds_layers
from navarch.evaluation.tables.opening import GZIP_MARK, TableError
from navarch.evaluation.tables.own import ColumnNames
from navarch.evaluation.tables.published import PUBLISHED
from navarch.evaluation.tables.reading import read_header
from navarch.spaces import SearchSpace

_PEEK = 16


def import_data(
    path: Path,
    folder: DataFolder,
    *,
    space: SearchSpace | None = None,
    name: str | None = None,
    task: str | None = None,
    names: ColumnNames | None = None,
    is_latency: bool = False,
    replace: bool = False,
    tell: Callable[[int], None] = lambda records: None,
) -> Stored:
    """Import a file, or the folder of official records, and return what is known of it.

    space: whose architectures it holds, where the content does not tell. name: to keep it under. task: the published
    task that a CSV holds, where it holds several. names: the columns of a table of your own. is_latency: a table of
    your own has latencies, one column a device. replace: other data of this name may be replaced.
    tell: is told now and then how many official records were read.
    Raises: TableError for what is wrong, with the row.
    """
    job = ImportJob(path, folder, space, name, task, replace, tell)
    if not isfile(path) and not isdir(path):
        raise TableError(f"There is no file at {str(path)!r}.")
    start = _peek(path)
    if path.is_dir() or records.is_official(path, start):
        return job.official()
    if start.startswith(records.ZIP_MARK):
        return job.predictor()
    if start.startswith(b"{"):
        return job.layers() if holds_layers(path) else job.official()
    header = read_header(path)
    is_known_latency = set(OFA_COLUMNS) <= set(header) or (INDEX in header and "arch" not in header)
    if is_latency or (is_known_latency and (names or ColumnNames()) == ColumnNames()):
        return job.latency(header)
    layouts = [layout for layout in PUBLISHED.values() if layout.columns.val in header]
    if task is not None or (layouts and (names or ColumnNames()) == ColumnNames()):
        return job.published(header, layouts)
    return job.own(names or ColumnNames())


def _peek(path: Path) -> bytes:
    """Return the first bytes of a file, of a compressed one those inside; nothing of a folder."""
    if path.is_dir():
        return b""
    try:
        with path.open("rb") as file:
            start = file.read(_PEEK)
        if start.startswith(GZIP_MARK):
            with gzip.open(path) as compressed:
                start = compressed.read(_PEEK)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{str(path)!r} cannot be read ({error}): it is not whole; copy it again.") from None
    return start.removeprefix(b"\xef\xbb\xbf").lstrip() or start
