"""The parts of the networks of DARTS: cells as published, the auxiliary head, and drop-path."""

import random

import pytest
import torch
from torch.nn import functional as F

from navarch import NavarchError
from navarch.spaces import get_space
from navarch.spaces.darts import CellGenotype
from navarch.spaces.darts.network import AuxiliaryHead, Cell, HalvingSkip
from navarch.spaces.darts.skeleton import Placement

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = get_space("darts")
SMALL = {"width": 4, "layers": 3}


def build(arch, seed=0, **settings):
    torch.manual_seed(seed)
    return SPACE.build(arch, **{"classes": 5, "skeleton": SMALL, **settings}).double()


def blur(network):
    """Give every parameter and statistic a random value, as training would."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_()
    return network


def sample(number):
    rng = random.Random(number)
    return [SPACE.sample(rng) for _ in range(number)]


def published_operation(name, x, stride, weights):
    """Compute an operation as it is published, on an even number of pixels, from the weights in order."""

    def norm(x):
        scale, shift, mean, variance = (next(weights) for _ in range(4))
        return F.batch_norm(x, mean, variance, scale, shift, eps=1e-5)

    def separable(x, stride, padding, dilation):
        x = F.conv2d(F.relu(x), next(weights), None, stride, padding, dilation, groups=x.shape[1])
        return norm(F.conv2d(x, next(weights)))

    if name == "max_pool_3x3":
        return F.max_pool2d(x, 3, stride, 1)
    if name == "avg_pool_3x3":
        ones = F.avg_pool2d(torch.ones_like(x), 3, stride, 1)
        return F.avg_pool2d(x, 3, stride, 1) / ones  # zeros beyond the border do not count
    if name == "skip_connect":
        return x if stride == 1 else halved_skip(x, weights, norm)
    kernel = int(name[-1])
    if name.startswith("sep"):
        return separable(separable(x, stride, kernel // 2, 1), 1, kernel // 2, 1)
    return separable(x, stride, {3: 2, 5: 4}[kernel], 2)


def halved_skip(x, weights, norm):
    x = F.relu(x)
    first = F.conv2d(x, next(weights), stride=2)
    second = F.conv2d(x[:, :, 1:, 1:], next(weights), stride=2)
    return norm(torch.cat([first, second], dim=1))


def tensors_of(module):
    """Yield weights, and scale, shift, mean and variance, in the order of the layers."""
    for name, tensor in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            yield tensor


@pytest.mark.parametrize("is_reduction", [False, True], ids=["normal", "reduction"])
def test_a_cell_computes_its_nodes_as_published(is_reduction):
    placement = Placement(is_reduction, False, c_prev_prev=6, c_prev=8, channels=4, repeats=1)
    for arch in sample(12):
        genotype = SPACE.to_genotype(arch).normal
        cell = blur(Cell(genotype, placement).double().eval())
        given = (
            torch.randn(2, 6, 8, 8, dtype=torch.float64),
            torch.randn(2, 8, 8, 8, dtype=torch.float64),
        )
        states = [cell.adapt_0(given[0]), cell.adapt_1(given[1])]
        for node in range(4):
            total = 0
            for place in (2 * node, 2 * node + 1):
                operation, source = genotype.edges[place]
                stride = 2 if is_reduction and source < 2 else 1
                weights = tensors_of(cell.edges[place])
                total = total + published_operation(operation, states[source], stride, weights)
            states.append(total)
        torch.testing.assert_close(cell(*given), torch.cat(states[2:], dim=1))


def test_the_inputs_of_a_cell_are_adapted_as_published():
    x = torch.randn(2, 6, 8, 8, dtype=torch.float64)
    edges = SPACE.to_genotype(sample(1)[0]).normal
    for after_reduction in (False, True):
        cell = blur(Cell(edges, Placement(False, after_reduction, 6, 6, 4, 1)).double().eval())
        conv, norm = cell.adapt_1[1], cell.adapt_1[2]
        torch.testing.assert_close(cell.adapt_1(x), norm(F.conv2d(F.relu(x), conv.weight)))
        if after_reduction:
            torch.testing.assert_close(
                cell.adapt_0(x),
                published_operation("skip_connect", x, 2, tensors_of(cell.adapt_0)),
            )
        else:
            assert cell.adapt_0(x).shape == (2, 4, 8, 8)


@pytest.mark.parametrize("shape", [(7, 7), (8, 5), (1, 1), (1, 6)])
def test_a_halving_skip_rounds_up(shape):
    assert HalvingSkip(3, 5).eval()(torch.randn(2, 3, *shape)).shape == (
        2,
        5,
        (shape[0] + 1) // 2,
        (shape[1] + 1) // 2,
    )


def test_the_second_logits_come_only_in_training_and_only_with_an_auxiliary_head():
    (arch,) = sample(1)
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    for auxiliary in (False, True):
        network = build(arch, auxiliary=auxiliary)
        assert isinstance(network.train()(images), tuple) is auxiliary
        assert isinstance(network.eval()(images), torch.Tensor)
        assert any("auxiliary" in name for name, _ in network.named_parameters()) is auxiliary


@pytest.mark.parametrize(("stem_stride", "side", "stride"), [(1, 8, 3), (4, 7, 2)], ids=["small", "large"])
def test_the_auxiliary_head_reads_its_published_map_as_published(stem_stride, side, stride):
    head = blur(AuxiliaryHead(6, 3, stem_stride).double().eval())
    x = torch.randn(2, 6, side, side, dtype=torch.float64)
    narrow, norm_1, _, wide, norm_2, _ = head.features
    y = F.relu(norm_1(F.conv2d(F.avg_pool2d(F.relu(x), 5, stride), narrow.weight)))
    y = F.conv2d(y, wide.weight)
    assert y.shape == (2, 768, 1, 1)
    y = F.relu(norm_2(y) if stem_stride == 1 else y).flatten(1)
    torch.testing.assert_close(head(x), head.classifier(y))
    assert isinstance(norm_2, torch.nn.BatchNorm2d) is (stem_stride == 1)


def test_drop_path_zeroes_results_image_by_image_and_scales_the_others():
    edges = (("max_pool_3x3", 0), ("max_pool_3x3", 1))
    cell = Cell(CellGenotype(edges, (2,)), Placement(False, False, 4, 4, 4, 1)).double().train()
    state_0, state_1 = torch.randn(2, 400, 4, 3, 3, dtype=torch.float64)
    parts = [
        F.max_pool2d(adapt(x), 3, 1, 1) for adapt, x in ((cell.adapt_0, state_0), (cell.adapt_1, state_1))
    ]
    torch.manual_seed(0)
    dropped = cell(state_0, state_1, 0.25)
    kept = torch.zeros(2)
    for image in range(400):
        options = {(a, b): (a * parts[0][image] + b * parts[1][image]) / 0.75 for a in (0, 1) for b in (0, 1)}
        found = [key for key, option in options.items() if torch.allclose(dropped[image], option)]
        assert len(found) == 1
        kept += torch.tensor(found[0])
    assert all(260 < number < 340 for number in kept)  # 300 expected, 8.7 standard deviation


def test_drop_path_spares_identities_and_is_off_in_evaluation():
    skips = CellGenotype(tuple(("skip_connect", source) for _ in range(4) for source in (0, 1)))
    cell = Cell(skips, Placement(False, False, 4, 4, 4, 1)).train()
    x = torch.randn(4, 4, 5, 5)
    assert torch.equal(cell(x, x, 0.9), cell(x, x, 0.0))
    (arch,) = sample(1)
    network, images = build(arch), torch.randn(4, 3, 8, 8, dtype=torch.float64)
    plain = network.eval()(images)
    assert network.drop_path == 0
    network.drop_path = 0.9
    assert torch.equal(network.eval()(images), plain)
    trained = network.train()(images)
    network.drop_path = 0
    assert not torch.equal(network(images), trained)


@pytest.mark.parametrize("probability", [1, -0.1, float("nan")])
def test_drop_path_must_be_a_probability_below_1(probability):
    (arch,) = sample(1)
    network = build(arch)
    with pytest.raises(NavarchError, match="drop_path must be at least 0 and less than 1"):
        network.drop_path = probability


def test_gradients_reach_every_parameter():
    for arch in sample(3):
        network = build(arch, auxiliary=True, skeleton={**SMALL, "layers": 5}).train()
        logits, second = network(torch.randn(4, 3, 16, 16, dtype=torch.float64))
        (logits.square().sum() + 0.4 * second.square().sum()).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
