"""What is sent: stateless roles start afresh, the Navigator is one conversation, also after a resume."""

import json
from dataclasses import replace

import pytest
from caller_bench import GOOD, Bench, Killed, killer
from samples import sample_view

from navarch.agents.roles import CRITIC, DISTILLER, GENERATOR, NAVIGATOR, TURNS_KEPT


@pytest.mark.parametrize("role", [GENERATOR, CRITIC, DISTILLER], ids=lambda role: role.name)
def test_a_stateless_role_sees_nothing_of_earlier_rounds(memory, library, role):
    bench = Bench(memory, library, [GOOD[role.name]] * 2, role)
    bench.ask(round=1)
    bench.ask(round=2)
    assert [len(messages) for messages in bench.model.asked] == [2, 2]


def test_the_navigator_is_one_conversation(memory, library):
    bench = Bench(memory, library, [GOOD["navigator"]] * 3, replace(NAVIGATOR, room=None))
    for number in (1, 2, 3):
        bench.ask(round=number)
    first, second, third = bench.model.asked
    assert [m.role for m in third] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert third[:4] == (*second[:3], second[3])
    assert second[1] == first[1]
    assert json.loads(third[2].text) == json.loads(GOOD["navigator"])
    assert "All trials so far" in first[1].text
    assert "All trials so far" not in second[3].text


def test_repairs_stay_out_of_the_navigators_conversation(memory, library):
    bench = Bench(memory, library, ["junk", GOOD["navigator"], GOOD["navigator"]], NAVIGATOR)
    bench.ask(round=1)
    bench.ask(round=2)
    assert [m.role for m in bench.model.asked[2]] == ["system", "user", "assistant", "user"]
    assert "junk" not in [m.text for m in bench.model.asked[2]]


def test_a_resumed_navigator_has_the_same_conversation(memory, library):
    whole = Bench(memory, library, [GOOD["navigator"]] * 2, NAVIGATOR)
    whole.ask(round=1)
    with pytest.raises(Killed):
        Bench(memory, library, [], NAVIGATOR, fault=killer("call.sending")).ask(round=2)
    resumed = Bench(memory, library, [GOOD["navigator"]], NAVIGATOR)
    resumed.ask(round=2)
    whole.caller.ask(NAVIGATOR, sample_view("navigator", "full"), run_id="r1", round=2, attempt=1, seed=0)
    assert resumed.model.asked[0] == whole.model.asked[1]


def test_the_navigator_remembers_at_most_the_last_twelve_rounds(memory, library):
    bench = Bench(memory, library, [GOOD["navigator"]] * 15, replace(NAVIGATOR, room=None))
    for number in range(1, 16):
        bench.ask(round=number)
    assert len(bench.model.asked[-1]) == 2 + 2 * TURNS_KEPT
    assert bench.model.asked[-1][0].role == "system"
