"""What is sent: stateless roles start afresh, a stateful one is one conversation, also after a resume."""

import json
from dataclasses import replace

import pytest
from caller_bench import GOOD, Bench, Killed, killer
from paper_samples import paper_view

from navarch.agents import collm
from navarch.agents.conversation import compact
from navarch.agents.roles import CRITIC, DISTILLER, GENERATOR, NAVIGATOR

TALKS = collm.NAVIGATOR
STRATEGY = json.dumps({"summary": "wide", "patterns": [], "directions": []})


@pytest.mark.parametrize("role", [NAVIGATOR, GENERATOR, CRITIC, DISTILLER], ids=lambda role: role.name)
def test_a_stateless_role_sees_nothing_of_earlier_rounds(memory, library, role):
    bench = Bench(memory, library, [GOOD[role.name]] * 2, role)
    bench.ask(round=1)
    bench.ask(round=2)
    assert [len(messages) for messages in bench.model.asked] == [2, 2]


def converse(memory, library, script, role=TALKS, **more):
    bench = Bench(memory, library, script, role, **more)
    bench.view = lambda situation: paper_view("collm-nas/navigator", situation)
    return bench


def test_a_stateful_role_is_one_conversation(memory, library):
    bench = converse(memory, library, [STRATEGY] * 3)
    for number in (1, 2, 3):
        bench.ask(round=number)
    first, second, third = bench.model.asked
    assert [m.role for m in third] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert third[:4] == (*second[:3], second[3])
    assert second[1] == first[1]
    assert json.loads(third[2].text) == json.loads(STRATEGY)
    assert "All trials so far" in first[1].text
    assert "All trials so far" not in second[3].text


@pytest.mark.parametrize(
    ("replies", "questions", "turns"), [(2, 1, [0, 1, 2, 0, 1]), (1, 0, [0, 1, 0, 1, 0]), (0, 0, [0] * 5)]
)
def test_a_conversation_that_has_outgrown_its_room_begins_anew(memory, library, replies, questions, turns):
    view = {**paper_view("collm-nas/navigator", "full").to_dict(), "first": False}
    later = len(library.render(TALKS.prompt, view).user)
    room = replies * len(compact(json.loads(STRATEGY))) + questions * later
    bench = converse(memory, library, [STRATEGY] * 5, replace(TALKS, room=room))
    for number in range(1, 6):
        bench.ask(round=number)
    assert [sum(m.role == "assistant" for m in messages) for messages in bench.model.asked] == turns


def test_repairs_stay_out_of_a_conversation(memory, library):
    bench = converse(memory, library, ["junk", STRATEGY, STRATEGY])
    bench.ask(round=1)
    bench.ask(round=2)
    assert [m.role for m in bench.model.asked[2]] == ["system", "user", "assistant", "user"]
    assert "junk" not in [m.text for m in bench.model.asked[2]]


def test_a_resumed_role_has_the_same_conversation(memory, library):
    whole = converse(memory, library, [STRATEGY] * 2)
    whole.ask(round=1)
    with pytest.raises(Killed):
        converse(memory, library, [], fault=killer("call.sending")).ask(round=2)
    resumed = converse(memory, library, [STRATEGY])
    resumed.ask(round=2)
    whole.caller.ask(TALKS, whole.view("full"), run_id="r1", round=2, attempt=1, seed=0)
    assert resumed.model.asked[0] == whole.model.asked[1]


def test_a_role_is_sent_at_most_so_many_rounds(memory, library):
    bench = converse(memory, library, [STRATEGY] * 6, replace(TALKS, turns=3))
    for number in range(1, 7):
        bench.ask(round=number)
    assert len(bench.model.asked[-1]) == 2 + 2 * 3
    assert bench.model.asked[-1][0].role == "system"
