"""Importing data: every kind is recognised by its content, checked, and found again; damage and mix-ups are named."""

import bz2
import collections
import csv
import gzip
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from navarch.evaluation import TableEvaluator, find_for_task, find_latency, find_source, get_task
from navarch.evaluation.tables.folder import DataFolder
from navarch.evaluation.tables.importing import import_data
from navarch.evaluation.tables.opening import TableError
from navarch.evaluation.tables.own import ColumnNames
from navarch.spaces import get_space

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = str(EXAMPLES / "widgets.toml")
INDICES = (0, 11, 284)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "store"))
    return DataFolder()


@pytest.fixture(scope="session")
def records(shared_file):
    """The three official records, with the keys that the official files have."""
    with gzip.open(shared_file("data/nats_tss_3arch.json.gz")) as file:
        found = json.load(file)

    def official(results):
        runs = {}
        for key, run in results["all_results"].items():
            data, seed = key.split("|")
            epochs = {int(n): value for n, value in run["train_times"].items()}
            run = {**run, "train_times": collections.OrderedDict(epochs), "params": np.float64(run["params"])}
            runs[data, int(seed)] = run
        return {**results, "all_results": collections.OrderedDict(runs)}

    return {int(index): {hp: official(r) for hp, r in record.items()} for index, record in found.items()}


@pytest.fixture(scope="session")
def published(shared_file):
    with gzip.open(shared_file("data/nb201.csv.gz"), "rt") as file:
        return {int(row["index"]): row for row in csv.DictReader(file) if int(row["index"]) in INDICES}


def runs(record, hyper):
    return record[hyper]["all_results"].values()


def write_folder(path, records):
    path.mkdir()
    for index, record in records.items():
        (path / f"{index:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(record, 4)))
    meta = {"meta_archs": [record["200"]["arch_str"] for record in records.values()]}
    (path / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(meta, 4)))


def write_whole(path, records):
    infos = {index: {"less": record["12"], "full": record["200"]} for index, record in records.items()}
    whole = {"meta_archs": [], "arch2infos": infos, "evaluated_indexes": sorted(infos)}
    if path.suffix == ".pbz2":
        path.write_bytes(bz2.compress(pickle.dumps(whole, 4)))
    else:  # as torch.save wrote before version 1.6
        parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, whole, [])
        path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))


