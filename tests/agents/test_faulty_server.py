"""The list D2: whatever a server does, few requests in bounded time, then a fallback or a clean stop; no key told."""

import pytest
from caller_bench import GOOD, Bench
from faulty_server import CASES, KEY, VirtualClock
from openai_server import Fault, OpenAIServer
from slices import slices

from navarch.agents.errors import FATAL_KINDS, ModelError
from navarch.agents.model import Message
from navarch.agents.openai_model import MAX_ATTEMPTS, OpenAIModel
from navarch.agents.openai_wire import MAX_BODY
from navarch.agents.redaction import Secret
from navarch.agents.roles import ROLES
from navarch.memory import CallLimit
from navarch.prompts import Sampling

MESSAGES = (Message("system", "s"), Message("user", "u"))
QUICK = {"one byte at a time", "401", "429 for ever", "a redirect", "finish_reason length", "usage negative"}


@pytest.fixture
def server():
    with OpenAIServer([Fault()]) as running:
        yield running


def client_of(url, case, clock):
    """Return a client; where the fault is time itself its deadline is short and real."""
    timing = {"timeout_s": 0.3} if case.waits else {"sleep": clock.sleep, "clock": clock}
    return OpenAIModel("m", base_url=url, api_key=Secret(KEY), **timing)


def play(server, case, good="{}"):
    """Let the server play the fault; return where the client must go to meet it."""
    if case.answer is not None:
        server.script = [case.answer(server, good)]
    return server.base_url if case.url is None else case.url(server.base_url)


@pytest.mark.parametrize("name", CASES)
def test_every_fault_costs_few_requests_and_bounded_time(server, name):
    case, clock = CASES[name], VirtualClock()
    model = client_of(play(server, case), case, clock)
    if not case.kinds:
        assert model.complete(MESSAGES, schema=None, sampling=Sampling()).attempts == 1
        return
    with pytest.raises(ModelError) as caught:
        model.complete(MESSAGES, schema=None, sampling=Sampling())
    assert caught.value.kind in case.kinds
    assert caught.value.attempts == case.requests <= MAX_ATTEMPTS
    assert len(server.requests) == (0 if case.url else case.requests)
    assert clock.now <= 120.0
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_hundred_megabytes_are_not_read(server):
    case = CASES["100 MB"]
    model = client_of(play(server, case), case, VirtualClock())
    with pytest.raises(ModelError, match="more than 4 MB"):
        model.complete(MESSAGES, schema=None, sampling=Sampling())
    assert server.sent < 6 * MAX_BODY  # the rest are buffers of the two sockets


class Turning:
    """A client whose server is sound, except while it is told to be faulty."""

    name = "openai:m"

    def __init__(self, sound, faulty):
        self.sound, self.faulty, self.is_faulty = sound, faulty, False

    def complete(self, messages, **asked):
        return (self.faulty if self.is_faulty else self.sound).complete(messages, **asked)


def ask_three_times(memory, library, server, name, role, position):
    """Ask a role in three rounds; in one of them every request meets the fault. Return the answers' sources."""
    case, clock, good = CASES[name], VirtualClock(), Fault(text=GOOD[role.name])
    url = play(server, case, good.text)
    script = {False: [good], True: server.script}
    sound = client_of(server.base_url, CASES["500"], clock)
    model = Turning(sound, client_of(url, case, clock))
    bench = Bench(memory, library, role=role, model=model, secrets=[Secret(KEY)])
    sources = []
    for round in (1, 2, 3):
        model.is_faulty = round == position
        server.script = script[model.is_faulty]
        try:
            sources.append(bench.ask(round=round).source)
        except ModelError as error:
            sources.append(error.kind if KEY not in str(error) else "the key was told")
            model.is_faulty, server.script = False, script[False]
            assert bench.ask(round=round).source == "model"  # the server is well again: the run is resumed
    return case, clock, sources


@pytest.mark.parametrize("left", [1, 2, 3, 4, 5])
def test_repetitions_stop_where_the_budget_of_calls_does(memory, library, server, left):
    case, clock = CASES["503"], VirtualClock()
    model = client_of(play(server, case), case, clock)
    bench = Bench(memory, library, model=model, limit=CallLimit(max_calls=left))
    assert bench.ask().source == "fallback"
    assert len(server.requests) == memory.spent("r1").calls == min(left, MAX_ATTEMPTS)


def check_fault_in_a_run(memory, library, server, tmp_path, name, role, position):
    case, clock, sources = ask_three_times(memory, library, server, name, role, position)
    met, others = sources.pop(position - 1), set(sources)
    assert others == {"model"}
    is_cut = name in ("finish_reason length", "content filter")
    if not case.kinds:
        assert met == ("fallback" if is_cut else "model")
    elif position == 1 and set(case.kinds) <= FATAL_KINDS:
        assert met in case.kinds
    else:
        assert met == "fallback"
    rows = memory.calls("r1", round=position)
    assert rows[0].attempts == case.requests
    assert sum(row.attempts for row in rows if row.source == "model") <= MAX_ATTEMPTS + 1
    assert clock.now <= 120.0
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert KEY.encode() not in stored
    assert rows[-1].state == "ok"


@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_fault_in_a_run_ends_in_a_fallback_or_a_clean_stop(memory, library, server, tmp_path, name):
    check_fault_in_a_run(memory, library, server, tmp_path, name, ROLES[1], 2)


@pytest.mark.parametrize("part", slices(12))
@pytest.mark.parametrize("name", CASES)
def test_every_fault_at_every_position_of_every_role(memory, library, server, tmp_path, name, part):
    place = part + list(CASES).index(
        name
    )  # twelve parts are twelve places for each fault; one part has all places
    role, position = ROLES[place % 4], 1 + place % 3
    check_fault_in_a_run(memory, library, server, tmp_path, name, role, position)
