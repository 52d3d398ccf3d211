"""Measure the proxies of architectures: one seed of weights and the same images for all, and the time it takes."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict

import torch
from torch import nn

from navarch.evaluation.proxies.az_nas import az_nas
from navarch.evaluation.proxies.fisher import fisher
from navarch.evaluation.proxies.gradients import grad_norm, grasp, snip, zico
from navarch.evaluation.proxies.kernels import jacob_cov, naswot
from navarch.evaluation.proxies.meco import meco
from navarch.evaluation.proxies.names import FIGURES
from navarch.evaluation.proxies.sample import Sample
from navarch.evaluation.proxies.scores import Scores
from navarch.evaluation.proxies.synflow import synflow
from navarch.evaluation.proxies.untouched import working_copy
from navarch.evaluation.proxies.zen import gaussian_init, zen
from navarch.spaces import Architecture, SearchSpace


class _Sizes(TypedDict):
    """What a space is told to cost and build a network."""

    classes: int
    in_channels: int
    resolution: int
    skeleton: Mapping[str, int] | None


def score_architecture(
    space: SearchSpace,
    architecture: Architecture,
    sample: Sample,
    names: Sequence[str],
    *,
    skeleton: Mapping[str, int] | None = None,
) -> Scores:
    """Return the proxies of an architecture, its weights drawn as torch does by default from the sample's seed.

    names: of `PROXIES`, measured on the sample's device and in its float type. skeleton: sizes that replace the
    published ones. A network that cannot be built, and a proxy that fails or is not finite, is a reason; nothing is
    raised for it.
    """
    scores = Scores({}, {}, {})
    sample = sample.at_side(space.input_side(architecture, sample.shape[1]))
    channels, height, _ = sample.shape
    sizes = _Sizes(classes=sample.classes, in_channels=channels, resolution=height, skeleton=skeleton)
    counted = [name for name in names if name in ("params", "macs")]
    if counted:
        started = time.process_time()
        cost = asdict(space.cost(architecture, **sizes))
        scores.figures.update({name: cost[name] for name in counted})
        scores.seconds.update(dict.fromkeys(counted, (time.process_time() - started) / len(counted)))
    measured = [name for name in names if name not in counted]
    if measured:
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(sample.seed)
                network = space.build(architecture, **sizes)
        except Exception as error:  # whatever keeps a network from being built is a reason
            scores.reasons.update(dict.fromkeys(measured, _say(error)))
            return scores
        score_network(network.to(sample.images.device, sample.images.dtype), sample, measured, into=scores)
    return scores


def score_network(network: nn.Module, sample: Sample, names: Sequence[str], *, into: Scores) -> None:
    """Measure the proxies of a network, all but `params` and `macs`, which stays as it was."""
    for name in names:
        started = time.process_time()
        try:
            figures = _MEASURES[name](network, sample)
        except Exception as error:  # a proxy that cannot be measured is a reason; the others go on
            into.reasons[name] = _say(error)
            continue
        finally:
            into.seconds[name] = time.process_time() - started
        for figure, value in zip(FIGURES[name], figures, strict=True):
            if math.isfinite(value):
                into.figures[figure] = value
            else:
                into.reasons[name] = f"{figure} is {value}, not a finite number"


def _say(error: Exception) -> str:
    """Return one line about a failure."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _zen(network: nn.Module, sample: Sample) -> float:
    drawn = working_copy(network)
    gaussian_init(drawn, torch.Generator().manual_seed(sample.seed))
    return zen(drawn, sample.noise[0], sample.noise[1])


_MEASURES: dict[str, Callable[[nn.Module, Sample], tuple[float, ...]]] = {
    "grad_norm": lambda network, sample: (grad_norm(network, *sample.first),),
    "snip": lambda network, sample: (snip(network, *sample.first),),
    "grasp": lambda network, sample: (grasp(network, *sample.first),),
    "fisher": lambda network, sample: (fisher(network, *sample.first),),
    "synflow": lambda network, sample: (synflow(network, sample.shape),),
    "jacob_cov": lambda network, sample: (jacob_cov(network, sample.first[0]),),
    "naswot": lambda network, sample: (naswot(network, sample.images),),
    "zen": lambda network, sample: (_zen(network, sample),),
    "zico": lambda network, sample: (zico(network, sample.batches),),
    "az_nas": lambda network, sample: az_nas(
        network, sample.first[0], torch.Generator().manual_seed(sample.seed)
    ),
    "meco": lambda network, sample: (meco(network, sample.meco_image),),
}
