"""The networks of Once-for-All's spaces: they cost what the closed form says and compute what is published."""

import json
import random
from itertools import pairwise

import pytest
import torch
from metering import build_on_meta, meta_cost
from slices import slices
from torch import nn
from torch.nn import functional

from navarch.spaces import Cost, get_space
from navarch.spaces.ofa.chain import Block, find_widths, stage_blocks
from navarch.spaces.ofa.network import InvertedResidual

pytestmark = pytest.mark.usefixtures("one_thread")

NARROW, WIDE = get_space("ofa-mobilenetv3"), get_space("ofa-mobilenetv3-w1.2")
both = pytest.mark.parametrize("space", [NARROW, WIDE], ids=lambda space: space.name)
SMALL = {"width_percent": 25}
ODD = [
    {"classes": 7, "in_channels": 1, "resolution": 33, "skeleton": {"width_percent": 35}},
    {"classes": 10, "in_channels": 5, "resolution": 225, "skeleton": {"width_percent": 75}},
    {"classes": 1, "in_channels": 2, "resolution": 1, "skeleton": {"width_percent": 1}},
    {"classes": 1001, "in_channels": 3, "resolution": 97, "skeleton": {"width_percent": 133}},
    {"classes": 100, "in_channels": 3, "resolution": 32, "skeleton": None},
]


def build(record, **settings):
    torch.manual_seed(0)
    return NARROW.build(NARROW.parse(record), **{"classes": 7, "skeleton": SMALL, **settings})


def sample_record(seed):
    return json.loads(NARROW.genotype(NARROW.sample(random.Random(seed))))


def count(network, in_channels, resolution):
    """Count by module: every weight of a convolution or linear layer works once per output position."""
    macs = 0

    def add(module, _, output):
        nonlocal macs
        macs += module.weight.numel() * output.numel() // output.shape[1]

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(add)
    with torch.no_grad():
        network.eval()(torch.empty(1, in_channels, resolution, resolution, device="meta"))
    return Cost(sum(p.numel() for p in network.parameters()), macs)


