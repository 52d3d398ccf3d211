import dataclasses
import json
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navarch.memory import Memory, StoreError, canonical_json, clean_text, text_digest
from navarch.memory.text import JSON_CAP, TEXT_CAP, clean, load_measured, measured_json

ANY_TEXT = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff\u202e\U0001f600"), max_size=50)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
)
PLAIN = st.recursive(
    SCALARS | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(ANY_TEXT)
def test_clean_text_can_be_stored_and_is_left_alone_the_second_time(text):
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    assert clean_text(cleaned) == cleaned
    assert len(cleaned.encode()) <= TEXT_CAP
    assert len(cleaned) == len(text)


@pytest.mark.parametrize("unit", ["a", "ü", "\u20ac", "\U0001f600"])
@pytest.mark.parametrize("extra", [0, 1, 100_000])
def test_long_text_keeps_its_tail_within_the_cap(unit, extra):
    text = unit * (TEXT_CAP // len(unit.encode()) + extra) + "the end"
    cleaned = clean(text)
    assert cleaned.text.endswith(unit + "the end")
    assert cleaned.text.startswith("[the first")
    assert TEXT_CAP - 4 < len(cleaned.text.encode()) <= TEXT_CAP
    assert clean_text(cleaned.text) == cleaned.text
    assert cleaned.left_out > 0


def test_what_was_replaced_is_counted():
    assert clean("a\x00b\ud800c") == ("a\ufffdb\ufffdc", 2, 0)


@given(PLAIN)
@settings(deadline=None)
def test_canonical_json_is_storable_and_stable(value):
    text = canonical_json(value)
    text.encode()
    assert "\x00" not in text
    assert canonical_json(json.loads(text)) == text


def test_canonical_json_sorts_keys_and_takes_dataclasses():
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        y: int
        x: tuple[int, ...]

    assert canonical_json({"b": Point(1, (2, 3)), "a": None}) == '{"a":null,"b":{"x":[2,3],"y":1}}'


def deeply_nested():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [math.nan, [math.inf], {"a": -math.inf}, b"bytes", {1, 2}, object(), "x" * JSON_CAP, deeply_nested()],
    ids=["nan", "inf", "-inf", "bytes", "set", "object", "long", "deep"],
)
def test_what_json_cannot_carry_is_refused_by_name(value):
    with pytest.raises(StoreError, match="cannot store settings"):
        canonical_json(value, field="settings")


@given(st.lists(st.floats(), max_size=5))
def test_measured_numbers_come_back_as_they_were(values):
    text = measured_json({"loss": values})
    json.loads(text, parse_constant=pytest.fail)
    assert repr(load_measured(text)["loss"]) == repr(values)


def test_measured_data_that_is_not_json_is_still_refused():
    with pytest.raises(StoreError, match="curve"):
        measured_json([math.nan, object()], field="curve")
    with pytest.raises(StoreError, match="curve"):
        measured_json([math.nan, deeply_nested()], field="curve")


def test_odd_values_come_back_equal_or_are_refused_with_the_field_named(make):
    with tempfile.TemporaryDirectory() as folder, Memory.open(Path(folder) / "navarch.db") as memory:
        memory.create_run(run_id="demo", **make.RUN)
        make.add_finished(memory, 1)
        rounds = iter(range(10**6))

        @given(ANY_TEXT, PLAIN, st.integers() | st.floats())
        @settings(max_examples=60, deadline=None)
        def store(text, data, number):
            round = next(rounds)
            lesson = memory.add_lesson("demo", round, text, text, text, text, [1], [])
            assert memory.lessons("demo")[-1].statement == lesson.statement == clean_text(text)
            memory.open_round("demo", round)
            memory.set_direction("demo", round, {"data": data})
            assert memory.direction("demo", round) == json.loads(canonical_json({"data": data}))
            if not 0 <= number <= 100:  # NaN too
                with pytest.raises(StoreError, match="best"):
                    memory.close_round("demo", round, new_trials=0, best=number)
            else:
                assert memory.close_round("demo", round, new_trials=0, best=number).best == number

        store()
        assert memory.check() == []


@pytest.mark.parametrize(
    "text", ["", "\U0001f9ed", "\u202eright to left", "a\nb\tc\x1b[31m", "x" * 10_000_000]
)
def test_odd_texts_come_back(memory, make, text):
    call = make.reserve(memory, messages=[("user", text)])
    ((_, stored),) = memory.rendered(call)
    assert stored == text or (len(text) > 256 * 1024 and text.endswith(stored[-1000:]))
    assert text_digest(stored) == call.messages[0][1]
