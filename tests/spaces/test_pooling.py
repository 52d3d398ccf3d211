import pytest
import torch
from torch import nn

from navarch.spaces.pooling import AveragePool

LAST = torch.channels_last


def both(x, stride=1):
    """Return the averages and the gradient of the input, ours and torch's."""
    found = []
    for pool in (AveragePool(stride), nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)):
        leaf = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        y = pool(leaf)
        weights = torch.arange(y.numel(), dtype=torch.float64).view(y.shape).sin().to(y.dtype)
        (y * weights).sum().backward()
        found.append((y, leaf.grad))
    return found


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (3, 8, 12, 12), (1, 1, 1, 1), (2, 4, 2, 1), (2, 4, 1, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", [LAST, torch.contiguous_format])
def test_averages_and_gradients_are_torchs_but_for_rounding(shape, stride, dtype, layout):
    x = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=layout
    )
    (ours, our_gradient), (theirs, their_gradient) = both(x, stride)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_in_bfloat16_the_averages_are_as_exact_as_two_roundings_allow():
    x = torch.randn(4, 16, 8, 8, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=LAST)
    exact = nn.functional.avg_pool2d(x.bfloat16().double(), 3, 1, 1, count_include_pad=False)
    ours = AveragePool()(x.bfloat16())
    assert ours.dtype == torch.bfloat16
    assert ours.is_contiguous(memory_format=LAST)
    assert ((ours.double() - exact).abs() <= exact.abs() * 2**-7).all()


def test_under_autocast_the_type_of_the_input_stays():
    x = torch.randn(2, 4, 6, 6).contiguous(memory_format=LAST)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert AveragePool()(x).dtype == torch.float32


def test_a_value_that_is_no_number_stays_within_its_windows():
    x = torch.zeros(1, 2, 6, 6).contiguous(memory_format=LAST)
    x[0, 0, 0, 0] = float("nan")
    y = AveragePool()(x)
    assert y.isnan().sum() == 4
    assert not y[0, 1].isnan().any()


def test_a_shape_first_seen_without_gradients_can_be_trained_afterwards():
    x = torch.randn(2, 7, 9, 3).contiguous(memory_format=LAST).requires_grad_()
    with torch.inference_mode():
        AveragePool()(x.detach())
    (gradient,) = torch.autograd.grad(AveragePool()(x).square().sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert x.grad is not None
