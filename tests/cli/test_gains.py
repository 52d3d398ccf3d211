"""`navarch noise`, a confirmed run in `show` and `best`, and `navarch report`, with a measurement that seeds change."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = ("--space", EXAMPLES / "widgets.toml", "--evaluator", "callable")
WIDGETS += (
    "--set",
    "callable.function=widgets:measure",
    "--set",
    f"callable.folder={EXAMPLES}",
    "--set",
    "callable.slots=2",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a measured noise and a confirmed run, and what the run said."""
    made = tmp_path_factory.mktemp("confirmed")
    run = (
        "run",
        *WIDGETS,
        "--workflow",
        "random",
        "--budget",
        4,
        "--set",
        "confirm.top=2",
        "--set",
        "confirm.seeds=2",
    )
    for command in (("noise", *WIDGETS, "--seeds", 3, "--seed", 1), run):
        words = [Path(sys.executable).with_name("navarch"), *map(str, command)]
        done = subprocess.run(words, cwd=made, check=True, capture_output=True, text=True)
    return made, done.stdout


@pytest.fixture
def confirmed(cli, folder, tmp_path):
    """The command line beside a copy of that memory, and what the run said."""
    shutil.copy(folder[0] / "navarch.db", tmp_path / "navarch.db")
    return cli, folder[1]


@pytest.mark.slow
def test_noise_says_its_deviation_and_what_can_be_told_apart(cli):
    ended = cli("noise", *WIDGETS, "--seeds", 3, "--seed", 1)
    assert ended.code == 0, ended.err
    assert "3/3 repeats" in ended.out
    assert "2 degrees of freedom" in ended.out
    assert "smallest difference that is told apart (95 %)" in ended.out
    found = json.loads(cli("noise", *WIDGETS, "--seeds", 3, "--seed", 1, "--json").out)
    assert found["run"] == "r2"
    assert len(found["architectures"][0]["accuracies"]) == 3
    assert 0 < found["low"] < found["deviation"] < found["high"]
    assert found["smallest_difference"]["1"] == pytest.approx(4.303 * found["deviation"] * 2**0.5)
    assert "standard deviation between seeds" in cli("show", "r1").out
    assert "standard deviation between seeds" in cli("resume", "r1").out
    assert cli("best", "r1").out == (
        "run r1 measured noise and searched nothing, so it has no best: see navarch show r1\n"
    )
    assert json.loads(cli("show", "r1", "--json").out)["noise"]["deviation"] == found["deviation"]


@pytest.mark.slow
def test_a_confirmed_run_says_how_likely_each_is_the_best(confirmed):
    cli, out = confirmed
    assert "are trained again on 2 fresh seeds each" in out
    assert "(it was chosen by this)" in out
    for told in (out, cli("show").out, cli("best").out):
        assert "confirmed on fresh seeds" in told
        assert "selection bias" in told
        assert "best with" in told
    found = json.loads(cli("show", "--json").out)
    chances = [one["probability_best"] for one in found["confirmation"]["candidates"]]
    assert sum(chances) == pytest.approx(1.0)
    assert found["spent"]["repeats"] == 4
    assert len(found["trials"]) == 4
    assert found["noise"] > 0
    best = json.loads(cli("best", "--json").out)
    assert best["trial"] == found["confirmation"]["winner"]
    assert best["test_accuracy"] is not None
    out = cli("show", "--follow").out
    assert [line.split("  ")[-1].split()[0] for line in out.splitlines() if line.startswith("repeated ")] == [
        "1/4",
        "2/4",
        "3/4",
        "4/4",
    ]
    events = [json.loads(line) for line in cli("show", "--follow", "--json").out.splitlines()]
    assert [event["seed"] for event in events if event["event"] == "repeated"] == [1, 1, 2, 2]
    assert events[-1]["best"]["trial"] == found["confirmation"]["winner"]
    known = [row["feedback"].get("margin_in_noise") for row in found["trials"]]
    at = next(number for number, units in enumerate(known, start=1) if units is not None)
    assert f"({known[at - 1]:+.1f} deviations between seeds) to the best" in cli("why", "latest", at).out


@pytest.mark.slow
def test_a_report_is_one_file_of_either_form(confirmed, tmp_path):
    cli, _ = confirmed
    ended = cli("report")
    assert ended.out == "report of r2: r2.html\n"
    page = (tmp_path / "r2.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "probability of being best" in page
    assert cli("report", "r2", "-o", "r.md").code == 0
    assert (tmp_path / "r.md").read_text().startswith("# Run r2: widgets on")
    assert cli("report", "r1", "-o", "noise.md").code == 0
    measured = (tmp_path / "noise.md").read_text()
    assert "The deviation between seeds is" in measured
    assert "- repeats: **3** of 3" in measured
    assert "No trial has completed" not in measured
    assert sorted(
        path.name for path in tmp_path.iterdir() if path.suffix != ".db" and "navarch" not in path.name
    ) == ["noise.md", "r.md", "r2.html"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("r.pdf", "end the name in .html or .md"),
        ("gone/r.html", "'gone/r.html' cannot be written: No such file or directory"),
        ("navarch.db/r.html", "'navarch.db/r.html' cannot be written: Not a directory"),
        (f"{'r' * 250}.html", "cannot be written: File name too long"),
    ],
)
def test_a_report_that_cannot_be_written_is_one_sentence(confirmed, output, said):
    cli, _ = confirmed
    ended = cli("report", "-o", output)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("noise", *WIDGETS, "--seeds", 2), "a deviation needs at least 3"),
        (("noise", *WIDGETS, "--arch", "zz"), "'zz'"),
        (
            ("noise", "--evaluator", "table", "--task", "nb201-cifar10"),
            "a table says the same for every seed",
        ),
        (
            ("run", "--evaluator", "table", "--task", "nb201-cifar10", "--set", "confirm.top=2"),
            "there is no noise of training to measure",
        ),
    ],
)
def test_what_has_no_noise_is_refused(cli, arguments, said):
    ended = cli(*arguments)
    assert ended.code == 2
    assert said in ended.err


def test_a_plan_counts_the_confirmation(cli):
    assert (
        "the best 2 trained again on 3 fresh seeds each"
        in cli("run", "--dry-run", "--set", "confirm.top=2").out
    )
