"""`navarch bench` as a user meets it: one command that runs, goes on, and reports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import eventually, working_in

from navarch.cli.bench_tables import show_report
from navarch.memory import Memory
from navarch.viewer.bench_report import make_reports
from navarch.viewer.bench_results import CellResult

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = ["--set", f"space={EXAMPLES / 'widgets.toml'}", "--set", "evaluator=table"]
WIDGETS += ["--set", f"table.path={EXAMPLES / 'widgets.csv'}"]
BENCH = ["bench", *WIDGETS, "--workflow", "random", "--workflow", "navarch", "--budget", "4", "--seeds", "1"]


def cell(workflow, seed, best, **facts):
    names = ("duplicate", "invalid", "failed", "calls", "tokens", "replies", "fallbacks", "noted_trials")
    counts = dict.fromkeys(names, 0)
    known = {"task": "toys", "budget": 20, "test": best + 1, "unique": 20, "proposed": 20}
    known |= {"cpu_s": 0.0, **counts, "uses_prior": workflow == "local-search-seeded", **facts}
    return CellResult(workflow=workflow, seed=seed, best=(70.0,) * 15 + (best,) * 5, **known)


def test_the_printed_tables_read_as_their_golden_file(capsys):
    cells = [cell("random", seed, 80.0 + seed % 5, duplicate=seed) for seed in range(12)]
    cells += [cell("navarch", seed, 85.0 + seed % 3, noted_trials=20, cpu_s=0.7) for seed in range(12)]
    cells += [
        cell(
            "collm-nas", seed, 81.0, calls=40, tokens=51_234, replies=40, fallbacks=1, proposed=150, test=None
        )
        for seed in range(12)
    ]
    cells += [cell("local-search-seeded", seed, 90.0) for seed in range(12)]
    (report,) = make_reports(cells)
    show_report(report)
    show_report(report, optimum=90.5)
    out = capsys.readouterr().out
    file = GOLDEN / "bench-tables.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(out)
    assert out == file.read_text()


@pytest.mark.slow
def test_a_setting_that_no_workflow_of_the_bench_reads_is_named_once(cli):
    given = ("--set", "collm.rounds=2", "--set", "search.population=5", "--budget", "2", "--seeds", "1")
    ended = cli("bench", *WIDGETS, "--workflow", "random", "--workflow", "evolution,seki.top=3", *given)
    assert ended.code == 0
    assert [line for line in ended.err.splitlines() if "not read" in line] == [
        "note: collm.rounds is not read: no part of workflow 'random'",
        "note: seki.top is not read: no part of workflow 'evolution'",
    ]


@pytest.mark.slow
def test_bench_runs_goes_on_and_reports(cli, tmp_path):
    first = cli(*BENCH, "--jobs", "1", "--json")
    assert first.code == 0, first.err
    assert first.err.count(" trials in ") == 2
    (task,) = json.loads(first.out)["tasks"]
    assert {row["workflow"]: row["seeds"] for row in task["rows"]} == {"random": 1, "navarch": 1}
    assert [row["unique"] for row in task["rows"]] == [4.0, 4.0]
    assert task["reference"] == "random"
    assert (tmp_path / "bench" / "figures" / "table-widgets.csv.png").stat().st_size > 10_000

    again = cli(*BENCH, "--jobs", "1", "--json")
    assert again.out == first.out
    assert again.err == "2 of 2 runs are finished already\n"

    shown = cli("bench", "report", "bench", "--optimum", "table:widgets.csv=95")
    assert shown.code == 0, shown.err
    assert (
        "gain over random, the best classical workflow here that uses no prior, in points at 4 trials"
        in shown.out
    )
    named = cli("bench", "report", "--reference", "navarch", "--optimum", "table:widgets.csv=95")
    assert "gain over navarch, the reference, in points" in named.out
    assert "regret" in (tmp_path / "bench" / "figures" / "table-widgets.csv.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench"], ["--workflow"]),
        (["bench", "--workflow", "maze"], ["maze", "navarch"]),
        (["bench", "--workflow", "random", "--task", "mnist9"], ["mnist9", "digits"]),
        (["bench", "--workflow", "random", "--task", "nb201-cifar10"], ["table.path"]),
        (["bench", "--workflow", "random", "--budget", "none"], ["none"]),
        (["bench", "--workflow", "random", "--seeds", "0"], ["seeds"]),
        (["bench", "--workflow", "random", "--config", "missing.toml"], ["missing.toml"]),
        (["bench", "--workflow", "random", "--optimum", "toys"], ["TASK=PERCENT"]),
        (["bench", "--workflow", "random", "--optimum", "toys=101"], ["TASK=PERCENT"]),
        (["bench", "--workflow", "random", "--optimum", "toys=0.91"], ["percent", "toys=91"]),
        (
            ["bench", "--workflow", "random", "--workflow", "random,budget.trials=3"],
            ["budget.trials", "equal"],
        ),
        (["bench", "--workflow", "random", "--optimum", "toys=90"], ["'toys'", "digits"]),
        (["bench", "--workflow", "random", "--reference", "gp"], ["'gp'", "random"]),
        (["bench", "--json", "report"], ["behind the command"]),
        (["bench", "report"], ["bench", "no runs"]),
        (["bench", "report", "nowhere"], ["nowhere"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(cli, tmp_path, arguments, words):
    ended = cli(*arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err + ended.out
    for word in words:
        assert word in ended.err
    assert list(tmp_path.iterdir()) == []


# --- Kills ---

KILLED = ["bench", *WIDGETS, "--workflow", "random", "--budget", "60", "--seeds", "4", "--jobs", "2"]


def start(folder):
    navarch = str(Path(sys.executable).with_name("navarch"))
    return subprocess.Popen([navarch, *KILLED], cwd=folder, stderr=subprocess.PIPE, text=True)


def tables_in(folder):
    found = {}
    for file in sorted(folder.glob("bench/*/*/seed-*.db")):
        with Memory.open(file, create=False, read_only=True) as memory:
            assert memory.check() == []
            found[file.name] = memory.trial_table_digest("r1")
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    with start(folder) as process:
        _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return tables_in(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_bench_that_is_cut_off_goes_on_to_the_same_trials(tmp_path, undisturbed, number, code):
    with start(tmp_path) as process:
        first = process.stderr.readline()
        assert first.startswith("1/4 "), first + process.stderr.read()
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("bench/*/*/seed-*.db"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == code, rest
    assert eventually(lambda: not working_in(tmp_path), 10.0), "a worker outlived its driver"
    assert ("the same command goes on" in rest) == (number != signal.SIGKILL)
    assert tables_in(tmp_path) != undisturbed
    with start(tmp_path) as process:
        _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "of 4 runs are finished already" in err
    assert tables_in(tmp_path) == undisturbed
