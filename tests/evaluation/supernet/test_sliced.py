"""Elastic and entangled weights: a subnet is the stand-alone network with slices that are cut here by hand."""

import random

import pytest
import torch

from navarch.evaluation import get_task
from navarch.evaluation.supernet.elastic import ElasticSupernet
from navarch.evaluation.supernet.learning import Learner
from navarch.evaluation.supernet.net import Frame
from navarch.evaluation.supernet.plan import make_phases
from navarch.evaluation.supernet.scoring import recalibrate
from navarch.evaluation.supernet.sliced import EntangledSupernet, largest
from navarch.evaluation.task_data import SearchData, training_recipe
from navarch.spaces import get_space

TOLERANCE = 1e-12


@pytest.fixture
def elastic():
    torch.manual_seed(0)
    supernet = ElasticSupernet(Frame(get_space("ofa-mobilenetv3"), 5, 3, 32, {"width_percent": 25})).double()
    with torch.no_grad():
        for name, value in supernet.state_dict().items():
            if "/to_" in name:  # as after some training: no identity any more
                value.add_(0.1 * torch.randn_like(value))
            if value.ndim == 1:
                value.add_(0.1 * torch.randn_like(value))
    return supernet


@pytest.fixture
def entangled():
    torch.manual_seed(0)
    sizes = {"patch": 4, "head_dim": 8, "max_distance": 2}
    return EntangledSupernet(Frame(get_space("autoformer-tiny"), 5, 3, 12, sizes)).double()


def without_dropout(network):
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def held(supernet):
    return {
        name.removeprefix("shared.").replace("/", "."): value for name, value in supernet.state_dict().items()
    }


def first(value, shape):
    for dimension, size in enumerate(shape):
        value = value.narrow(dimension, 0, size)
    return value


def cut_kernel(weight, size, seven_to_five, five_to_three):
    """Apply the published rule to one channel after the other."""
    kernels = []
    for channel in weight[:, 0]:
        if size <= 5:
            channel = (seven_to_five @ channel[1:6, 1:6].reshape(25)).reshape(5, 5)
        if size == 3:
            channel = (five_to_three @ channel[1:4, 1:4].reshape(9)).reshape(3, 3)
        kernels.append(channel[None])
    return torch.stack(kernels)


def alone_of_elastic(supernet, architecture):
    network = without_dropout(supernet.frame.build(architecture).double())
    chosen, shared = supernet.frame.space.to_dict(architecture), held(supernet)
    depths = [int(chosen[f"depth_{stage}"]) for stage in range(1, 6)]
    places = [0] + [1 + 4 * stage + block for stage, depth in enumerate(depths) for block in range(depth)]
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            source = name
            if name.startswith("blocks."):
                _, number, rest = name.split(".", 2)
                source = f"blocks.{places[int(number)]}.{rest}"
            if name.endswith("depthwise.0.weight") and not name.startswith("blocks.0."):
                block = source.rsplit(".layers", 1)[0]
                matrices = shared[f"{block}.to_5x5"], shared[f"{block}.to_3x3"]
                parameter.copy_(cut_kernel(shared[source][: len(parameter)], parameter.shape[-1], *matrices))
            else:
                parameter.copy_(first(shared[source], parameter.shape))
    return network


