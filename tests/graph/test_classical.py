"""Classical searchers in the Generator's place: the same validator, evaluator, memory, budget and resume."""

import pytest
from listeners import StopAfter

from navarch import NavarchError
from navarch.graph.workflows import WORKFLOWS

CLASSICAL = [workflow for workflow in WORKFLOWS if workflow.searcher is not None]
SOON = {"startup": 4}  # so that a short run reaches the model


def named(bench):
    with bench.memory() as memory:
        return [(row.round, row.position, row.raw, row.status) for row in memory.proposals("r1")]


@pytest.mark.parametrize("name", ["evolution", "local-search-seeded", "gp", "tpe"])
def test_a_run_that_was_stopped_decides_as_one_that_was_not(bench, name):
    flags = {"workflow": name, "budget": {"trials": 10}, "search": SOON, "seed": 3}
    assert bench.run(**flags, progress=StopAfter(bench, 6)).run.state == "stopped"
    assert bench.resume().run.state == "finished"
    stopped = bench.table(), named(bench)
    bench.db = bench.folder / "unstopped.db"
    bench.run(**flags)
    assert (bench.table(), named(bench)) == stopped
    assert len(stopped[0]) == 10


def test_a_searcher_that_learns_evaluates_one_trial_a_round_unless_told_otherwise(bench):
    bench.run(workflow="evolution", budget={"trials": 6})
    bench.run(workflow="evolution", budget={"trials": 6}, search={"trials_per_round": 4})
    bench.run(workflow="random", budget={"trials": 6})
    with bench.memory() as memory:
        rounds = [[row.new_trials for row in memory.rounds(run)] for run in ("r1", "r2", "r3")]
        kept = memory.get_run("r1").settings["search"]["trials_per_round"]
    assert rounds == [[1] * 6, [4, 2], [4, 2]]
    assert kept == 1


def test_known_proposals_are_stored_as_duplicates_and_spend_no_budget(bench):
    bench.run(workflow="evolution", budget={"trials": 40}, search={"population": 4, "sample": 4}, seed=1)
    with bench.memory() as memory:
        rows = memory.proposals("r1")
    counts = {status: sum(row.status == status for row in rows) for status in ("valid", "duplicate")}
    assert counts["valid"] == len(bench.table()) == 40
    assert counts["duplicate"] > 0
    assert {row.origin for row in rows} == {"evolution"}
    assert all(row.problems[0]["code"] == "duplicate-trial" for row in rows if row.status == "duplicate")


def test_the_seeded_search_starts_at_the_prior_also_where_the_space_is_hidden(bench):
    for flags in ({}, {"obfuscate": 4}):
        bench.run(workflow="local-search-seeded", budget={"trials": 1}, **flags)
        assert bench.evaluator.trained[0].values == ("nor_conv_3x3",) * 6 if not flags else True
    assert [row["genotype"] for row in (bench.table("r1")[0], bench.table("r2")[0])] == [
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    ] * 2


def test_a_space_without_a_prior_is_one_sentence_that_names_a_way_out(bench):
    with pytest.raises(NavarchError, match="'darts' declares none: use --workflow local-search, or"):
        bench.run(workflow="local-search-seeded", space="darts")
    assert not bench.db.exists()


def test_limits_are_kept_without_random_filling(bench):
    bench.run(workflow="evolution", budget={"trials": 12}, limits={"max_params": 30_000})
    assert all(row["params"] <= 30_000 for row in bench.table())
    with bench.memory() as memory:
        assert memory.proposals("r1", status="invalid")
        assert {row.origin for row in memory.proposals("r1")} == {"evolution"}


def test_a_small_space_is_searched_to_its_last_architecture(bench):
    (bench.folder / "small.toml").write_text(SMALL)
    result = bench.run(
        workflow="evolution",
        space="small.toml",
        evaluator="callable",
        callable={"command": "true"},
        budget={"trials": 50},
        search={"population": 2, "sample": 1},
    )
    assert "no architecture that is new" in result.reason
    assert len(bench.table()) == 6


SMALL = """
name = "small"
title = "Small"
summary = "Two choices."
prior = "l7"

[[dimensions]]
name = "size"
meaning = "the size"
options = [{ name = "nor_conv_3x3", code = "s", meaning = "3" }, { name = "none", code = "l", meaning = "0" }]

[[dimensions]]
name = "kind"
meaning = "the kind"
options = [
    { name = "skip_connect", code = "3", meaning = "1" },
    { name = "nor_conv_1x1", code = "5", meaning = "2" },
    { name = "avg_pool_3x3", code = "7", meaning = "4" },
]
"""


@pytest.mark.parametrize("workflow", CLASSICAL, ids=lambda workflow: workflow.name)
def test_every_workflow_reads_settings_that_exist(workflow):
    from navarch.graph.sections import Search

    assert set(workflow.uses) <= set(Search.model_fields)
    assert workflow.roles == ()
