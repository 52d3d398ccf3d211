"""What a report says of finished runs: means, the reference, pairs by seed, and figures that can be read."""

import json
import math
from xml.etree import ElementTree as ET

import pytest

from navarch import NavarchError
from navarch.viewer.bench_report import checkpoints_of, make_reports
from navarch.viewer.bench_results import CellResult
from navarch.viewer.curves import draw_curves

SVG = "{http://www.w3.org/2000/svg}"


def cell(workflow, seed, *best, task="toys", test=80.0, **facts):
    names = ("duplicate", "invalid", "failed", "calls", "tokens", "replies", "fallbacks", "noted_trials")
    counts = dict.fromkeys(names, 0)
    known = {"unique": len(best), "proposed": len(best), "cpu_s": 0.0, "budget": len(best), **counts}
    known |= {"uses_prior": workflow == "local-search-seeded", **facts}
    return CellResult(task=task, workflow=workflow, seed=seed, best=best, test=test, **known)


def test_a_variant_that_is_told_the_prior_is_marked_like_a_searcher_that_starts_there():
    cells = [cell("random", 0, 70.0), cell("navarch,search.prior=true", 0, 90.0, uses_prior=True)]
    (report,) = make_reports(cells)
    assert [(row.workflow, row.uses_prior) for row in report.rows] == [
        ("random", False),
        ("navarch,search.prior=true", True),
    ]


def rows_of(report):
    return {row.workflow: row for row in report.rows}


def test_the_checkpoints_are_those_within_the_budget_and_the_budget():
    assert checkpoints_of(4) == (4,)
    assert checkpoints_of(10) == (10,)
    assert checkpoints_of(60) == (10, 20, 50, 60)
    assert checkpoints_of(250) == (10, 20, 50, 100, 250)


def test_workflows_stand_in_order_of_their_mean_at_the_full_budget():
    (report,) = make_reports([cell("random", 0, 70.0, 71.0), cell("navarch", 0, 60.0, 90.0)])
    assert [row.workflow for row in report.rows] == ["navarch", "random"]
    assert report.budget == 2
    assert rows_of(report)["random"].val[2].mean == 71.0


def test_the_reference_is_the_classical_workflow_of_the_highest_mean_and_pairs_are_by_seed():
    cells = [cell("random", seed, 70.0 + seed) for seed in range(6)]
    cells += [cell("navarch", seed, 71.0 + seed) for seed in reversed(range(5))]
    (report,) = make_reports(cells)
    versus = rows_of(report)["navarch"].versus
    assert report.reference == "random"
    assert rows_of(report)["random"].versus is None
    assert (versus.seeds, versus.won) == (5, 5)
    assert versus.gain == (1.0, 1.0, 1.0)
    assert versus.p == versus.p_holm == 2 / 32


def test_a_workflow_that_uses_the_spaces_prior_stands_apart_and_is_no_reference_unless_named():
    names = {"random": 70.0, "local-search": 72.0, "local-search-seeded": 90.0, "navarch": 80.0}
    cells = [cell(name, 0, best) for name, best in names.items()]
    (report,) = make_reports(cells)
    assert report.reference == "local-search"
    assert [row.workflow for row in report.rows] == [
        "navarch", "local-search", "random", "local-search-seeded",
    ]  # fmt: skip
    assert [row.uses_prior for row in report.rows] == [False, False, False, True]
    (named,) = make_reports(cells, "local-search-seeded")
    assert named.reference == "local-search-seeded"


def test_a_curve_is_numbers_at_every_tenth_trial_to_the_hundredth():
    long = [cell("random", seed, *(float(n + seed) for n in range(120))) for seed in (0, 2)]
    (report,) = make_reports(long)
    assert report.curve_of("random") == {n: float(n) for n in range(10, 101, 10)}
    (short,) = make_reports([cell("random", 0, *[math.nan] * 12, *[50.0] * 13)])
    assert short.curve_of("random") == {10: None, 20: 50.0}


def test_tokens_are_counted_for_each_valid_and_new_architecture():
    cells = [
        cell("navarch", 0, 70.0, tokens=900, proposed=3),
        cell("navarch", 1, 70.0, tokens=300, proposed=3),
    ]
    cells.append(cell("random", 0, 70.0, proposed=3))
    rows = rows_of(make_reports(cells)[0])
    assert rows["navarch"].tokens_per_new == 200.0
    assert rows["random"].tokens_per_new is None


