"""Whatever a model writes: a typed reply or a ReplyError, nothing else, in little time and memory (D1)."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from caller_bench import GOOD, Bench
from hostile import CORPUS, HUGE, TYPES, VALID, mutate
from hypothesis import given
from hypothesis import strategies as st

from navarch.agents.errors import ReplyError
from navarch.agents.parse import parse_reply
from navarch.agents.roles import ROLES

JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def is_reply(text, reply_type):
    """Return whether the text is a reply of the type; whatever else is raised fails the test."""
    try:
        parsed = parse_reply(text, reply_type)
    except ReplyError as error:
        said = str(error)
    else:
        assert type(parsed.reply) is reply_type
        return True
    assert 0 < len(said) < 600
    return False


def check_mutations(role, count):
    rng = random.Random(role)
    found = [is_reply(mutate(rng, VALID[role]), TYPES[role]) for _ in range(count)]
    assert 0.05 < sum(found) / count < 0.5, "the mutations are too mild or too wild to say much"


@pytest.mark.parametrize("role", TYPES)
def test_a_thousand_mutated_replies_are_replies_or_reply_errors(role):
    check_mutations(role, 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("role", TYPES)
def test_ten_thousand_mutated_replies_are_replies_or_reply_errors(role):
    check_mutations(role, 10_000)


@pytest.mark.parametrize("role", TYPES)
def test_every_reply_of_the_corpus_is_a_reply_or_a_reply_error_for_every_role(role):
    assert len(CORPUS) >= 160
    assert not all(is_reply(text, TYPES[role]) for text in CORPUS.values())


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_a_reply_of_any_depth_is_a_reply_or_a_reply_error(opened, closed):
    sound = '{"architecture": "333132", "why": "x"}'
    for depth in (*range(1, 850, 100), *range(850, 1_010, 3)):
        deep = f"{opened * depth}1{closed * depth}"
        is_reply(f'{{"proposals": [{sound}, {deep}]}}', TYPES["generator"])
        is_reply(f'{{"lessons": [{deep}], "retire": []}}', TYPES["distiller"])
        is_reply(f'{{"summary": {deep}}}', TYPES["navigator"])


@given(st.sampled_from(sorted(TYPES)), st.text(max_size=300))
def test_any_text_is_a_reply_or_a_reply_error(role, text):
    is_reply(text, TYPES[role])


@given(st.sampled_from(sorted(TYPES)), JSONISH)
def test_any_json_is_a_reply_or_a_reply_error(role, data):
    is_reply(json.dumps(data), TYPES[role])
    is_reply(json.dumps(dict.fromkeys(TYPES[role].model_fields, data)), TYPES[role])


@given(st.sampled_from(sorted(TYPES)), st.lists(st.tuples(st.floats(0, 1), st.characters()), max_size=6))
def test_a_reply_with_changed_characters_is_a_reply_or_a_reply_error(role, changes):
    text = VALID[role]
    for place, char in changes:
        at = int(place * len(text))
        text = text[:at] + char + text[at + 1 :]
    is_reply(text, TYPES[role])


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_mutated_replies_write_nothing_but_the_trace(memory, library, tmp_path, role):
    """Every table but those of calls and texts, and every file but the memory's, stays as it was."""
    rng = random.Random(role.name)
    script = [mutate(rng, GOOD[role.name]) for _ in range(30)]
    bench = Bench(memory, library, [*script, *[GOOD[role.name]] * 3], role)
    before, files = rows_beside_the_trace(memory), {path.name for path in tmp_path.iterdir()}
    round = 0
    while len(bench.model.script) > 3:
        round += 1
        assert bench.ask(round=round).source in ("model", "fallback")
    assert len(memory.calls("r1")) >= 30
    assert rows_beside_the_trace(memory) == before
    assert {path.name for path in tmp_path.iterdir()} == files


def rows_beside_the_trace(memory):
    tables = ("runs", "rounds", "proposals", "trials", "lessons", "test_scores")
    return {table: sorted(memory._store.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}


def thread_seconds(work):
    started = time.thread_time()
    work()
    return time.thread_time() - started


def sum_of_squares():
    """What processor time is measured against: 17 ms on a machine on which a reply may cost 50."""
    return sum(number * number for number in range(400_000))


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("role", ["generator", "navigator", "critic"])
def test_a_huge_reply_costs_little_time(name, role):
    """At most what summing 1.2 million squares costs; the worst found is about half of it."""
    ratios = []
    for _ in range(5):  # the machine may be busy: the best of five pairs counts
        yardstick = thread_seconds(sum_of_squares)
        ratios.append(thread_seconds(lambda: is_reply(HUGE[name], TYPES[role])) / yardstick)
        if ratios[-1] < 3.0:
            return
    pytest.fail(f"{min(ratios):.1f} times the yardstick")


@pytest.mark.slow
def test_no_huge_reply_costs_more_than_fifty_megabytes():
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1])\n"
        "from hostile import HUGE, TYPES, VALID\n"
        "from navarch.agents.errors import ReplyError\n"
        "from navarch.agents.parse import parse_reply\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for role in TYPES: parse_reply(VALID[role], TYPES[role])\n"
        "before = peak()\n"
        "for text in HUGE.values():\n"
        "    for reply_type in TYPES.values():\n"
        "        try: parse_reply(text, reply_type)\n"
        "        except ReplyError: pass\n"
        "print(peak() - before)\n"
    )
    path = str(Path(__file__).resolve().parent.parent)
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50 * 1024  # kB; the peak never falls, so every reply stayed below
