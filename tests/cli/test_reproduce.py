"""`navarch reproduce` as a user meets it."""

import json
from pathlib import Path

import pytest
from openai_server import OpenAIServer

TABLE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nb201.csv.gz"
QUICK = ["--seeds", "1", "--budget", "6"]


def test_without_a_name_the_recipes_are_listed(cli):
    shown = cli("reproduce")
    assert shown.code == 0
    for word in ("collm-nas-table4", "nb201-baselines", "ofa-pareto", "seki-nb201"):
        assert word in shown.out
    rows = json.loads(cli("reproduce", "--json").out)
    assert {row["recipe"]: row["trials"] for row in rows}["collm-nas-table4"] == 100


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["table9"], ["'table9'", "collm-nas-table4"]),
        (["seki-nb201", *QUICK], ["table.path", "NAS-Bench-201's table as CSV"]),
        (["seki-nb201", *QUICK, "--set", "table.path=none.csv"], ["none.csv", "NAS-Bench-201's table"]),
        (["seki-nb201", "--model", "offline"], ["--model offline"]),
        (["seki-nb201", *QUICK, "--set", "bugdet.calls=2"], ["bugdet", "budget"]),
    ],
    ids=" ".join,
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(cli, tmp_path, arguments, words):
    ended = cli("reproduce", *arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err + ended.out
    for word in words:
        assert word in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not TABLE.exists(), reason="the NAS-Bench-201 table is not in ../shared/data")
def test_a_quick_look_runs_every_row_goes_on_and_stands_beside_the_published_figures(cli):
    command = ["reproduce", "collm-nas-table4", *QUICK, "--set", f"table.path={TABLE}", "--jobs", "2"]
    first = cli(*command, "--json")
    assert first.code == 0, first.err
    assert "need a language model, --model openai:NAME: CoLLM-NAS, navarch" in first.err
    rows = {row["row"]: row for row in json.loads(first.out)["cases"]["ImageNet16-120"]}
    assert rows["CoLLM-NAS"]["published"] == {
        "val": 46.62,
        "val_spread": 0.1,
        "test": 46.79,
        "test_spread": 0.28,
    }
    assert (rows["CoLLM-NAS"]["val"], rows["CoLLM-NAS"]["note"]) == (None, "needs --model")
    for name, row in rows.items():
        if row["runs"]:
            assert (row["finished"], row["runs"], row["trials"]) == (1, 1, 6), name
            assert row["by_test"]["mean"] >= row["test"]["mean"]
    again = cli(*command)
    assert "21 of 21 runs are finished already" in again.err
    assert "every run had 6 trials, so figures are not to be compared" in again.out
    assert "46.62 ± 0.10" in again.out
    assert "evidently driven by test" in again.out


@pytest.mark.slow
@pytest.mark.skipif(not TABLE.exists(), reason="the NAS-Bench-201 table is not in ../shared/data")
def test_a_model_fills_its_rows_and_the_share_that_is_not_its_own_is_told(cli):
    edges = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
    answer = {"architecture": dict.fromkeys(edges, "nor_conv_1x1"), "why": "plain"}
    with OpenAIServer([json.dumps({**answer, "strategies": ["plain"]}), "no idea"]) as server:
        served = ["--model", "openai:mine", "--base-url", server.base_url, "--jobs", "1"]
        ended = cli(
            "reproduce",
            "seki-nb201",
            "--seeds",
            "1",
            "--budget",
            "2",
            *served,
            "--set",
            f"table.path={TABLE}",
            "--json",
        )
        assert ended.code == 0, ended.err
        assert server.requests[0]["model"] == "mine"
    assert "need a language model" not in ended.err
    rows = {row["row"]: row for row in json.loads(ended.out)["cases"]["CIFAR-10"]}
    assert rows["SEKI"]["finished"] == rows["SEKI"]["runs"] == 1
    assert "of the replies by offline twins" in rows["SEKI"]["note"]
    assert rows["SEKI, offline roles"]["note"] == rows["random search"]["note"] == ""
