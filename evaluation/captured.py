"""The training step as one CUDA graph: recorded once, then replayed, without Python between its kernels.

A small network's step on a fast GPU is bound by the launches of some hundred kernels each way; a graph launches all at
once. The kernels are the same, and so are the results. What a step reads must lie at one place in memory: images,
labels and the learning rate are copied there.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Learn = Callable[[Tensor, Tensor, float | Tensor, float], tuple[Tensor, Tensor]]
WARM_STEPS = 3  # taken one kernel at a time before recording, so that libraries have chosen theirs


class CapturedStep:
    """Take steps of `learn` (images, labels, rate, share -> loss, hits), from a graph once there is one.

    All batches must have one shape, and nothing that Python decides within a step may change from step to step, so
    images are not mixed (their share is always 1). On a CPU every step is taken as it is, on the same fixed tensors.
    """

    def __init__(self, learn: Learn) -> None:
        self.learn = learn
        self.inputs: tuple[Tensor, Tensor, Tensor] | None = None
        self.outputs: tuple[Tensor, Tensor] | None = None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.taken = 0

    def __call__(
        self, images: Tensor, targets: Tensor, rate: float | Tensor, share: float
    ) -> tuple[Tensor, Tensor]:
        """Take one step; what it returns is overwritten by the next."""
        if share != 1.0:
            raise ValueError(f"a recorded step cannot mix images, and the share is {share}")
        if self.inputs is None:
            on = images.device
            self.inputs = torch.empty_like(images), torch.empty_like(targets), torch.zeros((), device=on)
        self.inputs[0].copy_(images)
        self.inputs[1].copy_(targets)
        self.inputs[2].fill_(rate)
        self.taken += 1
        if images.device.type != "cuda":
            return self.learn(*self.inputs, 1.0)
        if self.taken <= WARM_STEPS:
            return self._beside(self.inputs)
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):  # records, and does not run
                self.outputs = self.learn(*self.inputs, 1.0)
        assert self.outputs is not None
        self.graph.replay()
        return self.outputs

    def _beside(self, inputs: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Take a step on a stream beside the current one, as recording will: a graph is not recorded on the default."""
        stream, here = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            outputs = self.learn(*inputs, 1.0)
        here.wait_stream(stream)
        return outputs
