"""One import of each kind: check a file as a whole, and put what is needed of it into the data folder."""

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from navarch.evaluation.tables import ofa_predictor, records
from navarch.evaluation.tables.folder import DataFolder, Kind, Stored
from navarch.evaluation.tables.keyed import Cells, Place, RawOf, read_keyed
from navarch.evaluation.tables.latency import INDEX, OFA_COLUMNS, devices_of, raw_of
from navarch.evaluation.tables.layer_latency import DEVICE, read_layers
from navarch.evaluation.tables.layer_latency import SPACE as LAYERS_SPACE
from navarch.evaluation.tables.opening import GZIP_MARK, TableError, open_table
from navarch.evaluation.tables.own import ARCHITECTURE, SECONDS, TEST, VAL, ColumnNames, read_own_rows
from navarch.evaluation.tables.published import PUBLISHED, PublishedTable
from navarch.evaluation.tables.whole import read_whole
from navarch.spaces import InvalidArchitecture, SearchSpace, get_space

_TOLD_AFTER = 1_000  # records


class ImportJob:
    """A file that is to be imported, and what a person said of it; see `import_data`."""

    def __init__(
        self,
        path: Path,
        folder: DataFolder,
        space: SearchSpace | None,
        name: str | None,
        task: str | None,
        replace: bool,
        tell: Callable[[int], None],
    ) -> None:
        self.path = path
        self.folder = folder
        self.space = space
        self.name = name
        self.task = task
        self.replace = replace
        self.tell = tell

    def published(self, header: Cells, layouts: Sequence[PublishedTable]) -> Stored:
        """Import the CSV of a published benchmark, which must be whole."""
        found = self._choose(header, layouts)
        space = get_space(found[0].space)
        for layout in found:
            read_whole(self.path, space, layout)
        needed = _columns_of(found)
        kept = [name for name in header if name == INDEX or name in needed]
        with open_table(self.path) as (all_names, lines):
            at = [all_names.index(name) for name in kept]
            rows = [[cells[i].strip() for i in at] for _, cells in lines]
        return self._put_csv("benchmark", space, kept, rows, tasks=[layout.task for layout in found])

    def official(self) -> Stored:
        """Import official records: all there are, which need not be all of the benchmark."""
        space = self._space(records.SPACE)
        layouts = [layout for layout in PUBLISHED.values() if layout.space == space.name]
        kept = [INDEX, *_columns_of(layouts)]
        rows: dict[tuple[str, ...], list[object]] = {}
        for record in records.open_official(self.path):
            row = records.row_of(record)
            try:
                values = space.parse(row["arch"]).values
            except InvalidArchitecture as error:
                raise record.refuse(f"is about no architecture of {space.name!r}: {error}") from None
            if values in rows:
                raise record.refuse(f"repeats the architecture {row['arch']!r}")
            rows[values] = [row[name] for name in kept]
            if len(rows) % _TOLD_AFTER == 0:
                self.tell(len(rows))
        tasks = [layout.task for layout in layouts]
        return self._put_csv("benchmark", space, kept, list(rows.values()), tasks=tasks)

    def own(self, names: ColumnNames) -> Stored:
        """Import a table of the user's own."""
        space = self._require_space()
        rows = read_own_rows(self.path, space, names)
        first = next(iter(rows.values()))
        has = {VAL: True, TEST: first.test_accuracy is not None, SECONDS: first.seconds is not None}
        kept = [ARCHITECTURE, *(name for name, is_there in has.items() if is_there)]
        cells = [
            [
                self._code(values),
                *(n for n in (row.val_accuracy, row.test_accuracy, row.seconds) if n is not None),
            ]
            for values, row in rows.items()
        ]
        return self._put_csv("own", space, kept, cells, default_name=_stem(self.path))

    def latency(self, header: Cells) -> Stored:
        """Import latencies, with the architectures that an index stands for."""
        is_ofa = set(OFA_COLUMNS) <= set(header)
        if not is_ofa and INDEX not in header:
            self._require_space()
        space = self.space = self._space(LAYERS_SPACE if is_ofa else records.SPACE, is_fixed=False)
        devices = devices_of(self.path, space)
        accuracies = self.folder.find(space.name)
        table = self.folder.file_of(accuracies) if accuracies is not None else None

        def layout(names: Cells) -> tuple[RawOf, Callable[[Cells, Place], list[float]]]:
            at = {device: names.index(device) for device in devices}

            def read(cells: Cells, place: Place) -> list[float]:
                return [place.number(device, cells[i]) for device, i in at.items()]

            return raw_of(names, space, self.path, table), read

        rows = read_keyed(self.path, space, layout)
        if not rows:
            raise TableError(
                f"The table {str(self.path)!r} has no latency of an architecture of {space.name!r}."
            )
        cells = [[self._code(values), *found] for values, found in rows.items()]
        default = f"{space.name}-latency"
        return self._put_csv("latency", space, [ARCHITECTURE, *devices], cells, default_name=default)

    def layers(self) -> Stored:
        """Import the latencies of layers."""
        space = self._space(LAYERS_SPACE)
        read_layers(self.path, space)
        raw = self._raw()
        content = gzip.compress(gzip.decompress(raw) if raw.startswith(GZIP_MARK) else raw, mtime=0)
        return self._put("layers", space, content, ".json.gz", [], 0, [DEVICE], f"{space.name}-{DEVICE}")

    def predictor(self) -> Stored:
        """Import the weights of Once-for-All's accuracy predictor."""
        ofa_predictor.AccuracyPredictor(self.path)
        space = get_space(ofa_predictor.PREDICTED_WIDTH)
        task = ofa_predictor.TASK
        return self._put("predictor", space, self._raw(), ".npz", [task], 0, [], task)

    def _choose(self, header: Cells, layouts: Sequence[PublishedTable]) -> list[PublishedTable]:
        """Return the published tables that the file is: of one space, with all their columns."""
        if self.task is not None:
            if self.task not in PUBLISHED:
                known = ", ".join(PUBLISHED)
                raise TableError(f"--task {self.task!r} is no published table: the tables are {known}.")
            layouts = [PUBLISHED[self.task]]
        spaces = list(dict.fromkeys(layout.space for layout in layouts))
        if self.space is not None and self.space.name not in spaces:
            raise TableError(
                f"{str(self.path)!r} has the columns of a table of {' or '.join(map(repr, spaces))}, not of "
                f"{self.space.name!r}."
            )
        chosen = self.space.name if self.space is not None else self._space_of_first_row(spaces)
        mine = [layout for layout in layouts if layout.space == chosen]
        complete = [layout for layout in mine if set(_columns_of([layout], lower=False)) <= set(header)]
        return complete or mine[:1]  # reading it will name the column that is missing

    def _space_of_first_row(self, spaces: Sequence[str]) -> str:
        with open_table(self.path) as (header, lines):
            first = next(lines, None)
            if first is not None and "arch" in header and len(first[1]) == len(header):
                text = first[1][header.index("arch")].strip()
                for name in spaces:
                    try:
                        get_space(name).parse(text)
                    except InvalidArchitecture:
                        continue
                    return name
        return spaces[0]

    def _require_space(self) -> SearchSpace:
        if self.space is None:
            raise TableError(
                f"{str(self.path)!r} is no table that is known by its columns: say whose architectures it holds by "
                "--space NAME or --space FILE.toml."
            )
        return self.space

    def _space(self, name: str, *, is_fixed: bool = True) -> SearchSpace:
        if self.space is not None and is_fixed and self.space.name != name:
            raise TableError(
                f"{str(self.path)!r} holds data of the space {name!r}, not of {self.space.name!r}."
            )
        return self.space or get_space(name)

    def _code(self, values: tuple[str, ...]) -> str:
        assert self.space is not None
        return self.space.code(self.space.parse(list(values)))

    def _raw(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise TableError(f"{str(self.path)!r} cannot be read: {error.strerror}.") from None

    def _put_csv(
        self,
        kind: Kind,
        space: SearchSpace,
        header: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        tasks: Sequence[str] = (),
        default_name: str | None = None,
    ) -> Stored:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        content = gzip.compress(text.getvalue().encode(), mtime=0)
        return self._put(
            kind, space, content, ".csv.gz", tasks, len(rows), header, default_name or space.name
        )

    def _put(
        self,
        kind: Kind,
        space: SearchSpace,
        content: bytes,
        suffix: str,
        tasks: Iterable[str],
        rows: int,
        columns: Iterable[str],
        default_name: str,
    ) -> Stored:
        stored = Stored(
            name=self.name or default_name,
            kind=kind,
            space=space.name,
            tasks=tuple(tasks),
            rows=rows,
            total=space.size if rows else 0,
            columns=tuple(columns),
            source=self.path.name,
            file="",
            sha256="",
        )
        return self.folder.put(stored, content, suffix, replace=self.replace)


def _columns_of(layouts: Iterable[PublishedTable], *, lower: bool = True) -> list[str]:
    """Return the columns that tables need; with `lower` also those of fewer epochs, which may be missing."""
    found: dict[str, None] = {}
    for layout in layouts:
        columns = layout.columns
        optional = [name for _, name in columns.lower] if lower else []
        for name in (columns.architecture, *optional, columns.val, columns.test, columns.seconds):
            if name is not None:
                found[name] = None
    return list(found)


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
