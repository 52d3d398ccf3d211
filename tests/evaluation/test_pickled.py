"""Pickles are read as data: what plain pickles hold comes out, and nothing that they name is imported or called."""

import collections
import os
import pickle
import pickletools
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.evaluation.tables.pickled import PickleRefused, read_pickle

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


class Calls:
    """A pickle of it calls a function when Python's own reader loads it."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@given(value=PLAIN, protocol=st.integers(3, 5))
def test_plain_data_come_back(value, protocol):
    raw = pickle.dumps(value, protocol)
    assert read_pickle(raw) == (value, len(raw))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_benchmark_records_hold_comes_back_as_plain_data(protocol):
    value = {
        ("cifar10", 777): collections.OrderedDict([("x-valid@0", np.float64(91.5)), ("n", np.int64(7))]),
        "seeds": collections.defaultdict(list, {"cifar10": [777, 888]}),
        "small": np.float32(1.5),
        "indexes": {1, 2},
        "big": 2**40,
    }
    found, _ = read_pickle(pickle.dumps(value, protocol))
    assert found == value
    assert type(found[("cifar10", 777)]) is dict
    assert type(found["small"]) is float


@pytest.mark.parametrize(
    "value",
    [
        Calls(os.mkdir, "made"),
        Calls(eval, "open('made', 'w')"),
        Calls(getattr, "os", "mkdir"),
        collections.Counter("aab"),
        np.arange(3.0),
        Calls,
    ],
)
@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_a_pickle_that_names_anything_else_is_refused_and_nothing_runs(
    tmp_path, monkeypatch, value, protocol
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PickleRefused):
        read_pickle(pickle.dumps([1, value], protocol))
    assert not list(tmp_path.iterdir())


@given(data=st.data())
def test_damage_is_refused_or_read_as_plain_data(data):
    raw = bytearray(pickle.dumps({"a": [1, 2.5, "text", {"b": None}], "c": np.float64(1)}, 4))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    with suppress(PickleRefused):
        read_pickle(bytes(raw[:cut]))


def test_every_instruction_that_is_read_is_one_of_pythons():
    from navarch.evaluation.tables.pickled import _STEPS

    assert set(_STEPS) <= {ord(instruction.code) for instruction in pickletools.opcodes}
