"""`navarch proxies`: figures and times of a few architectures, from images or noise, and what it refuses."""

import json

import pytest

SMALL = ("--batch", "2", "--skeleton", "width=4", "--skeleton", "cells=1")


def test_figures_of_several_architectures_stand_beside_each_other(cli):
    wanted = ("--proxy", "params", "--proxy", "macs", "--proxy", "az_nas", "--proxy", "naswot")
    out = cli("proxies", "nas-bench-201", "333132", "000000", *wanted, *SMALL).out.splitlines()
    assert out[0].split() == ["proxy", "333132", "000000", "ms,", "mean"]
    rows = {line.split()[0]: line.split()[1:] for line in out[1:]}
    assert rows["params"][:2] == ["17534", "4822"]
    assert rows["naswot"][1] == "-"
    assert float(rows["az_nas"][0]) > float(rows["az_nas"][1])
    assert "000000: no naswot: naswot is -inf, not a finite number" in out


def test_json_has_figures_seconds_and_reasons(cli):
    (row,) = json.loads(cli("proxies", "nas-bench-201", "333132", "--proxy", "snip", "--json", *SMALL).out)
    assert row["code"] == "333132"
    assert row["figures"]["snip"] > 0
    assert row["seconds"]["snip"] > 0
    assert row["reasons"] == {}


def test_a_space_without_images_is_given_noise_of_the_size_that_is_asked_for(cli):
    arguments = (
        "nats-size",
        "8:8:8:8:8",
        "--proxy",
        "synflow",
        "--proxy",
        "params",
        "--batch",
        "2",
        "--json",
    )
    (large,) = json.loads(cli("proxies", *arguments).out)
    (small,) = json.loads(cli("proxies", *arguments, "--input", "16").out)
    assert large["figures"]["params"] == small["figures"]["params"] == 11_714
    assert large["figures"]["synflow"] != small["figures"]["synflow"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("333132", "--proxy", "flow"), "there is no proxy 'flow'"),
        (("333132", "--noise", "--task", "digits"), "--noise and --task exclude each other"),
        (("333132", "--input", "16"), "task 'digits' has its own: add --noise"),
        (("333132", "--task", "nb201-cifar10"), "has no images to train on"),
        (("333132", "--batch", "1"), "a batch of 1 images is too small"),
        (("333132", "--batch", "1024"), "two batches of 1024 images are more than the 2000 there are"),
        (("333139",), "9"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(cli, arguments, said):
    ended = cli("proxies", "nas-bench-201", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
