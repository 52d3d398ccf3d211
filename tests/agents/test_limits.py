"""Money (G1-G4): a limit at 0, 1, one too few, just enough; eight calls at its edge; kills between call and settle."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from caller_bench import GOOD, Bench, Killed, killer
from samples import sample_view

from navarch.agents.conversation import Conversation
from navarch.agents.model import Completion
from navarch.agents.question import worst_case
from navarch.agents.roles import GENERATOR
from navarch.memory import BudgetExhausted, CallKey, CallLimit, Memory, Prices

WANTED = 3  # questions; each takes one call, of 120 tokens as it turns out
PRICES = Prices(100.0, 1000.0)  # so that a call costs 0.03 in the end
CENT = 1e-9  # less than any limit here can tell apart


def ask_until_refused(memory, library, limit):
    """Ask one question a round within a limit; return how many calls were made."""
    bench = Bench(memory, library, [GOOD["generator"]] * WANTED, limit=limit)
    with suppress(BudgetExhausted):
        for round in range(1, WANTED + 2):
            bench.ask(round=round)  # one more call than the script has would fail the test
    return len(bench.model.asked)


def enough_for(memory, library, what):
    """Return the smallest limit under which the wanted calls are made, and a step: the last reservation has to fit."""
    role, view = GENERATOR, sample_view("generator", "full")
    prompt, messages = Conversation(memory, library).open(role, view, "r1", 1)
    reserved, before = worst_case(messages, prompt), WANTED - 1
    if what == "calls":
        return WANTED, 1
    if what == "tokens":
        return before * 120 + reserved, 1
    return before * 0.03 + PRICES.most(reserved) + CENT, 0.001


def limit_of(what, value):
    return CallLimit(**{f"max_{what}": value}, prices=PRICES)


@pytest.mark.parametrize(
    ("place", "made"), [("0", 0), ("1", 0), ("one too few", WANTED - 1), ("enough", WANTED)]
)
@pytest.mark.parametrize("what", ["calls", "tokens", "money"])
def test_a_limit_stops_before_the_call_that_might_pass_it(memory, library, what, place, made):
    enough, step = enough_for(memory, library, what)
    value = {"0": 0, "1": 1, "one too few": enough - step, "enough": enough}[place]
    made += what == "calls" and place == "1"
    assert ask_until_refused(memory, library, limit_of(what, value)) == made
    spent = {
        "calls": memory.spent("r1").calls,
        "tokens": memory.spent("r1").tokens,
        "money": memory.money("r1", PRICES),
    }
    assert spent[what] <= value


EDGES = [
    *(("calls", room) for room in range(8)),
    *(("tokens", room) for room in (0, 1, 2, 5, 7, 8)),
    *(("money", room) for room in (0, 1, 2, 5, 7, 8)),
]


@pytest.mark.parametrize(("what", "room"), EDGES)
def test_eight_calls_at_the_same_time_share_what_is_left(memory, what, room):
    """Each through a connection of its own, as processes have: as many as fit are made, and no more."""
    value = {"calls": room, "tokens": 100 * room + 99, "money": PRICES.most(100) * room + CENT}[what]
    limit, gate, refused = limit_of(what, value), threading.Barrier(8), []

    def reserve(number):
        with Memory.open(memory.path) as own:
            gate.wait(30)
            try:
                own.reserve_call(
                    CallKey("r1", 1, "generator", 0, number),
                    model="openai:m",
                    prompt="generator",
                    prompt_digest="p",
                    prompt_version="1",
                    messages=[("user", "q")],
                    schema_digest="s",
                    source="model",
                    reserved_tokens=100,
                    limit=limit,
                )
            except BudgetExhausted as error:
                refused.append(error.what)

    threads = [threading.Thread(target=reserve, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [what] * (8 - room)
    assert (memory.spent("r1").calls, memory.spent("r1").tokens) == (room, 100 * room)


@pytest.mark.parametrize("usage", [(None, None), (-5, -1), (10**12, 1), (None, 7)])
def test_usage_that_cannot_be_believed_counts_as_the_reservation(memory, library, usage):
    script = [Completion(GOOD["generator"], input_tokens=usage[0], output_tokens=usage[1])]
    Bench(memory, library, script).ask()
    (row,) = memory.calls("r1")
    assert memory.spent("r1").tokens == row.reserved_tokens
    assert memory.money("r1", PRICES) == pytest.approx(PRICES.most(row.reserved_tokens))


def check_resumed(memory, library, killed_round):
    """Ask what was asked again; what the kill interrupted counts as spent, once."""
    memory_of_before = {row.call_id: row for row in memory.calls("r1")}
    (open_call,) = [row for row in memory_of_before.values() if row.state == "reserved"]
    assert open_call.round == killed_round
    assert memory.spent("r1").tokens == 120 * (killed_round - 1) + open_call.reserved_tokens
    bench = Bench(memory, library, [GOOD["generator"]])
    for round in range(1, killed_round + 1):
        assert bench.ask(round=round).source == "model"
    assert len(bench.model.asked) == 1
    after = memory.calls("r1")[-1]
    assert (after.tries, after.lost_tokens) == (2, open_call.reserved_tokens)
    assert memory.spent("r1").tokens == 120 * killed_round + open_call.reserved_tokens
    assert memory.spent("r1").calls == killed_round + 1


@pytest.mark.parametrize("point", ["call.sending", "call.answered"])
def test_a_call_broken_off_before_it_is_settled_counts_as_spent(memory, library, point):
    Bench(memory, library, [GOOD["generator"]]).ask(round=1)
    with pytest.raises(Killed):
        Bench(memory, library, [GOOD["generator"]], fault=killer(point)).ask(round=2)
    check_resumed(memory, library, 2)


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from caller_bench import GOOD, Bench
from navarch.graph.fault import fault
from navarch.memory import Memory
from navarch.prompts import PromptLibrary
with Memory.open(sys.argv[2], fault=fault) as memory:
    bench = Bench(memory, PromptLibrary(project=None), [GOOD["generator"]] * 7, fault=fault)
    for round in range(1, 8):
        bench.ask(round=round)
"""
KILLS = [(point, nth) for nth in range(1, 8) for point in ("call.reserved", "call.sending", "call.answered")]


@pytest.mark.slow
@pytest.mark.parametrize(("point", "nth"), KILLS[:20])
def test_a_real_kill_between_call_and_settle_counts_as_spent(memory, library, point, nth):
    environment = {**os.environ, "NAVARCH_FAULT": f"{point}:{nth}:SIGKILL"}
    arguments = [sys.executable, "-c", CHILD, str(Path(__file__).resolve().parent.parent), str(memory.path)]
    child = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120)
    assert child.returncode == -signal.SIGKILL, child.stderr
    check_resumed(memory, library, nth)
