"""Opening a table's file: what is no table is one sentence that says where, and costs no memory."""

import gzip
import resource
import sys

import pytest

from navarch.evaluation import ColumnNames, own_table_task
from navarch.evaluation.tables.opening import MAX_LINE, TableError, open_table
from navarch.evaluation.tables.own import read_own_rows
from navarch.evaluation.tables.reading import read_header

HEAD = "architecture,val_accuracy\n"


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_all(path):
    with open_table(path) as (_, lines):
        return list(lines)


@pytest.mark.parametrize("head", ["", HEAD, HEAD + "111111,50\n"])
def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, head):
    path = tmp_path / "long.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head.encode())
        for _ in range(256):
            file.write(b"x" * 2**20)
    before = peak_mb()
    with pytest.raises(
        TableError, match=rf"Line {head.count(chr(10)) + 1} of .*longer than {MAX_LINE:,} char"
    ):
        read_all(path)
    assert peak_mb() - before < 64


def test_a_file_that_breaks_off_says_after_which_line(tmp_path):
    path = tmp_path / "cut.csv.gz"
    raw = gzip.compress((HEAD + "".join(f"{n:06},{n % 97}\n" for n in range(20_000))).encode())
    path.write_bytes(raw[: len(raw) * 3 // 4])
    with pytest.raises(TableError, match=r"cannot be read after line [1-9]\d{3,} \(Compressed file ended"):
        read_all(path)


def test_bytes_that_are_no_text_say_after_which_line(tmp_path):
    path = tmp_path / "bytes.csv"
    path.write_bytes(HEAD.encode() + b"111111,50\n" * 5_000 + b"\xff\xfe,1\n")
    with pytest.raises(TableError, match=r"cannot be read after line \d{4}"):
        read_all(path)


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_delimiter_is_named(tmp_path, delimiter, name):
    path = tmp_path / "other.csv"
    path.write_text((HEAD + "111111,50\n").replace(",", delimiter))
    with pytest.raises(TableError, match=f"separated by {name}.*save it with commas"):
        read_header(path)


def test_a_parquet_file_is_read_as_the_same_csv_would_be(tmp_path, space):
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow, the extra navarch[parquet]")
    from pyarrow import parquet

    columns = {"architecture": ["111111", "333333"], "val_accuracy": [50.25, 91], "seconds": [3.5, 4]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "mine.parquet")
    rows = read_own_rows(tmp_path / "mine.parquet", space, ColumnNames())
    assert rows[space.parse("333333").values].val_accuracy == 91.0
    assert rows[space.parse("111111").values].seconds == 3.5
    columns["val_accuracy"][1] = float("nan")
    parquet.write_table(pyarrow.table(columns), tmp_path / "nan.parquet")
    with pytest.raises(TableError, match=r"Row 2 \(line 2\) of .*nan\.parquet' has val_accuracy = 'nan'"):
        read_own_rows(tmp_path / "nan.parquet", space, ColumnNames())
    raw = (tmp_path / "mine.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(TableError, match=r"cut\.parquet' cannot be read .*whole Parquet file"):
        read_header(tmp_path / "cut.parquet")


def test_a_parquet_file_without_pyarrow_says_what_to_install(tmp_path, space, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "mine.parquet"
    path.write_bytes(b"PAR1....PAR1")
    with pytest.raises(TableError, match=r"pip install 'navarch\[parquet\]', or save it as CSV"):
        own_table_task(path, space, ColumnNames())
