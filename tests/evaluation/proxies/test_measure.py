"""Proxies of real networks by name: what stays untouched, what repeats, what is no figure, and published values."""

import csv
import gzip
import math
import random

import pytest
import scipy.stats
import torch

from navarch import NavarchError
from navarch.evaluation import get_task
from navarch.evaluation.proxies.measure import _MEASURES, score_architecture, score_network
from navarch.evaluation.proxies.names import FIGURES, PROXIES, check_names
from navarch.evaluation.proxies.published import run_as_published
from navarch.evaluation.proxies.ranking import az_nas_scores, log_ranks, mean_ranks
from navarch.evaluation.proxies.sample import image_sample, random_sample, task_sample
from navarch.evaluation.proxies.scores import Scores
from navarch.evaluation.proxies.synflow import synflow
from navarch.evaluation.proxies.zen import gaussian_init, zen
from navarch.spaces import get_space

torch.set_num_threads(1)
SPACE = get_space("nas-bench-201")
TINY = {"width": 4, "cells": 1}


@pytest.fixture(scope="module")
def sample():
    return task_sample(get_task("digits"), batch=4, dtype=torch.float64)


def score(code, sample, names=PROXIES, **settings):
    return score_architecture(SPACE, SPACE.parse(code), sample, names, skeleton=TINY, **settings)


def build(code="333132"):
    torch.manual_seed(0)
    return SPACE.build(SPACE.parse(code), classes=10, in_channels=1, skeleton=TINY).double()


def test_every_proxy_has_a_finite_figure_for_a_whole_cell(sample):
    scores = score("333132", sample)
    assert scores.reasons == {}
    assert set(scores.figures) == {figure for figures in FIGURES.values() for figure in figures}
    assert set(scores.seconds) == set(PROXIES) == {"params", "macs", *_MEASURES}
    cost = SPACE.cost(SPACE.parse("333132"), classes=10, in_channels=1, resolution=12, skeleton=TINY)
    assert (scores.figures["params"], scores.figures["macs"]) == (cost.params, cost.macs)


def test_the_same_seed_gives_the_same_figures_whatever_was_drawn_before(sample):
    first = score("333132", sample)
    torch.manual_seed(99)
    assert (
        score("333132", task_sample(get_task("digits"), batch=4, dtype=torch.float64)).figures
        == first.figures
    )


@pytest.mark.parametrize("name", sorted(_MEASURES))
def test_a_proxy_leaves_the_network_as_it_was(name, sample):
    network = build().eval()
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    network.stem[0].weight.requires_grad_(False)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    score_network(network, sample, [name], into=Scores({}, {}, {}))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(bool((parameter.grad == 3.0).all()) for parameter in network.parameters())
    assert not any(module.training or module._forward_hooks for module in network.modules())
    assert not network.stem[0].weight.requires_grad
    assert torch.equal(random_state, torch.get_rng_state())


def test_equal_architectures_have_equal_figures(sample):
    # 0->1 is a convolution that leads nowhere: the cell computes what it computes without it.
    names = [name for name in _MEASURES if name != "meco"]
    one, other = (build(code) for code in ("310100", "010100"))
    other.load_state_dict({key: one.state_dict()[key] for key in other.state_dict()})
    for name in set(names) - {"zen"}:  # its weights are drawn anew, for idle edges too
        found = [Scores({}, {}, {}), Scores({}, {}, {})]
        score_network(one, sample, [name], into=found[0])
        score_network(other, sample, [name], into=found[1])
        assert found[0].figures, name
        assert found[0].figures == pytest.approx(found[1].figures, rel=1e-9), name


def test_a_cell_that_cuts_the_signal_has_reasons_in_place_of_figures(sample):
    scores = score("000000", sample)
    assert scores.figures["grad_norm"] == scores.figures["synflow"] == 0.0
    assert scores.reasons["jacob_cov"] == "jacob_cov is nan, not a finite number"
    assert scores.reasons["naswot"] == "naswot is -inf, not a finite number"
    assert scores.reasons["az_nas"] == "az_trainability is -inf, not a finite number"
    assert all(math.isfinite(figure) for figure in scores.figures.values())