def check_samples(space, amount, seed):
    """Compare closed form and network for samples, every fourth at an odd setting."""
    rng = random.Random(seed)
    for i in range(amount):
        arch = space.sample(rng)
        settings = ODD[i // 4 % len(ODD)] if i % 4 == 3 else {"classes": 1000, "in_channels": 3}
        network = build_on_meta(space, arch, **settings)
        counted = count(network, settings["in_channels"], settings.get("resolution") or int(arch.values[0]))
        assert space.cost(arch, **settings) == counted, (space.code(arch), settings)


def blur(module):
    """Give every parameter and statistic a random value, as training would."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_(std=0.5)
    return module.double().eval()


# --- Counting ---


@both
def test_the_closed_form_counts_what_the_built_network_has(only_counted_layers, space):
    check_samples(space, 20, seed=0)


@both
@pytest.mark.parametrize("part", slices(20))
def test_the_closed_form_counts_what_a_thousand_built_networks_have(only_counted_layers, space, part):
    check_samples(space, 50, seed=1 + part)


@both
def test_the_closed_form_is_half_of_what_the_operation_counter_of_torch_finds(space):
    arch = space.parse({**sample_record(5), "r": 160})
    assert meta_cost(build_on_meta(space, arch, classes=1000), 3, 160) == space.cost(arch, classes=1000)
    settings = ODD[0]
    network = build_on_meta(space, arch, **settings)
    assert meta_cost(network, settings["in_channels"], settings["resolution"]) == space.cost(arch, **settings)


# --- What the network computes ---


def h_swish(x):
    return x * functional.relu6(x + 3) / 6


def published_block(block, state, x):
    """Compute a block in evaluation as the papers word it, from the weights in the order of the layers."""
    tensors = iter([tensor for name, tensor in state.items() if "num_batches" not in name])
    act = {"relu": functional.relu, "h_swish": h_swish}[block.activation]

    def conv(y, *, act=lambda y: y, **options):
        y = functional.conv2d(y, next(tensors), **options)
        weight, bias, mean, variance = (next(tensors)[:, None, None] for _ in range(4))
        return act((y - mean) / torch.sqrt(variance + 1e-5) * weight + bias)

    y = conv(x, act=act) if block.c_mid != block.c_in else x
    y = conv(y, act=act, stride=block.stride, padding=block.kernel // 2, groups=block.c_mid)
    if block.has_squeeze:
        z = functional.relu(functional.conv2d(y.mean((2, 3), keepdim=True), next(tensors), next(tensors)))
        y = y * (functional.relu6(functional.conv2d(z, next(tensors), next(tensors)) + 3) / 6)
    y = conv(y)
    assert next(tensors, None) is None
    return x + y if block.stride == 1 and block.c_in == block.c_out else y


@pytest.mark.parametrize(
    "block",
    [
        Block(16, 16, 16, 3, 1, "relu", False),
        Block(16, 16, 24, 3, 1, "relu", False),
        Block(16, 48, 24, 5, 2, "relu", False),
        Block(24, 96, 24, 7, 1, "relu", True),
        Block(24, 72, 32, 3, 2, "h_swish", True),
        Block(32, 192, 32, 5, 1, "h_swish", False),
    ],
)
def test_a_block_computes_what_is_published(block):
    torch.manual_seed(0)
    module = blur(InvertedResidual(block))
    for height, width in ((8, 8), (7, 10), (1, 1)):
        x = torch.randn(2, block.c_in, height, width, dtype=torch.float64)
        torch.testing.assert_close(module(x), published_block(block, module.state_dict(), x))


def test_the_network_is_stem_blocks_and_head_as_published():
    record = sample_record(3)
    arch = NARROW.parse(record)
    network = blur(build(record))
    widths = find_widths(25)
    searched = [block for blocks in stage_blocks(widths, arch.values) for block in blocks]
    first = Block(widths.stem, widths.stem, widths.first, 3, 1, "relu", False)
    x = torch.randn(2, 3, 37, 50, dtype=torch.float64)
    conv, norm, _ = network.stem
    y = h_swish(norm(functional.conv2d(x, conv.weight, stride=2, padding=1)))
    for block, module in zip([first, *searched], network.blocks, strict=True):
        y = published_block(block, module.state_dict(), y)
    (conv, norm, _), neck = network.head[0], network.head[2]
    y = h_swish(norm(functional.conv2d(y, conv.weight))).mean((2, 3), keepdim=True)
    y = h_swish(functional.conv2d(y, neck.weight)).flatten(1)
    logits = y @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(x), logits)
    assert len(network.blocks) == 1 + sum(record["d"])


def test_every_stage_has_the_published_stride_activation_and_squeeze():
    depths = [2, 3, 4, 3, 2]
    network = build({"d": depths, "ks": [5] * 20, "e": [4] * 20})
    blocks = list(network.blocks)[1:]
    for i, depth in enumerate(depths):
        stage, blocks = blocks[:depth], blocks[depth:]
        strides = [block.layers.depthwise[0].stride[0] for block in stage]
        assert strides == [(2, 2, 2, 1, 2)[i], *[1] * (depth - 1)]
        activation = (nn.ReLU, nn.ReLU, nn.Hardswish, nn.Hardswish, nn.Hardswish)[i]
        for block in stage:
            for part in (block.layers.expand, block.layers.depthwise):
                assert isinstance(part[2], activation)
            assert len(block.layers.project) == 2
            assert hasattr(block.layers, "squeeze") == (False, True, False, True, True)[i]
    assert not blocks


def test_only_squeeze_and_classifier_have_biases_and_the_neck_no_normalisation():
    network = build(sample_record(1))
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            assert (module.bias is not None) == (".squeeze." in name)
    assert network.classifier.bias is not None
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.head[1:])
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.1]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_resolution_of_the_architecture_does_not_change_the_network(depth):
    record = {"d": [depth] * 5, "ks": [7] * 20, "e": [3] * 20}
    shapes = [
        {
            name: tensor.shape
            for name, tensor in build({**record, "r": r}, resolution=size).state_dict().items()
        }
        for r, size in ((160, None), (224, None), (224, 33))
    ]
    assert all(one == other for one, other in pairwise(shapes))


def test_entries_that_are_not_in_use_change_nothing():
    record = sample_record(2)
    filled = {**record, "ks": [k or 7 for k in record["ks"]], "e": [e or 6 for e in record["e"]]}
    assert filled != record
    x = torch.randn(2, 3, 40, 40)
    torch.testing.assert_close(build(record).eval()(x), build(filled).eval()(x), rtol=0, atol=0)


# --- Running it ---


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 33, 33), (3, 37, 90), (1, 28, 28), (4, 1, 1), (3, 2, 17)])
def test_images_of_any_size_are_classified(shape):
    logits = build(sample_record(0), in_channels=shape[0]).eval()(torch.randn(2, *shape))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


def test_every_parameter_learns():
    network = build(sample_record(4))
    functional.cross_entropy(network(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 2, 3])).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_the_image_layout_of_the_input_is_kept():
    network = build(sample_record(0)).to(memory_format=torch.channels_last).eval()
    x = torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last)
    assert network.blocks(network.stem(x)).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x), network(x.contiguous()))


def test_bfloat16_autocast_runs():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert build(sample_record(0))(torch.randn(2, 3, 64, 64)).isfinite().all()


def test_the_same_seed_builds_the_same_weights():
    first, second = build(sample_record(0)).state_dict(), build(sample_record(0)).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
