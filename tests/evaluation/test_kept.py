"""A table is read once in a process, as long as its file stays the same."""

import os

from navarch.evaluation.tables.reading import Columns, read_rows

COLUMNS = Columns("architecture", "val_accuracy")


def test_a_table_is_read_again_when_its_file_changed_and_only_then(space, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("architecture,val_accuracy\n333333,70\n")
    first = read_rows(path, space, COLUMNS)
    assert read_rows(path, space, COLUMNS) is first
    before = path.stat()
    path.write_text("architecture,val_accuracy\n333333,71\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (row,) = read_rows(path, space, COLUMNS).values()
    assert row.val_accuracy == 71.0


def test_other_columns_of_the_same_file_are_another_table(space, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("architecture,val_accuracy,other\n333333,70,60\n")
    (row,) = read_rows(path, space, Columns("architecture", "other")).values()
    assert row.val_accuracy == 60.0
    (row,) = read_rows(path, space, COLUMNS).values()
    assert row.val_accuracy == 70.0