def test_a_cell_with_blocks_that_learn_nothing_is_ranked_last_by_its_trainability(sample):
    found = [score(code, sample, ["az_nas", "macs"]) for code in ("333132", "000100", "333333")]
    assert found[1].reasons == {"az_nas": "az_trainability is -inf, not a finite number"}
    assert {"az_expressivity", "az_progressivity"} <= set(found[1].figures)
    joined = az_nas_scores([scores.figures for scores in found])
    assert all(map(math.isfinite, joined))
    assert min(joined) == joined[1]


def test_a_network_that_cannot_be_built_is_a_reason(sample):
    scores = score_architecture(SPACE, SPACE.parse("333333"), sample, ["snip"], skeleton={"depth": 3})
    assert "has no size 'depth' in its skeleton" in scores.reasons["snip"]
    assert scores.figures == {}


def test_synflow_needs_no_data(sample):
    noise = random_sample(sample.shape, 10, batch=2, dtype=torch.float64)
    assert score("333132", noise, ["synflow"]).figures == score("333132", sample, ["synflow"]).figures


def test_single_precision_is_close_to_double(sample):
    single = score("333132", task_sample(get_task("digits"), batch=4)).figures
    for name, figure in score("333132", sample).figures.items():
        assert single[name] == pytest.approx(figure, rel=1e-3, abs=1e-6), name


def test_an_unknown_proxy_is_named():
    with pytest.raises(NavarchError, match="there is no proxy 'flow'; the proxies are: params, macs, "):
        check_names(["snip", "flow"])


def test_a_sample_is_drawn_from_training_images_with_their_mean_and_deviation():
    images = torch.arange(8 * 4, dtype=torch.uint8).reshape(8, 1, 2, 2)
    drawn = image_sample(images, torch.arange(8), 8, batch=2, dtype=torch.float64)
    spread = images.double().std(correction=0)
    for image, label in zip(drawn.images, drawn.labels, strict=True):
        expected = (images[label].double() - 15.5) / spread
        assert torch.allclose(image, expected, rtol=1e-6)
    assert len(set(drawn.labels.tolist())) == 4
    with pytest.raises(NavarchError, match="two batches of 5 images"):
        image_sample(images, torch.arange(8), 8, batch=5)


def test_ranks_are_those_of_scipy_and_what_is_not_measured_is_last():
    values = [3.0, 1.0, 3.0, 2.0, 5.0]
    assert mean_ranks(values) == scipy.stats.rankdata(values).tolist()
    assert mean_ranks([0.5, None, None]) == [3.0, 1.5, 1.5]
    joined = log_ranks([[1.0, 2.0], [4.0, 3.0]])
    assert joined == pytest.approx([math.log(0.5), math.log(0.5)])
    rows = [
        dict.fromkeys(("az_expressivity", "az_progressivity", "az_trainability", "macs"), v)
        for v in (1.0, 2.0)
    ]
    assert az_nas_scores(rows) == pytest.approx([4 * math.log(0.5), 0.0])


def test_published_blocks_keep_their_normalisation_in_synflow():
    network = build()
    kept = run_as_published(network)
    assert kept == ("blocks.1", "blocks.3")
    assert synflow(network, (1, 12, 12), keep_norm=kept) != synflow(network, (1, 12, 12))


def test_zen_is_the_published_one_within_the_noise_of_its_draws(shared_file):
    with gzip.open(shared_file("data/nb201.csv.gz"), "rt") as file:
        rows = [row for row in csv.DictReader(file) if float(row["c10_flops"]) < 3e7]
    x, noise = torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for row in random.Random(3).sample(rows, 3):
        network = SPACE.build(SPACE.parse(row["arch"]), classes=10)
        run_as_published(network)
        gaussian_init(network, torch.Generator().manual_seed(0))
        assert zen(network, x, noise) == pytest.approx(float(row["c10_zen"]), rel=0.1, abs=2.0), row["arch"]
