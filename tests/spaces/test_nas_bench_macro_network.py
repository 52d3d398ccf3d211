"""The network of NAS-Bench-Macro: it costs what the closed form says, and equal chains compute the same."""

import random

import pytest
import torch
from metering import build_on_meta, check_against_the_built_network
from slices import slices

from navarch import NavarchError
from navarch.spaces import get_space

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = get_space("nas-bench-macro")
SMALL = {"width": 4, "head": 12}
ODD = [
    {"classes": 100, "in_channels": 1, "resolution": 29, "skeleton": None},
    {"classes": 7, "in_channels": 3, "resolution": 33, "skeleton": {"width": 5, "head": 9}},
    {"classes": 1000, "in_channels": 4, "resolution": 65, "skeleton": {"head": 1}},
    {"classes": 1, "in_channels": 2, "resolution": 1, "skeleton": SMALL},
]


def build(code, **settings):
    torch.manual_seed(0)
    return SPACE.build(SPACE.parse(code), **{"classes": 10, "skeleton": SMALL, **settings})


def blur(network):
    """Give every parameter and statistic a random value, as training would."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_()
    return network


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("sizes", ODD)
def test_the_closed_form_holds_at_odd_settings(sizes):
    rng = random.Random(1)
    for _ in range(5):
        check_against_the_built_network(SPACE, SPACE.sample(rng), **sizes)


@pytest.mark.usefixtures("only_counted_layers")
def test_the_closed_form_counts_what_the_built_network_has():
    rng = random.Random(2)
    for _ in range(40):
        check_against_the_built_network(SPACE, SPACE.sample(rng), classes=10, in_channels=3, resolution=32)


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("seed", slices(20))
def test_the_closed_form_counts_what_a_thousand_built_networks_have(seed):
    rng = random.Random(seed)
    for i in range(50):
        check_against_the_built_network(SPACE, SPACE.sample(rng), classes=10, in_channels=3, resolution=32)
        if i % 20 == 0:
            check_against_the_built_network(SPACE, SPACE.sample(rng), **ODD[i // 20 % len(ODD)])


def layers_of(sequence):
    """Return what a layer is made of: convolutions as (kernel, stride, groups), others by name."""
    return [
        (m.kernel_size[0], m.stride[0], m.groups) if isinstance(m, torch.nn.Conv2d) else type(m).__name__
        for m in sequence
    ]


def test_an_identity_is_a_convolution_without_activation_only_where_the_shape_changes():
    layers = build("0" * 8).layers
    for i, layer in enumerate(layers):
        if i in (0, 2, 5):
            assert layers_of(layer) == [(1, 2, 1), "BatchNorm2d"]
        else:
            assert isinstance(layer, torch.nn.Identity)


@pytest.mark.parametrize(("digit", "kernel", "expansion"), [("1", 3, 3), ("2", 5, 6)])
def test_an_inverted_residual_layer_adds_its_input_only_where_the_shape_stays(digit, kernel, expansion):
    layers = build(digit * 8).double().eval().layers
    norm, relu = "BatchNorm2d", "ReLU"
    for i, stride, c_in, c_out in ((0, 2, 4, 8), (1, 1, 8, 8), (2, 2, 8, 16), (7, 1, 32, 32)):
        depthwise = (kernel, stride, expansion * c_in)
        assert layers_of(layers[i].main) == [(1, 1, 1), norm, relu, depthwise, norm, relu, (1, 1, 1), norm]
        x = torch.randn(2, c_in, 5, 7, dtype=torch.float64)
        y = layers[i](x)
        assert y.shape == (2, c_out, -(-5 // stride), -(-7 // stride))
        torch.testing.assert_close(y, layers[i].main(x) + (x if stride == 1 else 0))


def test_the_ends_of_the_network_are_as_published():
    network = build_on_meta(SPACE, SPACE.parse("22212220"), classes=10)
    assert layers_of(network.stem) == [(3, 1, 1), "BatchNorm2d", "ReLU"]
    assert layers_of(network.head)[:3] == [(1, 1, 1), "BatchNorm2d", "ReLU"]
    assert network.classifier.weight.shape == (10, 1280)
    assert network.classifier.bias is not None


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_the_canonical_form_computes_the_same_function(training):
    for code in ("22212202", "12101202", "21201101", "00202001"):
        chain = SPACE.parse(code)
        canonical = SPACE.canonical(chain)
        assert canonical != chain
        ours, theirs = blur(build(code).double()), build(SPACE.code(canonical)).double()
        # an identity that moves has no parameters, so the order of all others stays
        theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
        x = torch.randn(3, 3, 9, 11, dtype=torch.float64)
        torch.testing.assert_close(theirs.train(training)(x), ours.train(training)(x), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 29, 31), (3, 1, 1), (1, 28, 28)])
def test_images_of_any_size_are_classified(shape):
    logits = build("21012010", in_channels=shape[0], classes=7).eval()(torch.randn(2, *shape))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


def test_every_parameter_learns():
    network = build("21012010")
    torch.nn.functional.cross_entropy(
        network(torch.randn(4, 3, 17, 17)), torch.tensor([0, 1, 2, 3])
    ).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())


def test_unknown_sizes_are_refused():
    for make in (SPACE.cost, SPACE.build):
        with pytest.raises(
            NavarchError, match="no size 'depth' in its skeleton: known sizes are width, head"
        ):
            make(SPACE.parse("22212220"), classes=10, skeleton={"depth": 3})