def test_the_share_of_replies_that_are_not_the_models_is_told():
    cells = [cell("navarch", seed, 70.0, replies=40, fallbacks=seed) for seed in (0, 2)]
    assert rows_of(make_reports(cells)[0])["navarch"].fallback_share == 2 / 80
    assert rows_of(make_reports([cell("random", 0, 70.0)])[0])["random"].fallback_share == 0


def test_without_a_classical_workflow_nothing_is_compared():
    (report,) = make_reports([cell("navarch", 0, 70.0)])
    assert report.reference is None
    assert rows_of(report)["navarch"].versus is None


def test_counts_and_costs_are_means_of_a_run():
    cells = [
        cell("random", 0, 70.0, 71.0, duplicate=3, tokens=10, noted_trials=2, cpu_s=0.02),
        cell("random", 1, 70.0, 71.0, duplicate=0, tokens=30, noted_trials=0, cpu_s=0.0),
    ]
    (row,) = make_reports(cells)[0].rows
    assert (row.unique, row.duplicate, row.tokens) == (2.0, 1.5, 20.0)
    assert row.cpu_ms == 10.0


def test_a_mean_is_left_out_where_a_run_had_no_result_yet():
    (report,) = make_reports([cell("random", 0, math.nan), cell("random", 1, 70.0)])
    (row,) = report.rows
    assert row.val[1] is None
    assert report.as_dict()["curves"]["random"]["mean"] == [None]


def test_a_test_mean_needs_every_run_to_have_one():
    (report,) = make_reports([cell("random", 0, 70.0, test=None), cell("random", 1, 70.0)])
    assert report.rows[0].test is None


def test_a_report_is_plain_data():
    (report,) = make_reports(
        [cell(name, seed, 70.0 + seed) for name in ("navarch", "random") for seed in (0, 1)]
    )
    facts = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert facts["rows"][0]["val"]["1"] == {"mean": 70.5, "low": 70.0, "high": 71.0}
    assert facts["rows"][0]["versus"]["gain"] == {"mean": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.slow
def test_a_figure_is_drawn_for_each_task_with_axes_units_and_legend(tmp_path):
    cells = [
        cell(name, seed, *(60.0 + seed + i for i in range(24)), task=task)
        for name in ("navarch", "random")
        for seed in range(3)
        for task in ("table:mine.csv", "toys")
    ]
    files = draw_curves(make_reports(cells), tmp_path / "figures", {"toys": 90.0})
    assert [file.name for file in files] == [
        "table-mine.csv.svg",
        "table-mine.csv.png",
        "toys.svg",
        "toys.png",
    ]
    assert files[3].read_bytes().startswith(b"\x89PNG")
    first, second = (
        " ".join("".join(text.itertext()) for text in ET.parse(files[i]).iter(f"{SVG}text")) for i in (0, 2)
    )
    assert "best validation accuracy so far (%)" in first
    assert "regret: 90 % minus best" in second
    for word in ("navarch", "random", "queries", "mean over 3 seeds", "95 % bootstrap interval"):
        assert word in first
        assert word in second


def test_an_optimum_that_a_run_surpasses_is_refused(tmp_path):
    reports = make_reports([cell("random", 0, 60.0, 91.0), cell("random", 1, 60.0, 70.0)])
    with pytest.raises(NavarchError, match=r"the optimum 90 % of task 'toys' is below 91.00 %"):
        draw_curves(reports, tmp_path, {"toys": 90.0})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_figure_repeats_byte_for_byte(tmp_path):
    reports = make_reports([cell("random", seed, 60.0, 61.0 + seed) for seed in range(3)])
    once, again = (draw_curves(reports, tmp_path / name) for name in ("once", "again"))
    assert [file.read_bytes() for file in once] == [file.read_bytes() for file in again]


def test_figures_that_cannot_be_written_are_one_sentence(tmp_path):
    (tmp_path / "figures").write_text("mine")
    with pytest.raises(NavarchError, match="figures"):
        draw_curves(make_reports([cell("random", 0, 60.0)]), tmp_path / "figures")
