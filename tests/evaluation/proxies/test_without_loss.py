"""Proxies that need no loss, against formulas written out on tiny networks."""

import numpy as np
import pytest
import torch
from torch import nn

from navarch.evaluation.proxies.az_nas import az_nas, feature_entropy, mean_jacobian
from navarch.evaluation.proxies.kernels import jacob_cov, naswot
from navarch.evaluation.proxies.meco import meco
from navarch.evaluation.proxies.synflow import synflow
from navarch.evaluation.proxies.zen import gaussian_init, zen


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_synflow_of_a_chain_equals_the_product_of_absolute_matrices():
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    (w1, b1), (w2, _) = (
        (layer.weight.detach().abs().numpy(), layer.bias.detach().abs().numpy())
        for layer in (chain[1], chain[3])
    )
    through = (w2 @ (w1 @ np.ones(4))).sum()
    # R is linear in each W: the first layer gets its flow, the second that of the first layer's bias as well.
    assert synflow(chain, (1, 2, 2)) == pytest.approx(2 * through + (w2 @ b1).sum(), rel=1e-12)


def test_synflow_goes_without_batch_norm_except_where_it_is_kept():
    torch.manual_seed(0)
    bare = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(8, 2))
    normed = nn.Sequential(bare[0], nn.BatchNorm2d(2), bare[1], nn.Flatten(), bare[3])
    nn.init.normal_(normed[1].weight)
    assert synflow(normed, (1, 5, 5)) == synflow(bare, (1, 5, 5)) > 0
    assert synflow(normed, (1, 5, 5), keep_norm=("1",)) != synflow(bare, (1, 5, 5))
    assert isinstance(normed[1], nn.BatchNorm2d)


def test_jacob_cov_of_a_linear_network_equals_the_formula():
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(9, 3)).double()
    n, k = 4, 1e-5  # every row is the same: the correlations are 1, the eigenvalues n, 0, 0, 0
    expected = -(np.log(n + k) + 1 / (n + k) + (n - 1) * (np.log(k) + 1 / k))
    assert jacob_cov(linear, draw(n, 1, 3, 3)) == pytest.approx(expected, rel=1e-9)


def test_jacob_cov_equals_numpy_on_gradients_written_out():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    images = draw(4, 1, 3, 3)
    w1, w2 = network[1].weight.detach().numpy(), network[3].weight.detach().numpy()
    hidden = np.tanh(images.flatten(1).numpy() @ w1.T + network[1].bias.detach().numpy())
    rows = ((1 - hidden**2) * w2.sum(axis=0)) @ w1
    v = np.linalg.eigvals(np.corrcoef(rows)).real
    assert jacob_cov(network, images) == pytest.approx(-(np.log(v + 1e-5) + 1 / (v + 1e-5)).sum(), rel=1e-9)


def test_jacob_cov_of_a_network_that_ignores_its_input_is_nan():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    nn.init.zeros_(network[1].weight)
    assert np.isnan(jacob_cov(network, torch.ones(3, 1, 2, 2)))


def test_naswot_counts_agreements_of_every_relu():
    torch.manual_seed(0)
    network = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(8, 5), nn.ReLU6(), nn.Linear(5, 2)).double()
    images = draw(3, 2, 2, 2)
    first = images.flatten(1).numpy() > 0
    second = network[2](torch.relu(images).flatten(1)).detach().numpy() > 0
    codes = np.concatenate([first, second], axis=1)
    agreements = np.array([[(a == b).sum() for b in codes] for a in codes])  # x x' + (1 - x)(1 - x)'
    assert naswot(network, images) == pytest.approx(np.linalg.slogdet(agreements)[1], rel=1e-12)
    assert naswot(network.float(), images.float()) == pytest.approx(
        naswot(network.double(), images), rel=1e-12
    )


def test_naswot_refuses_a_network_without_relu():
    with pytest.raises(ValueError, match="no ReLU"):
        naswot(nn.Sequential(nn.Flatten(), nn.GELU()), draw(3, 1, 2, 2))


def test_zen_equals_the_formula():
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(1, 3, 1, bias=False), nn.BatchNorm2d(3)
    network = nn.Sequential(conv, norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)).double()
    norm.running_var.fill_(7.0)  # what an earlier pass left; a score starts at 1
    x, noise = draw(4, 1, 3, 3), draw(4, 1, 3, 3, seed=1)
    outputs, variance = [], np.ones(3)
    for images in (x, x + 0.01 * noise):
        out = images.numpy() * conv.weight.detach().numpy().reshape(1, 3, 1, 1)
        variance = 0.9 * variance + 0.1 * out.var(axis=(0, 2, 3), ddof=1)
        mean, spread = (f(axis=(0, 2, 3), keepdims=True) for f in (out.mean, out.var))
        outputs.append((out - mean) / np.sqrt(spread + 1e-5))
    distance = np.abs(outputs[0] - outputs[1]).sum(axis=(1, 2, 3)).mean()
    assert zen(network, x, noise) == pytest.approx(
        np.log(distance) + np.log(np.sqrt(variance.mean())), rel=1e-9
    )
    assert torch.equal(norm.running_var, torch.full((3,), 7.0, dtype=torch.float64))


