import json

import pytest

from navarch.memory import ProposalUpdate, StoreError, ValueTooLargeError

PROBLEM = {"code": "unknown-option", "dimension": "edge_0_1", "value": "conv9", "allowed": ["none"]}


def valid(item, status="valid", **changes):
    """What the validator says of a good proposal."""
    facts = {"architecture": {"edge_0_1": "none"}, "code": "0", "digest": "d0"}
    return ProposalUpdate(item.proposal_id, status, **(facts | changes))


def test_proposals_are_stored_as_they_came_in_order_of_position(memory, make):
    stored = memory.add_proposals("demo", 0, 0, [make.proposal(1, raw="[9]"), make.proposal(0)])
    assert [(item.position, item.raw, item.status) for item in stored] == [
        (0, '{"edge_0_1": "none"}', "proposed"),
        (1, "[9]", "proposed"),
    ]
    assert (stored[0].architecture, stored[0].problems, stored[0].why) == (None, [], "wider")


def test_adding_the_same_positions_again_changes_nothing(memory, make):
    first = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    assert memory.add_proposals("demo", 0, 0, [make.proposal(0, why="other")]) == first


WIDE = {f"{n:03}" + "\U0001f600" * 77: "\U0001f600" * 80 for n in range(200)}


@pytest.mark.parametrize("is_ascii", [True, False])
def test_a_proposal_as_large_as_a_reply_can_carry_is_stored_whole(memory, make, is_ascii):
    raw = json.dumps(WIDE, ensure_ascii=is_ascii)
    assert (len(raw) > 256 * 1024) == is_ascii
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0, raw=raw)])
    assert json.loads(item.raw) == WIDE


ODD = [
    '{"a\ud800b": "\udfff"}',
    '{"a": "x\x00y"}',
    '"\x00"',
    json.dumps({"a\ud800": "b\x00"}),
    json.dumps("\ud83d\ude00\ud83d"),
]


@pytest.mark.parametrize("raw", ODD)
@pytest.mark.parametrize("padding", [0, 300_000])
def test_odd_characters_leave_a_proposal_valid_json(memory, make, raw, padding):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0, raw=" " * padding + raw)])
    assert type(json.loads(item.raw)) is type(json.loads(raw, strict=False))
    assert "\x00" not in item.raw


def test_a_proposal_over_the_cap_is_refused_and_none_of_its_reply_is_stored(memory, make):
    raw = json.dumps("x" * 256 * 1024)
    with pytest.raises(ValueTooLargeError, match="raw: 262146 bytes are over the cap of 262144"):
        memory.add_proposals("demo", 0, 0, [make.proposal(0), make.proposal(1, raw=raw)])
    assert memory.proposals("demo") == []


@pytest.mark.parametrize("raw", ["x" * 300_000, "[" * 300_000])
def test_what_is_too_large_and_no_json_is_refused_too(memory, make, raw):
    with pytest.raises(ValueTooLargeError):
        memory.add_proposals("demo", 0, 0, [make.proposal(0, raw=raw)])


def test_a_refused_proposal_keeps_its_problems(memory, make):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    memory.judge_proposals("demo", [ProposalUpdate(item.proposal_id, "invalid", problems=[PROBLEM])])
    assert memory.proposals("demo", status="invalid")[0].problems == [PROBLEM]


def test_a_verdict_is_stored_and_a_later_judgement_keeps_it_and_the_architecture(memory, make):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    memory.judge_proposals("demo", [valid(item)])
    memory.judge_proposals("demo", [ProposalUpdate(item.proposal_id, "vetoed", verdict={"why": "dead"})])
    memory.judge_proposals("demo", [ProposalUpdate(item.proposal_id, "selected")])
    (judged,) = memory.proposals("demo", status="selected")
    assert (judged.verdict, judged.architecture, judged.digest) == (
        {"why": "dead"},
        {"edge_0_1": "none"},
        "d0",
    )


def test_judging_an_unknown_proposal_judges_none(memory, make):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    for unknown in ("demo/r9.p9.9", "demo/t1", "other/r0.p0.0", "demo", ""):
        updates = [valid(item), ProposalUpdate(unknown, "invalid")]
        with pytest.raises(StoreError, match=f"has no proposal {unknown!r}"):
            memory.judge_proposals("demo", updates)
        assert memory.proposals("demo")[0].status == "proposed"


def test_a_proposal_of_another_run_is_not_judged(memory, make):
    memory.create_run(run_id="second", **make.RUN)
    (item,) = memory.add_proposals("second", 0, 0, [make.proposal(0)])
    with pytest.raises(StoreError, match="no proposal"):
        memory.judge_proposals("demo", [ProposalUpdate(item.proposal_id, "invalid")])


def test_proposals_are_chosen_by_round_attempt_and_status(memory, make):
    memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    _, second = memory.add_proposals("demo", 1, 0, [make.proposal(0), make.proposal(1)])
    memory.judge_proposals("demo", [valid(second, "duplicate")])
    memory.add_proposals("demo", 1, 1, [make.proposal(0)])
    assert len(memory.proposals("demo")) == 4
    assert len(memory.proposals("demo", 1)) == 3
    assert len(memory.proposals("demo", 1, 1)) == 1
    assert [item.position for item in memory.proposals("demo", status="duplicate")] == [1]


@pytest.mark.parametrize("status", ["valid", "duplicate", "vetoed", "unselected", "selected", "liked"])
def test_a_status_without_an_architecture_or_unknown_is_refused(memory, make, status):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    with pytest.raises(StoreError, match="CHECK"):
        memory.judge_proposals("demo", [ProposalUpdate(item.proposal_id, status)])


def test_what_is_proposed_as_it_is_read_is_stored_once(memory, make):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    memory.judge_proposals("demo", [valid(item, is_whole=True)])
    assert memory._store.rows("SELECT raw FROM proposals") == [("",)]
    (judged,) = memory.proposals("demo")
    assert json.loads(judged.raw) == judged.architecture == {"edge_0_1": "none"}


def test_what_is_proposed_otherwise_stays_as_it_came(memory, make):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0, raw='"0"')])
    memory.judge_proposals("demo", [valid(item)])
    assert [row.raw for row in memory.proposals("demo")] == ['"0"']


def test_who_changes_a_row_changes_no_other(memory, make):
    (row,) = memory.add_proposals("demo", 1, 0, [make.proposal(0)])
    problems = [{"code": "unknown-option", "allowed": ["none"]}]
    memory.judge_proposals("demo", [ProposalUpdate(row.proposal_id, "invalid", problems=problems)])
    (first,) = memory.proposals("demo")
    first.problems[0]["allowed"].append("mine")
    assert memory.proposals("demo")[0].problems == problems
