"""Count what a built network costs, without computing anything: on the meta device."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from navarch.spaces import Cost


def meta_cost(network, in_channels, resolution, batch=1):
    """Return the parameters and the multiply-accumulates of one image (matrix products of attention too)."""
    image = torch.empty(batch, in_channels, resolution, resolution, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2 // batch)


def build_on_meta(space, arch, **settings):
    """Return the network of an architecture without memory for its weights."""
    with torch.device("meta"):
        return space.build(arch, **settings)


def check_against_the_built_network(space, arch, *, classes, in_channels, resolution, skeleton=None):
    """Assert that the closed form gives what the built network has, for one input and one set of sizes."""
    sizes = {"classes": classes, "in_channels": in_channels, "skeleton": skeleton}
    counted = meta_cost(build_on_meta(space, arch, **sizes), in_channels, resolution)
    assert space.cost(arch, resolution=resolution, **sizes) == counted, (space.code(arch), sizes, resolution)