def test_gaussian_init_draws_weights_and_makes_the_rest_neutral():
    network = nn.Sequential(nn.Conv2d(3, 40, 5), nn.BatchNorm2d(40), nn.Flatten(), nn.Linear(40, 50))
    nn.init.normal_(network[1].weight)
    gaussian_init(network, torch.Generator().manual_seed(0))
    for weight in (network[0].weight, network[3].weight):
        assert float(weight.detach().mean()) == pytest.approx(0.0, abs=0.1)
        assert float(weight.detach().std()) == pytest.approx(1.0, abs=0.1)
    assert torch.equal(network[1].weight, torch.ones(40))
    assert not any(layer.bias.any() for layer in (network[0], network[1], network[3]))


def test_feature_entropy_is_that_of_the_covariance():
    feature = draw(6, 3, 4, 4) * torch.tensor([1.0, 2.0, 5.0]).reshape(1, 3, 1, 1)
    rows = feature.permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    p = np.linalg.eigvalsh(np.cov(rows.T))
    p /= p.sum()
    assert feature_entropy(feature) == pytest.approx(-(p * np.log(p)).sum(), rel=1e-9)
    assert feature_entropy(torch.ones(2, 3, 4, 4)) == 0.0


class Blocks(nn.Module):
    """Blocks between a stem and a classifier, as our networks have them."""

    def __init__(self, *blocks):
        super().__init__()
        self.stem = nn.Conv2d(1, 1, 1, bias=False)
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.blocks(self.stem(x)).mean((2, 3))


def test_trainability_of_single_channels_equals_the_formula():
    torch.manual_seed(0)
    same, smaller = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 2, stride=2, bias=False)
    network = Blocks(same, smaller).double()
    # The sign of a single output cancels: a mean Jacobian is the weight, by place for the block that shrinks.
    tops = [float(block.weight.detach().norm()) for block in (same, smaller)]
    measured = az_nas(network, draw(2, 1, 6, 6), torch.Generator().manual_seed(0))
    assert measured.trainability == pytest.approx(np.mean([-s - 1 / s + 2 for s in tops]), rel=1e-9)
    assert (measured.expressivity, measured.progressivity) == (0.0, 0.0)  # one channel has no entropy


def test_expressivity_and_progressivity_are_sum_and_least_step_of_the_entropies():
    torch.manual_seed(0)
    network = Blocks(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 3, 1)).double()
    images = draw(5, 1, 6, 6)
    with torch.no_grad():
        features = [network.stem(images)]
        features += [network.blocks[0](features[0])]
        features += [network.blocks[1](features[1])]
    h = [feature_entropy(feature) for feature in features]
    measured = az_nas(network, images, torch.Generator().manual_seed(0))
    assert measured.expressivity == pytest.approx(sum(h), rel=1e-12)
    assert measured.progressivity == pytest.approx(min(h[1] - h[0], h[2] - h[1]), rel=1e-12)


def test_mean_jacobian_stacks_the_places_that_an_output_reads_even_where_the_side_is_odd():
    read, given = draw(2, 1, 3, 3), draw(2, 2, 2, 2, seed=1)
    padded = np.pad(read.numpy(), ((0, 0), (0, 0), (0, 1), (0, 1)))
    expected = np.zeros((4, 2))
    for image in range(2):
        for row in range(2):
            for column in range(2):
                patch = padded[image, 0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(4)
                expected += np.outer(patch, given.numpy()[image, :, row, column]) / 8
    assert mean_jacobian(read, given).numpy() == pytest.approx(expected, rel=1e-12)


def test_a_block_that_cuts_the_signal_is_as_bad_as_can_be():
    class Zero(nn.Module):
        def forward(self, x):
            return torch.zeros_like(x)

    measured = az_nas(Blocks(Zero()).double(), draw(2, 1, 4, 4), torch.Generator())
    assert measured.trainability == -np.inf


def test_a_block_that_hands_the_gradient_back_unchanged_is_as_bad_as_can_be():
    torch.manual_seed(0)
    network = Blocks(nn.Conv2d(1, 1, 1), nn.Identity()).double()
    measured = az_nas(network, draw(2, 1, 4, 4), torch.Generator())
    assert measured.trainability == -np.inf


def test_meco_sums_the_least_eigenvalue_of_each_convolution():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Sequential(nn.Conv2d(3, 2, 2))).double()
    image = draw(1, 1, 6, 6)
    with torch.no_grad():
        first = network[0](image)
        second = network[2](network[1](first))
    expected = sum(
        np.linalg.eigvalsh(np.corrcoef(out[0].flatten(1).numpy())).min() for out in (first, second)
    )
    assert meco(network, image) == pytest.approx(expected, rel=1e-9)
