"""The prior: where a declaration says that a search may start."""

import pytest

from navarch import NavarchError
from navarch.spaces import ObfuscatedSpace, get_space


def test_the_prior_of_nas_bench_201_is_the_cell_of_3x3_convolutions(nb201):
    assert nb201.prior is not None
    assert nb201.code(nb201.prior) == "333333"
    assert "prior" not in nb201.describe()


def test_a_hidden_space_hides_its_prior(nb201):
    hidden = ObfuscatedSpace(nb201, 3)
    assert hidden.reveal(hidden.prior) == nb201.prior
    assert hidden.declaration.prior is None


def test_a_space_need_not_have_one():
    darts = get_space("darts")
    assert darts.prior is None
    assert ObfuscatedSpace(darts, 1).prior is None


@pytest.mark.parametrize(("prior", "said"), [("sx", "prior 'sx' of 'toy'"), ("s", "prior 's' of 'toy'")])
def test_a_wrong_prior_in_a_file_is_named(tmp_path, toy_toml, prior, said):
    path = tmp_path / "toy.toml"
    path.write_text(toy_toml.replace('title = "A toy"', f'title = "A toy"\nprior = "{prior}"'))
    with pytest.raises(NavarchError, match=said) as caught:
        get_space(str(path))
    assert "toy.toml" in str(caught.value)


def test_a_prior_is_read_as_code(tmp_path, toy_toml):
    path = tmp_path / "toy.toml"
    path.write_text(toy_toml.replace('title = "A toy"', 'title = "A toy"\nprior = "l5"'))
    assert get_space(str(path)).prior.values == ("large", "5")
