"""NAS-Bench-201's networks as the published proxies ran them, to compare figures with the literature's."""

from torch import nn

from navarch.spaces.nas_bench_201.network import Cell, Reduction


def run_as_published(network: nn.Module) -> tuple[str, ...]:
    """Make the cells compute their idle edges too; return the names of the blocks that keep their norm in synflow.

    Idle edges change naswot (their ReLUs have codes), zen (their normalisations have variances) and meco (their
    convolutions count), nothing else. The reference code of synflow takes batch normalisation out of the cells, the
    stem and the tail alone; pass the names as `keep_norm`.
    """
    for module in network.modules():
        if isinstance(module, Cell):
            module.runs_idle_edges = True
    return tuple(name for name, module in network.named_modules() if isinstance(module, Reduction))
