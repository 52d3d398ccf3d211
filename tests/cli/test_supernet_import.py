"""`navarch supernet import`: from photographs and a published file to a search, and what is said without them."""

import json
import re

import numpy as np
import pytest
import torch
from published_weights import ofa_weights

from navarch.evaluation.supernet.checkpoints import published_checkpoints

KINDS = [f"n{number:08}" for number in range(20)]


@pytest.fixture
def folder(shared_file, tmp_path):
    """Real JPEG files of twenty classes in ImageNet's layout: two of each to train, two to validate."""
    with np.load(shared_file("data/tinyimagenet64_20_jpeg.npz")) as archive:
        stream, offsets, labels = archive["train_jpeg"], archive["train_offsets"], archive["y_train"]
    for label, kind in enumerate(KINDS):
        for place, number in enumerate(np.flatnonzero(labels == label)[:4].tolist()):
            file = tmp_path / "photos" / ("train" if place < 2 else "val") / kind / f"{number}.JPEG"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(stream[offsets[number] : offsets[number + 1]].tobytes())
    return tmp_path / "photos"


@pytest.mark.slow
def test_a_published_supernet_is_imported_and_searched_as_collm_nas_does(cli, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "store"))
    assert cli("data", "import", folder, "--name", "photos", "--side", "64").code == 0
    torch.save({"state_dict": ofa_weights(100, classes=20)}, tmp_path / "ofa_w1.0")
    importing = (
        "supernet",
        "import",
        "ofa_w1.0",
        "--space",
        "ofa-mobilenetv3",
        "--task",
        "photos",
        "-o",
        "ofa.pt",
    )
    ended = cli(*importing)
    assert (ended.code, ended.err) == (0, "")
    assert re.search(
        r"imported ofa\.pt: [\d,]+ parameters of ofa_w1\.0, sha256 \w{16}, digest \w{16}\n", ended.out
    )
    assert (
        "use it: navarch run --space ofa-mobilenetv3 --evaluator supernet --set supernet.path=ofa.pt"
        in ended.out
    )
    again = cli(*importing)
    assert (again.code, again.err) == (
        2,
        "navarch: 'ofa.pt' is there already; give another file, or remove it.\n",
    )

    shown = cli("supernet", "show", "ofa.pt").out
    assert "origin       ofa_w1.0, sha256 " in shown
    assert "skeleton     as published" in shown
    assert "epochs" not in shown
    digest = json.loads(cli("supernet", "show", "ofa.pt", "--json").out)["digest"]

    searching = ("--space", "ofa-mobilenetv3", "--evaluator", "supernet", "--set", "supernet.path=ofa.pt")
    ended = cli(
        "run", *searching, "--workflow", "collm-nas", "--budget", "2", "--set", "supernet.timeout_s=240"
    )
    assert ended.code == 0, ended.err
    run = json.loads(cli("show", "--json").out)
    assert run["run"]["task"] == f"supernet:photos@{digest[:8]}"
    assert [trial["state"] for trial in run["trials"]] == ["complete", "complete"]


@pytest.mark.slow
def test_a_published_file_for_other_classes_or_of_another_width_is_one_sentence(
    cli, folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "store"))
    assert cli("data", "import", folder, "--name", "photos", "--side", "32").code == 0
    torch.save({"state_dict": ofa_weights(100)}, tmp_path / "narrow.pth")
    for space, sentence in (
        ("ofa-mobilenetv3", "it labels 1000 classes, and the task has 20"),
        (
            "ofa-mobilenetv3-w1.2",
            "'first_conv.conv.weight' is (16, 3, 3, 3) and is to be (24, 3, 3, 3); "
            "it looks like ofa_mbv3_d234_e346_k357_w1.0, of --space ofa-mobilenetv3.",
        ),
        ("autoformer-small", "it has no 'cls_token', which is to be (1, 1, 448); it looks like ofa_"),
    ):
        ended = cli("supernet", "import", "narrow.pth", "--space", space, "--task", "photos", "-o", "kept.pt")
        assert (ended.code, ended.out) == (2, "")
        assert sentence in ended.err
        assert len(ended.err.strip().splitlines()) == 1
        assert not (tmp_path / "kept.pt").exists()


@pytest.mark.parametrize("space", published_checkpoints())
def test_a_search_without_weights_says_what_to_download_or_train(cli, tmp_path, space):
    ended = cli("run", "--evaluator", "supernet", "--space", space)
    known = published_checkpoints()[space]
    assert (ended.code, ended.out) == (2, "")
    assert f"download {known.file} of {known.project}" in ended.err
    assert f"navarch supernet import {known.file} --space {space} --task IMAGES -o FILE" in ended.err
    assert f"navarch supernet train --space {space} -o FILE" in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "navarch.db").exists()


def test_where_nothing_is_published_training_is_all_that_is_said(cli):
    ended = cli("run", "--evaluator", "supernet")
    assert "navarch supernet train --space nas-bench-201 -o FILE" in ended.err
    assert "download" not in ended.err
    assert "'darts' has no supernet" in cli("run", "--evaluator", "supernet", "--space", "darts").err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--space", "ofa-mobilenetv3", "--task", "digits"), "read colour images of 3 channels"),
        (
            ("--space", "nas-bench-201", "--task", "digits"),
            "no published checkpoint of a supernet of 'nas-bench-201'",
        ),
        (("--space", "darts", "--task", "digits"), "'darts' has no supernet"),
        (("--space", "ofa-mobilenetv3", "--task", "no-images"), "There is no task 'no-images'"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(cli, arguments, sentence):
    ended = cli("supernet", "import", "no.pth", *arguments, "-o", "kept.pt")
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