@pytest.mark.parametrize("form", ["json", "folder", "whole", "pth", "torch zip"])
def test_official_records_give_the_published_rows(folder, tmp_path, shared_file, records, published, form):
    path = tmp_path / {"whole": "NATS-tss.pickle.pbz2", "folder": "NATS-tss-simple"}.get(form, "NB201.pth")
    if form == "json":
        path = shared_file("data/nats_tss_3arch.json.gz")
    elif form == "folder":
        write_folder(path, records)
    elif form == "torch zip":
        torch = pytest.importorskip("torch")
        torch.save({"arch2infos": {i: {"less": r["12"], "full": r["200"]} for i, r in records.items()}}, path)
    else:
        write_whole(path, records)
    stored = import_data(path, folder)
    assert (stored.kind, stored.rows, stored.total, stored.is_partial) == ("benchmark", 3, 15_625, True)
    space = get_space("nas-bench-201")
    for data, prefix in (("cifar10", "c10"), ("cifar100", "c100"), ("imagenet16-120", "in16")):
        task = get_task(f"nb201-{data}")
        source = find_for_task(task.name, space)
        table = TableEvaluator(source.path, task, space, is_partial=source.is_partial)
        assert "3 of 15,625" in table.notes[0]
        for row in published.values():
            architecture = space.parse(row["arch"])
            for fidelity in task.fidelities(space.name):
                expected = float(row[f"{prefix}_val_{fidelity.epochs}"])
                found = table.evaluate(architecture, fidelity, 0).objectives["val_accuracy"]
                assert found == pytest.approx(expected, abs=1e-3)
            score = table.test(architecture, fidelity, 0, split="test")
            assert score.accuracy == pytest.approx(float(row[f"{prefix}_test_200"]), abs=1e-3)
    epoch_s = table.evaluate(space.parse(published[11]["arch"]), fidelity, 0).cost.train_seconds / 200 / 3.034
    assert epoch_s == pytest.approx(float(published[11]["c10_sec_per_epoch"]), abs=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r[11].update({"12": None}), ["no results of 12 epochs"]),
        (lambda r: r[11]["200"]["all_results"].clear(), ["no training on cifar10-valid"]),
        (lambda r: [run["eval_acc1es"].clear() for run in runs(r[11], "200")], ["x-valid@199"]),
        (
            lambda r: next(iter(runs(r[11], "12")))["eval_acc1es"].update({"x-valid@11": float("nan")}),
            ["accuracy 'x-valid@11' on cifar10-valid nan"],
        ),
        (lambda r: [run.update(train_times=None) for run in runs(r[11], "12")], ["no training time"]),
        (lambda r: r[11]["200"].update(arch_str="|conv~0|"), ["no architecture of 'nas-bench-201'"]),
        (lambda r: r[11]["200"].update(arch_str=r[0]["200"]["arch_str"]), ["repeats the architecture"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_record_is_said_with_its_number(folder, tmp_path, records, change, words):
    broken = pickle.loads(pickle.dumps(records))
    change(broken)
    write_whole(tmp_path / "NB201.pth", broken)
    with pytest.raises(TableError) as refused:
        import_data(tmp_path / "NB201.pth", folder)
    for word in ["Record 11 of", "NB201.pth", *words]:
        assert word in str(refused.value)
    assert folder.stored() == []


def test_a_file_of_records_that_would_run_code_is_refused(folder, tmp_path, records):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    write_folder(tmp_path / "NATS", records)
    bad = tmp_path / "NATS" / "000011.pickle.pbz2"
    bad.write_bytes(bz2.compress(pickle.dumps(Evil(), 4)))
    with pytest.raises(
        TableError, match=r"000011\.pickle\.pbz2' is no file of plain benchmark records: it names"
    ):
        import_data(tmp_path / "NATS", folder)
    assert not (tmp_path / "made").exists()
    bad.write_bytes(bad.read_bytes()[:40])
    with pytest.raises(TableError, match=r"000011\.pickle\.pbz2' cannot be read .*copy it again"):
        import_data(tmp_path / "NATS", folder)


@pytest.mark.parametrize(
    ("file", "name", "tasks", "rows"),
    [
        pytest.param("nb201.csv.gz", "nas-bench-201", 3, 15_625, marks=pytest.mark.slow),
        ("tnb101_macro.csv.gz", "transnas-macro", 3, 3_256),
        ("nasbench_macro.csv.gz", "nas-bench-macro", 1, 6_561),
        ("ofa_acc_predictor.npz", "ofa-imagenet", 1, 0),
        ("ofa_note10_latency_lut.json.gz", "ofa-mobilenetv3-w1.2-note10", 0, 0),
        ("ofa_latency.csv.gz", "ofa-mobilenetv3-w1.2-latency", 0, 1_013),
    ],
)
def test_a_published_file_is_recognised_and_found_by_its_tasks(folder, shared_file, file, name, tasks, rows):
    stored = import_data(shared_file(f"data/{file}"), folder)
    assert (stored.name, len(stored.tasks), stored.rows) == (name, tasks, rows)
    space = get_space(stored.space)
    for task in stored.tasks:
        source = find_for_task(task, space)
        TableEvaluator(source.path, get_task(task), space, is_partial=source.is_partial)
    if not tasks:
        assert find_latency(space, None).name == name
    assert find_source(Path(name), space).path.parent == folder.path


@pytest.mark.slow
def test_latencies_by_index_take_their_architectures_from_the_imported_table(folder, shared_file):
    path = shared_file("data/nb201_latency.csv.gz")
    with pytest.raises(TableError, match="import it after the table of accuracies"):
        import_data(path, folder)
    import_data(shared_file("data/nb201.csv.gz"), folder)
    stored = import_data(path, folder)
    assert (stored.kind, stored.rows, len(stored.columns)) == ("latency", 15_625, 28)


def test_a_table_of_ones_own_is_kept_normalised(folder, tmp_path):
    space = get_space(WIDGETS)
    stored = import_data(EXAMPLES / "widgets.csv", folder, space=space, name="mine")
    assert (stored.kind, stored.rows, stored.columns) == (
        "own", 114, ("architecture", "val_accuracy", "test_accuracy", "seconds"),
    )  # fmt: skip
    source = find_source(Path("mine"), space)
    with gzip.open(source.path, "rt") as file:
        assert next(row for row in csv.DictReader(file) if row["architecture"] == "m1c2--") == {
            "architecture": "m1c2--", "val_accuracy": "83.01", "test_accuracy": "83.1", "seconds": "14.7",
        }  # fmt: skip
    with pytest.raises(TableError, match="'mine' are of the space 'widgets', not of 'nas-bench-201'"):
        find_source(Path("mine"), get_space("nas-bench-201"))


def test_columns_of_ones_own_may_have_other_names(folder, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("cell,acc\n111111,50\n")
    names = ColumnNames(architecture="cell", val="acc")
    stored = import_data(path, folder, space=get_space("nas-bench-201"), names=names)
    assert stored.columns == ("architecture", "val_accuracy")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("architecture,val_accuracy\n111111,50\n", {}, ["--space"]),
        ("architecture,p\n111111,5\n", {"is_latency": True}, ["--space"]),
        ("arch,c10_val_200\n111111,50\n", {}, ["no column 'c10_test_200'"]),
        ("arch,mean_acc\n00000000,50\n", {}, ["1 rows, not 6,561", "'00000001'"]),
        ("arch,mean_acc\n00000000,50\n", {"space": "darts"}, ["'nas-bench-macro', not of 'darts'"]),
        ("arch,mean_acc\n00000000,50\n", {"task": "cifar"}, ["--task 'cifar'"]),
        ("arch,mean_acc\n00000000,nan\n", {}, ["Row 1 (line 2)", "mean_acc = 'nan'"]),
        ("ks,e,d,r,p\n3,3,2,224,1\n", {}, ["Row 1 (line 2)", "ofa-mobilenetv3-w1.2"]),
        ("", {}, ["--space"]),
        ("{", {}, ["JSON"]),
        ('{"a": {}}', {}, ["holds no records"]),
        ("\x80\x04x", {}, ["plain benchmark records"]),
        ("PK\x03\x04", {}, ["predictor"]),
        ("\x1f\x8b", {}, ["copy it again"]),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_sentence_and_leaves_nothing(
    folder, tmp_path, content, options, words
):
    path = tmp_path / "bad.csv"
    path.write_bytes(content.encode("latin1"))
    if "space" in options:
        options = {**options, "space": get_space(options["space"])}
    with pytest.raises(TableError) as refused:
        import_data(path, folder, **options)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)
    assert not folder.path.exists()
