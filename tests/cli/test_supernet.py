"""`navarch supernet`, and a search with its weights: what is printed, stored, and said when something is wrong."""

import json

import pytest

TINY = ("--epochs", "1", "--skeleton", "width=4", "--skeleton", "cells=1", "--device", "cpu")


def searching(weights, *more):
    return ("run", "--evaluator", "supernet", "--set", f"supernet.path={weights}", *more)


@pytest.mark.slow
def test_training_tells_its_epochs_and_how_to_use_the_weights(cli):
    ended = cli("supernet", "train", "-o", "own.pt", *TINY)
    assert ended.code == 0
    assert "epoch 1/1  loss" in ended.out
    assert "navarch run --evaluator supernet --set supernet.path=own.pt" in ended.out
    again = cli("supernet", "train", "-o", "own.pt", *TINY)
    assert again.code == 2
    assert again.err.startswith("navarch: 'own.pt' holds a finished supernet")


def test_show_says_what_weights_are_of(cli, trained):
    facts = json.loads(cli("supernet", "show", trained, "--json").out)
    assert (facts["space"], facts["task"], facts["done"]) == ("nas-bench-201", "digits", 1)
    assert facts["skeleton"] == {"width": 4, "cells": 1}
    assert facts["digest"][:12] in cli("supernet", "show", trained).out


@pytest.mark.slow
@pytest.mark.parametrize("workflow", ["collm-nas", "navarch", "evolution"])
def test_a_search_on_shared_weights_stores_which_they_were_and_reads_the_test_split_once(
    cli, trained, workflow
):
    ended = cli(*searching(trained, "--workflow", workflow, "--budget", "3"))
    assert ended.code == 0, ended.err
    assert "evaluator: supernet, 2 at once" in ended.out
    assert "sealed during the search, read once" in ended.out
    digest = json.loads(cli("supernet", "show", trained, "--json").out)["digest"]
    run = json.loads(cli("show", "--json").out)
    assert run["run"]["task"] == f"supernet:digits@{digest[:8]}"
    assert {trial["epochs"] for trial in run["trials"]} == {1}


def test_the_plan_of_a_run_says_what_its_accuracies_are(cli, trained):
    ended = cli(*searching(trained, "--dry-run"))
    assert ended.code == 0
    assert "accuracies are those of weights that all architectures share" in ended.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--evaluator", "supernet"), "needs trained weights: use --set supernet.path=FILE"),
        (("run", "--evaluator", "supernet", "--set", "supernet.path=no.pt"), "'no.pt' cannot be read"),
        (("run", "--evaluator", "supernet", "--task", "digits"), "leave --task out"),
        (("supernet", "show", "no.pt"), "'no.pt' cannot be read"),
        (("supernet", "train", "-o", "a.pt", "--skeleton", "width"), "write NAME=SIZE"),
        (("supernet", "train", "-o", "a.pt", "--space", "darts"), "'darts' has no supernet"),
        (("supernet", "train", "-o", "a.pt", "--recipe", "nb2"), "There is no recipe 'nb2'"),
        (
            ("supernet", "train", "-o", "a.pt", "--space", "ofa-mobilenetv3", "--epochs", "3"),
            "trained in 6 phases",
        ),
    ],
)
def test_bad_input_is_one_sentence(cli, arguments, sentence):
    ended = cli(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_weights_of_another_space_are_refused_before_anything_is_stored(cli, trained, tmp_path):
    ended = cli(*searching(trained, "--space", "spos-shufflenetv2"))
    assert ended.code == 2
    assert "is of the space 'nas-bench-201'" in ended.err
    assert not (tmp_path / "navarch.db").exists()


@pytest.mark.slow
def test_trials_are_reused_on_the_same_weights_and_not_on_others(cli, trained, tmp_path):
    from dataclasses import replace

    from navarch.evaluation.supernet.weights import read_weights, write_weights

    own = tmp_path / "own.pt"
    stored = read_weights(trained)
    write_weights(own, replace(stored.about, seed=1), stored.weights, {})
    search = ("--workflow", "random", "--budget", "2", "--set", "supernet.slots=1")
    assert "reused" not in cli(*searching(trained, *search)).out
    assert cli(*searching(trained, *search)).out.count("reused from") == 2
    assert "reused" not in cli(*searching(own, *search)).out
