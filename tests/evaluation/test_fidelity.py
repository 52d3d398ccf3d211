import pytest

from navarch.evaluation import Fidelity


def test_equal_fidelities_have_equal_keys_whatever_the_order():
    first = Fidelity(3, {"width": 8, "cells": 1})
    second = Fidelity(3, {"cells": 1, "width": 8})
    assert first.key() == second.key() == '{"epochs":3,"skeleton":{"cells":1,"width":8}}'
    assert hash(first) == hash(second)


def test_a_fidelity_survives_its_plain_form():
    fidelity = Fidelity(3, {"width": 8, "cells": 1})
    assert Fidelity.from_dict(fidelity.to_dict()) == fidelity


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True, "3", None])
def test_epochs_that_make_no_sense_are_refused(epochs):
    with pytest.raises(ValueError, match="epochs"):
        Fidelity(epochs)


@pytest.mark.parametrize("width", [0, 2.0, True, "8"])
def test_a_skeleton_size_that_makes_no_sense_is_refused(width):
    with pytest.raises(ValueError, match="width"):
        Fidelity(1, {"width": width})


@pytest.mark.parametrize(
    "data", [{}, {"epochs": 1}, {"epochs": 1, "skeleton": 3}, {"epochs": 1, "skeleton": {}, "x": 1}]
)
def test_data_that_is_no_fidelity_is_refused(data):
    with pytest.raises(ValueError, match="fidelity"):
        Fidelity.from_dict(data)
