import ast
from pathlib import Path

import pytest

from navarch import NavarchError
from navarch.evaluation import Fidelity, Training, UnknownTaskError, get_task, task_names
from navarch.evaluation.image_task import ImageSource, read_key
from navarch.evaluation.task_data import load_search_data, load_test_data
from navarch.spaces import space_names

FOLDER = Path(__file__).resolve().parents[2] / "evaluation"


@pytest.mark.parametrize("name", task_names())
def test_every_task_has_a_default_fidelity_for_its_spaces(name):
    task = get_task(name)
    assert task.name == name
    assert task.default_fidelity
    for space in task.default_fidelity:
        assert space in space_names()
        assert task.fidelity(space).epochs >= 1


def test_an_unknown_task_is_refused_with_the_known_names():
    with pytest.raises(UnknownTaskError, match=r"'digitz'.*digits"):
        get_task("digitz")


def test_an_unknown_space_is_refused_with_the_known_names(digits):
    with pytest.raises(NavarchError, match="nas-bench-201"):
        digits.fidelity("moon")


def test_the_tables_tasks_are_trained_as_published():
    assert get_task("nb201-cifar100").default_fidelity == {
        "nas-bench-201": Fidelity(200, {"width": 16, "cells": 5})
    }


def test_tasks_differ_in_their_digests():
    assert len({get_task(name).digest for name in task_names()}) == len(task_names())


@pytest.mark.parametrize("load", [load_search_data, lambda task: load_test_data(task, split="test")])
def test_a_table_has_no_images(load):
    with pytest.raises(NavarchError, match="table"):
        load(get_task("nb201-cifar10"))


def test_search_data_holds_nothing_of_the_test_split(digits, monkeypatch):
    asked = []
    from navarch.evaluation import digits as module

    original = module.make_split
    monkeypatch.setattr(module, "make_split", lambda split: asked.append(split) or original(split))
    load_search_data(digits)
    assert asked == ["train", "val"]


def test_the_test_images_are_made_in_one_place_only():
    callers = []
    for path in FOLDER.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
                if any(isinstance(called, ast.Name) and called.id == "load_test_data" for called in calls):
                    callers.append((path.name, function.name))
    assert sorted(callers) == [("trial.py", "_test"), ("worker.py", "_score")]


def test_a_key_says_what_departs_from_the_defaults_and_those_of_earlier_versions_are_read():
    source = ImageSource("/images", Training("spos", images=90), is_cut=True, digest="0a")
    assert read_key(source.key) == source
    assert ImageSource(None, Training("spos")).key == '{"recipe": "spos"}'
    older = '{"folder": "/images", "images": null, "is_deterministic": false, "recipe": "spos", "val_share": null}'
    assert read_key(older) == ImageSource("/images", Training("spos"))
