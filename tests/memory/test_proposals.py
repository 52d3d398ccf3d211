import pytest

from navarch.memory import ProposalUpdate, StoreError


def test_proposals_come_back_in_order_with_why_they_were_refused(memory, make):
    problem = {"code": "unknown-option", "dimension": "edge_0_1", "value": "conv9", "allowed": ["none"]}
    broken = make.proposal(
        1,
        status="invalid",
        architecture=None,
        code=None,
        genotype=None,
        digest=None,
        raw="[9]",
        problems=[problem],
    )
    stored = memory.add_proposals("demo", 0, 0, [broken, make.proposal(0)])
    assert [(item.position, item.status, item.problems) for item in stored] == [
        (0, "valid", []),
        (1, "invalid", [problem]),
    ]
    assert stored[0].architecture == {"edge_0_1": "none"}
    assert stored[1].raw == "[9]"


def test_adding_the_same_positions_again_changes_nothing(memory, make):
    first = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    assert memory.add_proposals("demo", 0, 0, [make.proposal(0, why="other")]) == first


def test_a_verdict_is_stored_and_a_later_status_keeps_it(memory, make):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    memory.judge_proposals("demo", [ProposalUpdate(item.proposal_id, "vetoed", {"why": "dead"})])
    memory.judge_proposals("demo", [ProposalUpdate(item.proposal_id, "selected")])
    (judged,) = memory.proposals("demo", status="selected")
    assert judged.verdict == {"why": "dead"}


def test_judging_an_unknown_proposal_judges_none(memory, make):
    (item,) = memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    updates = [ProposalUpdate(item.proposal_id, "vetoed"), ProposalUpdate("demo/r9.p9.9", "vetoed")]
    with pytest.raises(StoreError, match=r"r9\.p9\.9"):
        memory.judge_proposals("demo", updates)
    assert memory.proposals("demo", status="vetoed") == []


def test_proposals_are_chosen_by_round_attempt_and_status(memory, make):
    memory.add_proposals("demo", 0, 0, [make.proposal(0)])
    memory.add_proposals("demo", 1, 0, [make.proposal(0), make.proposal(1, status="duplicate")])
    memory.add_proposals("demo", 1, 1, [make.proposal(0)])
    assert len(memory.proposals("demo")) == 4
    assert len(memory.proposals("demo", 1)) == 3
    assert len(memory.proposals("demo", 1, 1)) == 1
    assert [item.position for item in memory.proposals("demo", status="duplicate")] == [1]


def test_a_valid_proposal_without_an_architecture_is_refused(memory, make):
    with pytest.raises(StoreError, match="CHECK"):
        memory.add_proposals("demo", 0, 0, [make.proposal(0), make.proposal(1, architecture=None)])
    assert memory.proposals("demo") == []
