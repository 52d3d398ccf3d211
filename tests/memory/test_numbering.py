"""Architectures and verdicts in few bytes: whatever they are, they come back as they were."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.memory import ProposalUpdate, StoreDamagedError, canonical_json
from navarch.memory.numbering import (
    VERDICT,
    Numbering,
    pack_architecture,
    pack_verdict,
    unpack_architecture,
    unpack_verdict,
)

DIMENSIONS = {"b": ["none", "conv\u00b2"], "a": ['"quoted"', "x", "y"]}
WHOLE = {"a": "y", "b": "conv\u00b2"}
CRITICISED = dict(zip(VERDICT, (3, "accept", None, "Near the best.", 0.5, False), strict=True))
JSON = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3)


@pytest.fixture
def numbered(memory, make):
    """A run that says what its dimensions are, with one judged proposal."""
    memory.create_run(run_id="numbered", dimensions=DIMENSIONS, **make.RUN)

    def store(architecture, **changes):
        (item,) = memory.add_proposals("numbered", 1, 0, [make.proposal(0)])
        facts = {"architecture": architecture, "code": "11", "digest": "d"} | changes
        memory.judge_proposals("numbered", [ProposalUpdate(item.proposal_id, "valid", **facts)])
        (row,) = memory.proposals("numbered")
        return row

    return store


def stored(memory, column):
    ((cell,),) = memory._store.rows(f"SELECT {column} FROM proposals")
    return cell


@pytest.mark.parametrize("cell", ["{", "7", "null", "[]", '{"a":7}', '{"a":[{}]}', '{"a":["y"]}'])
def test_dimensions_that_cannot_be_read_are_damage(memory, numbered, cell):
    numbered(WHOLE)
    memory._store.rows("UPDATE runs SET dimensions = ? WHERE run_id = 'numbered'", [cell])
    with pytest.raises(StoreDamagedError, match="not readable"):
        memory.proposals("numbered")


@given(
    st.dictionaries(
        st.text(max_size=2), st.lists(st.text(max_size=2), min_size=1, max_size=3, unique=True), max_size=4
    ),
    st.data(),
)
def test_every_architecture_of_a_space_comes_back(dimensions, data):
    dimensions = json.loads(canonical_json(dimensions))
    architecture = {name: data.draw(st.sampled_from(options)) for name, options in dimensions.items()}
    numbering = Numbering(dimensions)
    packed = pack_architecture(architecture, numbering)
    assert packed.startswith("[")
    assert unpack_architecture(packed, numbering) == canonical_json(architecture)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3))
def test_what_is_no_architecture_of_the_space_comes_back_too(odd):
    for numbering in (Numbering(DIMENSIONS), None):
        assert unpack_architecture(pack_architecture(odd, numbering), numbering) == canonical_json(odd)


@given(st.dictionaries(st.sampled_from([*VERDICT, "proxies"]), JSON, max_size=7))
def test_every_verdict_comes_back(verdict):
    assert unpack_verdict(pack_verdict(verdict)) == verdict
    assert unpack_verdict(pack_verdict(CRITICISED | {"reason": str(verdict)}))["reason"] == str(verdict)


def test_a_proposal_of_a_run_that_names_its_dimensions_is_stored_as_numbers(memory, numbered):
    row = numbered(WHOLE, is_whole=True, verdict=CRITICISED)
    assert (row.architecture, json.loads(row.raw), row.verdict) == (WHOLE, WHOLE, CRITICISED)
    assert (stored(memory, "architecture"), stored(memory, "raw")) == ("[2,1]", "")
    assert stored(memory, "verdict") == '[3,"accept",null,"Near the best.",0.5,false]'


def test_the_numbers_can_be_read_with_sql(memory, numbered):
    numbered(WHOLE)
    options = (
        "SELECT d.key, json_extract(d.value, '$[' || n.value || ']') FROM proposals AS p JOIN runs USING (run_id), "
        "json_each(p.architecture) AS n, json_each(runs.dimensions) AS d "
        "WHERE n.key = (SELECT count(*) FROM json_each(runs.dimensions) AS other WHERE other.key < d.key)"
    )
    assert dict(memory._store.rows(options)) == WHOLE


@pytest.mark.parametrize("cell", ["[2]", "[2,1,0]", "[2,9]", "[-1,1]", '["x",1]', "[2,1", "[2.0,1]"])
def test_numbers_that_mean_nothing_are_damage(memory, numbered, cell):
    numbered(WHOLE)
    memory._store.rows("UPDATE proposals SET architecture = ?", [cell])
    with pytest.raises(StoreDamagedError, match=r"a row of proposals, 'numbered/r1\.p0\.0', is not readable"):
        memory.proposals("numbered")


@pytest.mark.parametrize("cell", ["[1,2]", "7", "{"])
def test_a_verdict_that_is_none_is_damage(memory, numbered, cell):
    numbered(WHOLE)
    memory._store.rows("UPDATE proposals SET verdict = ?", [cell])
    with pytest.raises(StoreDamagedError, match="not readable"):
        memory.proposals("numbered")


def test_numbers_without_dimensions_are_damage(memory, numbered):
    numbered(WHOLE)
    memory._store.rows("UPDATE runs SET dimensions = NULL")
    with pytest.raises(StoreDamagedError, match="not readable"):
        memory.proposals("numbered")
