"""Mixed images and their loss, and rectangles that are erased."""

import math

import pytest
import torch
from torch.nn import functional

from navarch.evaluation.erasing import cut_out, erase
from navarch.evaluation.mixing import main_labels, mix, mixed_loss


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    """Each image is even, of its own number."""
    return torch.arange(1.0, 9.0).view(8, 1, 1, 1).expand(8, 3, 16, 16).contiguous()


def test_mixup_takes_the_share_of_each_image_and_the_rest_of_its_partner(images):
    shares = []
    for seed in range(40):
        mixed, share = mix(images, 0.8, 0.0, chance(seed))
        torch.testing.assert_close(mixed, share * images + (1 - share) * images.flip(0))
        shares.append(share)
    assert 0.0 <= min(shares) < 0.2
    assert 0.8 < max(shares) <= 1.0


def test_a_beta_of_eight_tenths_has_the_moments_of_one(images):
    shares = torch.tensor([mix(images[:2, :, :1, :1], 0.8, 0.0, chance(seed))[1] for seed in range(4000)])
    assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
    assert shares.var().item() == pytest.approx(1 / (4 * (2 * 0.8 + 1)), rel=0.05)


def test_cutmix_pastes_one_window_of_the_partner_and_counts_its_area(images):
    shares = []
    for seed in range(200):
        mixed, share = mix(images, 0.0, 1.0, chance(seed))
        pasted = mixed[0, 0] != images[0, 0]
        assert share == pytest.approx(1 - pasted.float().mean().item())
        rows, columns = pasted.any(1).nonzero().flatten(), pasted.any(0).nonzero().flatten()
        assert pasted.sum() == len(rows) * len(columns)  # one rectangle without holes
        if len(rows):
            assert rows.tolist() == list(range(rows[0], rows[-1] + 1))
            assert (mixed[0, :, pasted] == images[7, 0, 0, 0]).all()
        shares.append(share)
    assert min(shares) < 0.3
    assert max(shares) == 1.0


def test_with_both_each_is_done_about_half_of_the_time(images):
    def is_cut(seed):
        return set(mix(images, 0.8, 1.0, chance(seed))[0].flatten().tolist()) <= set(range(1, 9))

    assert 60 < sum(map(is_cut, range(150))) < 95


def test_mixing_comes_from_the_generator_and_leaves_its_images_as_they_were(images):
    before = images.clone()
    for seed in range(10):
        first, again = mix(images, 0.8, 1.0, chance(seed)), mix(images, 0.8, 1.0, chance(seed))
        assert torch.equal(first[0], again[0])
        assert first[1] == again[1]
    assert torch.equal(images, before)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_the_loss_is_the_cross_entropy_to_soft_targets(share, smoothing):
    logits, labels = torch.randn(6, 5, generator=chance()), torch.tensor([0, 4, 2, 2, 1, 3])
    hard = functional.one_hot(labels, 5).float()
    soft = (share * hard + (1 - share) * hard.flip(0)) * (1 - smoothing) + smoothing / 5
    expected = -(soft * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(mixed_loss(logits, labels, share, smoothing), expected)


def test_without_a_partner_the_loss_is_bit_for_bit_the_plain_one():
    logits, labels = torch.randn(64, 10, generator=chance()), torch.arange(64) % 10
    plain = functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert torch.equal(mixed_loss(logits, labels, 1.0, 0.1), plain)


def test_the_main_label_is_that_of_the_larger_part():
    labels = torch.tensor([1, 2, 3])
    assert main_labels(labels, 0.6).tolist() == [1, 2, 3]
    assert main_labels(labels, 0.4).tolist() == [3, 2, 1]


def test_an_erased_rectangle_is_noise_of_the_published_size_and_shape():
    images = torch.full((4000, 3, 20, 20), 9.0)
    erased = erase(images, 0.25, chance())
    gone = (erased != images).all(1)
    touched = gone.flatten(1).any(1)
    assert touched.float().mean().item() == pytest.approx(0.25, abs=0.02)
    areas = []
    for mask in gone[touched]:
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        tall, wide = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
        assert int(mask.sum()) == tall * wide
        assert tall < 20
        assert wide < 20
        assert 0.2 < tall / wide < 5  # .3 to 1 / .3 before both are rounded
        areas.append(tall * wide / 400)
    assert min(areas) < 0.04
    assert 0.28 < max(areas) < 0.37
    noise = erased[erased != 9.0]
    assert noise.mean().item() == pytest.approx(0.0, abs=0.02)
    assert noise.std().item() == pytest.approx(1.0, abs=0.02)


def test_erasing_comes_from_the_generator_and_works_on_any_batch():
    images = torch.zeros(64, 1, 7, 7)
    assert torch.equal(erase(images, 0.5, chance(3)), erase(images, 0.5, chance(3)))
    assert not torch.equal(erase(images, 0.5, chance(3)), erase(images, 0.5, chance(4)))
    assert not images.any()
    one = torch.zeros(4, 1, 1, 1)  # no rectangle is smaller than one pixel
    assert torch.equal(erase(one, 1.0, chance()), one)


def test_the_draws_of_erasing_do_not_depend_on_what_they_give():
    """Training goes on from the state of the generator, whatever the images were."""
    states = []
    for fill in (0.0, math.inf):
        generator = chance(5)
        erase(torch.full((8, 3, 16, 16), fill), 0.25, generator)
        states.append(generator.get_state())
    assert torch.equal(*states)


def test_a_cut_out_is_one_square_of_zeros_at_most():
    cut = cut_out(torch.ones(200, 2, 8, 8), 4, chance())
    zeros = (cut == 0).sum((1, 2, 3))
    assert zeros.max() == 2 * 16
    assert zeros.min() < 2 * 16  # its centre may lie at a border
    assert torch.equal(cut[:, 0], cut[:, 1])
