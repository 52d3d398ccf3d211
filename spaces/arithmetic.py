"""Closed forms of layers: parameters, and multiply-accumulates for one image."""

from navarch.spaces.spec import Cost


def conv_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Return the side of a convolution's or a pooling's output for an input of `size` pixels."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def conv_cost(
    c_in: int, c_out: int, kernel: int, out_pixels: int, *, groups: int = 1, bias: bool = False
) -> Cost:
    """Return the cost of a square convolution. out_pixels: height times width of its output."""
    weights = kernel * kernel * (c_in // groups) * c_out
    return Cost(weights + (c_out if bias else 0), weights * out_pixels)


def norm_cost(channels: int) -> Cost:
    """Return the cost of a normalisation with a scale and a shift for each channel."""
    return Cost(2 * channels, 0)


def conv_norm_cost(c_in: int, c_out: int, kernel: int, out_pixels: int, *, groups: int = 1) -> Cost:
    """Return the cost of a square convolution without bias and the normalisation behind it."""
    return conv_cost(c_in, c_out, kernel, out_pixels, groups=groups) + norm_cost(c_out)


def linear_cost(n_in: int, n_out: int, *, bias: bool = True) -> Cost:
    """Return the cost of a linear layer, applied once."""
    return Cost(n_in * n_out + (n_out if bias else 0), n_in * n_out)
