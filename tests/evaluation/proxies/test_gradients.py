"""Gradient proxies against formulas that need no autograd, and against autograd by another route."""

import numpy as np
import pytest
import torch
from torch import nn

from navarch.evaluation.proxies.fisher import fisher
from navarch.evaluation.proxies.gradients import grad_norm, grasp, snip, zico


@pytest.fixture
def linear():
    """Three classes of four pixels: softmax regression, whose derivatives have closed forms."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double()


@pytest.fixture
def conv():
    torch.manual_seed(2)
    body = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.Softplus())
    return nn.Sequential(*body, nn.Conv2d(3, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(36, 3)).double()


def batch(channels, side, seed=0, count=5):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, channels, side, side, generator=generator, dtype=torch.float64)
    return images, torch.randint(3, (count,), generator=generator)


def softmax_regression(network, images, labels):
    """Return W, x, p and dL/dW by hand: (p - y)' x / n."""
    weight, bias = (tensor.detach().numpy() for tensor in network[1].parameters())
    x = images.flatten(1).numpy()
    scores = x @ weight.T + bias
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return weight, x, p, (p - np.eye(3)[labels]).T @ x / len(x)


def test_grad_norm_and_snip_of_softmax_regression_equal_the_formula(linear):
    images, labels = batch(1, 2)
    weight, _, _, g = softmax_regression(linear, images, labels)
    assert grad_norm(linear, images, labels) == pytest.approx(np.sqrt((g**2).sum()), rel=1e-12)
    assert snip(linear, images, labels) == pytest.approx(np.abs(weight * g).sum(), rel=1e-12)


def test_grasp_of_softmax_regression_equals_the_formula(linear):
    images, labels = batch(1, 2)
    weight, x, p, g = softmax_regression(linear, images, labels)
    moved = x @ g.T  # how the scores move along g
    hg = (p * moved - p * (p * moved).sum(axis=1, keepdims=True)).T @ x / len(x)
    assert grasp(linear, images, labels) == pytest.approx(-(weight * hg).sum(), rel=1e-12)


def test_grasp_of_a_network_equals_differences_of_its_gradient(conv):
    images, labels = batch(2, 4)
    weights = [tensor for tensor in conv.parameters() if tensor.dim() > 1]
    start = [weight.detach().clone() for weight in weights]

    def gradient():
        return torch.autograd.grad(nn.functional.cross_entropy(conv(images), labels), weights)

    along = gradient()

    def slope(step):
        """Return the sum of W (g(W + step g) - g(W - step g)) / 2 step."""
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, origin, g in zip(weights, start, along, strict=True):
                    weight.copy_(origin + sign * step * g)
            ends.append(gradient())
        pairs = zip(start, *ends, strict=True)
        return sum(float((w * (up - down)).sum()) for w, up, down in pairs) / (2 * step)

    expected = -(4 * slope(1e-3) - slope(2e-3)) / 3  # fourth order
    with torch.no_grad():
        for weight, origin in zip(weights, start, strict=True):
            weight.copy_(origin)
    assert grasp(conv, images, labels) == pytest.approx(expected, rel=1e-9)


def test_grad_norm_and_snip_of_a_network_equal_backward_into_grad(conv):
    images, labels = batch(2, 4)
    norm, sensitivity = grad_norm(conv, images, labels), snip(conv, images, labels)
    nn.functional.cross_entropy(conv(images), labels).backward()
    weights = [tensor for tensor in conv.parameters() if tensor.dim() > 1]
    assert norm == pytest.approx(sum(float(w.grad.pow(2).sum().sqrt()) for w in weights), rel=1e-12)
    assert sensitivity == pytest.approx(
        sum(float((w.detach() * w.grad).abs().sum()) for w in weights), rel=1e-12
    )


def test_fisher_equals_the_gradient_of_a_gate_on_every_channel_of_each_image(conv):
    images, labels = batch(2, 4)
    total = 0.0
    for layer in (conv[0], conv[3], conv[6]):
        # With output a gate(n, c), dL/dgate = sum_space a dL/da
        channels = layer.weight.shape[0]
        gate = torch.ones(len(images), channels, dtype=torch.float64, requires_grad=True)
        hook = layer.register_forward_hook(
            lambda _layer, _inputs, output, gate=gate: (
                output * gate.reshape(*gate.shape, *[1] * (output.dim() - 2))
            )
        )
        (g,) = torch.autograd.grad(nn.functional.cross_entropy(conv(images), labels), gate)
        hook.remove()
        total += float((0.5 * g.pow(2).mean(dim=0)).sum()) * float(np.prod(layer.weight.shape[1:]))
    assert fisher(conv, images, labels) == pytest.approx(total, rel=1e-9)


def test_zico_of_softmax_regression_equals_the_formula(linear):
    batches = [batch(1, 2, seed) for seed in (0, 1, 2)]
    g = np.stack([softmax_regression(linear, *one)[3] for one in batches])
    expected = np.log((np.abs(g).mean(axis=0) / g.std(axis=0)).sum())
    assert zico(linear, batches) == pytest.approx(expected, rel=1e-12)


def test_zico_leaves_out_weights_whose_gradient_does_not_vary(linear):
    first, second = batch(1, 2, 0), batch(1, 2, 1)
    for images, _ in (first, second):
        images[:, :, 0, 0] = 0.0  # no gradient reaches the weights of this pixel
    g = np.stack([softmax_regression(linear, *one)[3] for one in (first, second)])[:, :, 1:]
    expected = np.log((np.abs(g).mean(axis=0) / g.std(axis=0)).sum())
    assert zico(linear, [first, second]) == pytest.approx(expected, rel=1e-12)
    assert zico(linear, [first, first]) == 0.0


def test_zico_refuses_a_single_batch(linear):
    with pytest.raises(ValueError, match="at least two"):
        zico(linear, [batch(1, 2)])