def alone_of_entangled(supernet, architecture):
    network = supernet.frame.build(architecture).double()
    shared = held(supernet)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".qkv." in name:
                parts = [
                    first(part, (len(parameter) // 3, *parameter.shape[1:])) for part in shared[name].chunk(3)
                ]
                parameter.copy_(torch.cat(parts))
            else:
                parameter.copy_(first(shared[name], parameter.shape))
    return network


def some(space, count=1):
    rng = random.Random(2)
    drawn = [space.sample(rng) for _ in range(count)]
    return [*drawn, largest(space)]


@pytest.mark.slow
def test_an_elastic_subnet_is_the_stand_alone_network_with_cut_weights(elastic):
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    for architecture in some(elastic.frame.space, 2):
        alone = alone_of_elastic(elastic, architecture)
        inherited = without_dropout(elastic.inherit(architecture))
        assert (alone.train()(images) - inherited.train()(images)).abs().max() < TOLERANCE
        for network in (alone, inherited):
            recalibrate(network, images, lambda x: x)
        assert (alone(images) - inherited(images)).abs().max() < TOLERANCE
        state = {name: value.detach() for name, value in alone.named_parameters()}
        for name, value in elastic.weights(architecture).items():
            assert (state[name] - value).abs().max() < TOLERANCE


def test_gradients_reach_the_matrices_of_smaller_kernels_only_where_they_are_used(elastic):
    space = elastic.frame.space
    small = space.parse(
        {
            **dict.fromkeys(space.names, "-"),
            **space.to_dict(largest(space)),
            "kernel_1_1": "5",
            "kernel_2_1": "3",
        }
    )
    elastic(torch.randn(2, 3, 32, 32, dtype=torch.float64), small).square().sum().backward()
    grads = {name: elastic.read(name).grad for name in held(elastic) if ".to_" in name}
    used = {name for name, grad in grads.items() if grad is not None}
    assert used == {"blocks.1.to_5x5", "blocks.5.to_5x5", "blocks.5.to_3x3"}


def test_sorting_channels_changes_no_network_whose_width_is_trained(elastic):
    space = elastic.frame.space
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    rng = random.Random(0)
    widths = {
        expansion: space.parse(
            {
                k: expansion if k.startswith("expand") and v != "-" else v
                for k, v in space.to_dict(space.sample(rng)).items()
            }
        )
        for expansion in ("3", "4", "6")
    }

    def outputs():
        return {e: without_dropout(elastic.inherit(a)).train()(images).detach() for e, a in widths.items()}

    before = outputs()
    elastic.sort_channels([4, 6])
    after = outputs()
    changes = {e: (after[e] - before[e]).abs().max().item() for e in widths}
    assert max(changes["4"], changes["6"]) < 1e-10
    assert changes["3"] > 1e-6
    importance = elastic.read("blocks.1.layers.project.0.weight").abs().sum((0, 2, 3))
    wide, narrow = len(importance), 32  # make_divisible(8 * 4), the first block's input has eight channels
    assert wide == 48
    for part in (importance[:narrow], importance[narrow:]):
        assert (part.diff() <= 0).all()
    elastic.sort_channels([6])
    importance = elastic.read("blocks.1.layers.project.0.weight").abs().sum((0, 2, 3))
    assert (importance.diff() <= 0).all()


def test_an_entangled_subnet_is_the_stand_alone_network_with_cut_weights(entangled):
    images = torch.randn(4, 3, 12, 12, dtype=torch.float64)
    for architecture in some(entangled.frame.space)[:1]:
        alone, inherited = alone_of_entangled(entangled, architecture), entangled.inherit(architecture)
        assert (alone(images) - inherited(images)).abs().max() < TOLERANCE
        assert (alone(images) - entangled(images, architecture)).abs().max() < TOLERANCE


def test_progressive_shrinking_is_six_phases_that_widen_what_is_sampled():
    space = get_space("ofa-mobilenetv3")
    phases = make_phases(space.name, 53)
    assert [phase.last - phase.first + 1 for phase in phases] == [12, 12, 2, 12, 3, 12]
    assert [phase.paths for phase in phases] == [1, 1, 2, 2, 4, 4]
    at = {name: space.names.index(name) for name in ("kernel_1_1", "depth_1", "expand_1_1")}
    offered = [{name: sum(phase.allowed(space)[place]) for name, place in at.items()} for phase in phases]
    assert [tuple(sizes.values()) for sizes in offered] == [
        (1, 1, 1),
        (3, 1, 1),
        (3, 2, 1),
        (3, 3, 1),
        (3, 3, 2),
        (3, 3, 3),
    ]
    assert [make_phases(space.name, 6)[k].last for k in range(6)] == [1, 2, 3, 4, 5, 6]


def make_learner(space, sizes, epochs):
    torch.manual_seed(0)
    images, labels = torch.randint(0, 256, (50, 3, 24, 24), dtype=torch.uint8), torch.randint(0, 5, (50,))
    kind = ElasticSupernet if space.name.startswith("ofa") else EntangledSupernet
    return Learner(
        kind(Frame(space, 5, 3, 24, sizes)),
        SearchData(images, labels, images, labels),
        make_phases(space.name, epochs),
        training_recipe(get_task("digits")),
        sampling="uniform",
        measure=lambda path: 0.0,
        seed=0,
        device=torch.device("cpu"),
    )


def copied(part):
    if isinstance(part, torch.Tensor):
        return part.clone()
    if isinstance(part, dict):
        return {name: copied(value) for name, value in part.items()}
    return [copied(value) for value in part] if isinstance(part, list) else part


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sizes", "epochs", "cut", "taught"),
    [
        ("ofa-mobilenetv3", {"width_percent": 10}, 6, 3, True),
        ("autoformer-tiny", {"patch": 8, "head_dim": 4, "max_distance": 2}, 2, 1, False),
    ],
)
def test_a_training_that_was_cut_ends_with_the_same_weights(monkeypatch, name, sizes, epochs, cut, taught):
    monkeypatch.setattr("navarch.evaluation.supernet.learning.resize", lambda images, side: images)
    space, kept = get_space(name), {}
    whole = make_learner(space, sizes, epochs)
    whole.run(
        done=0,
        state={},
        on_epoch=lambda end, state: kept.update(
            {end.epoch: (copied(whole.supernet.saved_weights()), copied(state))}
        ),
    )
    assert sorted(kept) == list(range(1, epochs + 1))
    assert ("teacher" in kept[1][1], "teacher" in kept[epochs][1]) == (False, taught)
    again = make_learner(space, sizes, epochs)
    again.supernet.load_weights(kept[cut][0])
    again.run(done=cut, state=kept[cut][1], on_epoch=lambda end, state: None)
    for key, value in kept[epochs][0].items():
        assert torch.equal(again.supernet.saved_weights()[key], value), key
    assert any(not torch.equal(value, kept[1][0][key]) for key, value in kept[epochs][0].items())
