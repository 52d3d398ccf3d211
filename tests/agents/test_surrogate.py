"""The surrogate: an exact Gaussian process over tuples of option names."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.agents.kernel import Likelihood
from navarch.agents.surrogate import MAX_POINTS, Prediction, expected_improvement, fit

GRID = list(itertools.product("abcd", repeat=4))


def worth(values):
    return (
        70.0
        + 4 * (values[0] == "a")
        + 3 * (values[1] == "b")
        - 6 * (values[2] == "c")
        + (values[0] == values[3])
    )


def sample(count, seed=0):
    return random.Random(seed).sample(GRID, count)


def rank_correlation(a, b):
    ranks = [np.argsort(np.argsort(x)) for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def test_it_ranks_what_it_has_not_seen():
    known = sample(60)
    rest = [values for values in GRID if values not in set(known)]
    mean, _ = fit(known, [worth(v) for v in known]).predict(rest)
    assert rank_correlation(mean, [worth(v) for v in rest]) > 0.9


def test_it_reproduces_what_it_has_seen_with_little_doubt():
    known = sample(40)
    surrogate = fit(known, [worth(v) for v in known])
    mean, std = surrogate.predict(known)
    assert np.abs(mean - [worth(v) for v in known]).max() < 0.5
    far = surrogate.predict([("z", "z", "z", "z")])
    assert std.max() < far.std[0]


@pytest.mark.slow
def test_it_agrees_with_a_reference_implementation():
    gaussian_process = pytest.importorskip("sklearn.gaussian_process")
    known, rest = sample(30), sample(50, seed=1)
    surrogate = fit(known, [worth(v) for v in known])
    weights = np.array(surrogate.weights)

    class Reference(gaussian_process.kernels.RBF):
        def __call__(self, X, Y=None, eval_gradient=False):
            Y = X if Y is None else Y
            return np.exp(-((X[:, None, :] != Y[None, :, :]) * weights).sum(axis=2))

        def diag(self, X):
            return np.ones(len(X))

    codes = [np.array([[ord(c) for c in v] for v in group], dtype=float) for group in (known, rest)]
    warped = surrogate._warp.forward(np.array([worth(v) for v in known])) - surrogate._centre
    model = gaussian_process.GaussianProcessRegressor(Reference(), alpha=surrogate.noise, optimizer=None)
    mean, std = model.fit(codes[0], warped).predict(codes[1], return_std=True)
    expected = surrogate._warp.backward(mean + surrogate._centre)
    upwards = (
        surrogate._warp.backward(mean + surrogate._centre + std * math.sqrt(surrogate.variance)) - expected
    )
    ours = surrogate.predict(rest)
    np.testing.assert_allclose(ours.mean, expected, rtol=1e-6)
    np.testing.assert_allclose(ours.std, upwards, rtol=1e-5, atol=1e-6)


def test_a_dimension_that_matters_weighs_more():
    known = sample(80)
    weights = fit(known, [60.0 + 10.0 * (v[1] == "b") for v in known]).weights
    assert weights[1] == max(weights)
    assert weights[1] > min(weights)


def test_failed_trials_pull_their_neighbourhood_down():
    known = [v for v in sample(80) if v[2] != "d"]
    broken = [v for v in GRID if v[2] == "d"][:12]
    targets = [worth(v) for v in known]
    surrogate = fit([*known, *broken], [*targets, *([None] * 12)])
    unseen = [v for v in GRID if v[2] == "d"][12:40]
    same = [(*v[:2], "a", v[3]) for v in unseen]
    assert surrogate.predict(unseen).mean.mean() < surrogate.predict(same).mean.mean() - 2
    assert surrogate.best == max(targets)


def test_a_not_a_number_counts_as_failed():
    known = sample(10)
    targets = [worth(v) for v in known]
    missing, nan = fit(known, [None, *targets[1:]]), fit(known, [math.nan, *targets[1:]])
    np.testing.assert_array_equal(missing.predict(GRID).mean, nan.predict(GRID).mean)


@pytest.mark.parametrize("targets", [[], [None], [math.nan, math.inf]])
def test_no_finite_target_is_refused(targets):
    with pytest.raises(ValueError, match="nothing to fit"):
        fit(GRID[: len(targets)], targets)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 architectures but 1 targets"):
        fit(GRID[:2], [1.0])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_equal_targets_are_harmless(count):
    mean, std = fit(GRID[:count], [50.0] * count).predict(GRID)
    np.testing.assert_allclose(mean, 50.0, atol=0.1)
    assert np.isfinite(std).all()


def test_the_same_architecture_twice_is_harmless():
    surrogate = fit([GRID[0], GRID[0], GRID[5]], [60.0, 62.0, 50.0])
    mean, std = surrogate.predict([GRID[0]])
    assert 50.0 < mean[0] < 63.0
    assert std[0] > 0


def test_options_never_seen_are_predicted_with_more_doubt():
    known = sample(40)
    surrogate = fit(known, [worth(v) for v in known])
    strange = surrogate.predict([("x", *known[0][1:])])
    assert strange.std[0] > surrogate.predict([known[0]]).std[0]


def test_the_order_of_options_in_the_alphabet_does_not_matter():
    known = sample(30)
    renamed = str.maketrans("abcd", "dbca")
    swap = [tuple(c.translate(renamed) for c in v) for v in known]
    targets = [worth(v) for v in known]
    rest = sample(20, seed=2)
    swapped_rest = [tuple(c.translate(renamed) for c in v) for v in rest]
    plain, swapped = fit(known, targets).predict(rest), fit(swap, targets).predict(swapped_rest)
    np.testing.assert_allclose(plain.mean, swapped.mean, rtol=1e-9)


def test_long_histories_are_cut_but_keep_the_best():
    many = [(*values, str(n)) for n in range(3) for values in GRID]
    targets = [worth(values) for values in many]
    targets[7] = 99.0
    surrogate = fit(many, targets)
    assert len(surrogate._features.codes) == MAX_POINTS
    assert surrogate.best == 99.0


def test_many_dimensions_share_one_weight():
    rng = random.Random(0)
    wide = [tuple(rng.choice("ab") for _ in range(40)) for _ in range(120)]
    surrogate = fit(wide, [50.0 + sum(c == "a" for c in v) for v in wide])
    assert len(set(surrogate.weights)) == 1


def test_expected_improvement_matches_its_integral():
    prediction = Prediction(np.array([1.0, -2.0]), np.array([0.5, 1.5]))
    grid = np.linspace(-12, 12, 200_001)
    for mean, std, gain in zip(*prediction, expected_improvement(prediction, best=0.8), strict=True):
        density = np.exp(-0.5 * ((grid - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))
        integral = float((np.maximum(grid - 0.8, 0) * density).sum() * (grid[1] - grid[0]))
        assert gain == pytest.approx(integral, rel=1e-4)


@given(
    st.lists(
        st.tuples(st.sampled_from(GRID), st.one_of(st.none(), st.floats(0, 100))), min_size=1, max_size=25
    ).filter(lambda pairs: any(target is not None for _, target in pairs))
)
def test_any_history_gives_finite_predictions(pairs):
    values, targets = zip(*pairs, strict=True)
    surrogate = fit(values, targets)
    mean, std = surrogate.predict(GRID[:50])
    assert np.isfinite(mean).all()
    assert (std >= 0).all()
    assert np.isfinite(expected_improvement(Prediction(mean, std), surrogate.best)).all()


def test_the_joint_posterior_agrees_with_the_single_ones():
    known, rest = sample(40), sample(20, seed=3)
    surrogate = fit(known, [worth(v) for v in known])
    mean, covariance = surrogate.joint(rest)
    single, joint = surrogate.predict(rest), surrogate.unwarp(mean, np.sqrt(np.diag(covariance)))
    np.testing.assert_allclose(joint.mean, single.mean, rtol=1e-9)
    np.testing.assert_allclose(joint.std, single.std, rtol=1e-6)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8 * surrogate.variance


def test_the_likelihood_agrees_with_the_textbook_formula():
    rng = np.random.default_rng(0)
    points, targets, noise = rng.normal(size=(12, 3)), rng.normal(size=12), 1e-2
    matrix = np.exp(-np.abs(points[:, None] - points[None]).sum(axis=2))
    inverse, ones = np.linalg.inv(matrix + noise * np.eye(12)), np.ones(12)
    residual = targets - (ones @ inverse @ targets) / (ones @ inverse @ ones)
    variance = residual @ inverse @ residual / 12
    determinant = np.linalg.slogdet(matrix + noise * np.eye(12))[1]
    expected = -6 * math.log(variance) - 0.5 * determinant
    likelihood = Likelihood(targets)
    for _ in range(2):  # its arrays are used again
        likelihood.matrix[:] = matrix
        other, found = likelihood.of([0.3, noise])
        assert found == pytest.approx(expected, rel=1e-9)
        assert other != pytest.approx(expected, rel=1e-3)


def count_letters(values):
    return tuple(float(values.count(letter)) for letter in "abcd")


def position_free(values):
    return 60.0 + 5.0 * values.count("a") - 3.0 * values.count("d")


def test_path_counts_carry_what_is_learnt_of_an_option_to_other_dimensions():
    gains = []
    for seed in range(5):
        known = sample(10, seed)
        rest = [values for values in GRID if values not in set(known)]
        targets, truth = [position_free(v) for v in known], [position_free(v) for v in rest]
        with_counts = fit(known, targets, count_letters).predict(rest).mean
        gains.append(
            rank_correlation(with_counts, truth)
            - rank_correlation(fit(known, targets).predict(rest).mean, truth)
        )
    assert min(gains) > 0.0
    assert sum(gains) / len(gains) > 0.15


def test_the_unit_of_path_counts_does_not_matter():
    known, rest = sample(30), sample(50, seed=1)
    targets = [worth(v) for v in known]
    plain = fit(known, targets, count_letters).predict(rest)
    scaled = fit(known, targets, lambda values: tuple(8.0 * n for n in count_letters(values))).predict(rest)
    assert np.allclose(plain.mean, scaled.mean)
    assert np.allclose(plain.std, scaled.std)


def test_path_counts_that_never_differ_change_no_ranking():
    known, rest = sample(40), sample(50, seed=1)
    targets = [worth(v) for v in known]
    same = fit(known, targets, lambda values: (1.0, 2.0)).predict(rest).mean
    assert np.isfinite(same).all()
    assert rank_correlation(same, fit(known, targets).predict(rest).mean) > 0.9


def test_the_gain_is_expected_where_accuracies_crowd():
    known, rest = sample(30), sample(50, seed=1)
    surrogate = fit(known, [worth(v) for v in known], count_letters)
    mean, covariance = surrogate.joint(rest)
    expected = expected_improvement(
        Prediction(mean, np.sqrt(np.diag(covariance))), 0.0
    )  # the best is 0 there
    assert surrogate.gains(rest, surrogate.best) == pytest.approx(expected.tolist(), abs=1e-8)
    assert max(surrogate.gains(known, surrogate.best)) < max(surrogate.gains(rest, surrogate.best))
