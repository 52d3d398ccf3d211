"""A fault hook of a machine that seems to have two CUDA devices; loaded only by a fork server that a test told to."""

from faulty_worker import act

from navarch.evaluation import probe

__all__ = ["act"]

probe.measure_cuda = lambda: [80_000.0, 40_000.0]
