"""A recorded run repeats to the letter with its server gone, names what differs, and goes on with a live model."""

import json
from dataclasses import replace

import pytest
from openai_server import Fault, OpenAIServer, error

from navarch import NavarchError
from navarch.agents.ladder import ladders
from navarch.graph.progress import Silent
from navarch.graph.run import RunFailed, resume_run
from navarch.memory import Memory
from navarch.prompts import PromptLibrary

C3, C1, SKIP, NONE = "nor_conv_3x3", "nor_conv_1x1", "skip_connect", "none"
EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
KEY = "sk-canary-0123456789abcdef"
SHAPE = {"search": {"trials_per_round": 2, "uncriticised": 0, "proposals": 2, "retries": 0}}
SAME = (
    "round", "role", "attempt", "turn", "prompt_digest", "render_digest", "schema_digest", "state", "source",
    "reply", "reasoning", "parsed", "error", "reply_error", "input_tokens", "output_tokens", "cached_tokens",
    "attempts",
)  # fmt: skip


def direction(summary):
    reply = {"summary": summary, "patterns": [], "guidance": [], "build_on": [], "explore": 0.5}
    return json.dumps(reply)


def proposals(*rows):
    items = [{"architecture": dict(zip(EDGES, row, strict=True)), "why": "a try"} for row in rows]
    return json.dumps({"proposals": items})


def verdicts(*scores):
    items = [
        {"candidate": n, "decision": "accept", "score": score, "reason": "fair"}
        for n, score in enumerate(scores, start=1)
    ]
    return json.dumps({"verdicts": items})


NO_LESSON = json.dumps({"lessons": [], "retire": []})
ROUND_1 = [
    direction("broad"),
    proposals((C3,) * 6, (C1,) * 6),
    verdicts(0.5, 0.4),
    f"<think>little to say</think>{NO_LESSON}",
]
ROUND_3 = [
    direction("narrow"),
    proposals((C1, C3, C3, SKIP, C3, C1), (C3, C1, C3, SKIP, C1, C3)),
    verdicts(0.1, 0.9),
    NO_LESSON,
]
# A repair in round 1, a fallback after three bad replies and another after a refused call in round 2.
TROUBLED = [
    f"my key is {KEY}",
    *ROUND_1,
    Fault(
        direction("again"),
        usage={"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}},
    ),
    *["no JSON here"] * 3,
    error(404, "model m not found"),
    NO_LESSON,
    *ROUND_3,
]


def record(bench, script, **flags):
    with OpenAIServer(script) as server:
        served = {"base_url": server.base_url, **flags.pop("server", {})}
        result = bench.run(
            **{"model": "openai:m", "budget": {"trials": 6}, **SHAPE, **flags, "server": served}
        )
        return result, server.requests


def replay(bench, model="replay:r1", **flags):
    return bench.run(**{"model": model, "budget": {"trials": 6}, **SHAPE, **flags})


def calls(db, run="r1"):
    with Memory.open(db, read_only=True) as memory:
        return [{name: getattr(row, name) for name in SAME} for row in memory.calls(run)]


class Notes(Silent):
    def __init__(self):
        self.heard = []

    def noted(self, message):
        self.heard.append(message)


@pytest.fixture
def troubled(bench, monkeypatch):
    """A run of three rounds with repairs, two fallbacks and an error, its server closed."""
    monkeypatch.setenv("NAVARCH_API_KEY", KEY)
    result, requests = record(bench, TROUBLED)
    monkeypatch.delenv("NAVARCH_API_KEY")
    assert result.run.state == "finished"
    assert (len(requests), result.replies.fallback) == (len(TROUBLED), 2)
    return bench


def test_a_replay_in_another_memory_is_the_same_run_and_costs_nothing(troubled):
    other = troubled.folder / "other.db"
    result = replay(troubled, f"replay:r1@{troubled.db}", db=other)
    assert result.run.stop_reason == "budget of 6 trials is spent"
    assert calls(other) == calls(troubled.db)
    with troubled.memory() as memory, Memory.open(other, read_only=True) as repeated:
        assert repeated.trial_table_digest("r1") == memory.trial_table_digest("r1")
        assert {row.model for row in repeated.calls("r1")} == {"replay:r1"}
        spent, paid = repeated.spent("r1"), memory.spent("r1")
        assert (spent.free_calls, spent.free_tokens) == (spent.calls, spent.tokens)
        assert (spent.calls, spent.tokens) == (paid.calls, paid.tokens)
        assert (paid.free_calls, repeated.check()) == (0, [])
        assert spent.cached_tokens == paid.cached_tokens == 8
        (sent,), (told,) = ladders(memory, "r1"), ladders(repeated, "r1")
        assert sent.requests == len(TROUBLED)
        assert told == replace(sent, model="replay:r1", requests=0)


def test_a_replay_in_the_same_memory_trains_nothing_and_can_be_replayed_itself(troubled):
    for name in ("latest", "latest"):
        replay(troubled, f"replay:{name}")
        assert troubled.evaluator.trained == []
    assert calls(troubled.db, "r3") == calls(troubled.db, "r1")
    with troubled.memory() as memory:
        assert memory.get_run("r3").settings["model"] == "replay:r2"
        assert [row["digest"] for row in memory.trial_table("r3")] == [
            row["digest"] for row in memory.trial_table("r1")
        ]


def test_a_run_of_offline_roles_replays_with_as_many_proposals_as_they_were_asked_for(bench):
    bench.run(budget={"trials": 8})
    bench.run(budget={"trials": 8}, model="replay:r1", seed=0)
    assert calls(bench.db, "r2") == calls(bench.db, "r1")


def edited_prompt(bench, name="critic"):
    file = PromptLibrary(project=None).get(name)
    folder = bench.folder / "edited"
    folder.mkdir()
    text = file.path.read_text().replace("<!-- user -->", "Prefer shortcuts.\n\n<!-- user -->", 1)
    (folder / f"{name}.md").write_text(text)
    return folder


def test_an_edited_prompt_stops_the_replay_at_the_first_call_that_differs(troubled):
    notes = Notes()
    with pytest.raises(
        RunFailed, match=r"round 1 critic: its prompt is not the one of run r1: line \d+ of mes"
    ) as told:
        replay(troubled, prompts=edited_prompt(troubled), progress=notes)
    assert f"go on with: navarch resume r2 --db {troubled.db}" in str(told.value)
    (shown,) = notes.heard
    assert shown.startswith("round 1 critic, recorded (-) and now (+):")
    assert "+ Prefer shortcuts." in shown.splitlines()
    with troubled.memory() as memory:
        assert [row.role for row in memory.calls("r2")] == ["navigator", "navigator", "generator"]
        assert memory.get_run("r2").state == "failed"
    defaults = troubled.folder / "none"
    defaults.mkdir()
    assert resume_run("r2", troubled.db, prompts=defaults).run.state == "finished"
    assert calls(troubled.db, "r2") == calls(troubled.db, "r1")


def test_a_live_model_goes_on_where_the_prompt_differs(troubled):
    notes = Notes()
    others = proposals((NONE, C3, C3, C3, C3, C3), (C3, NONE, C3, C3, C3, C3))
    script = [verdicts(0.4, 0.5), NO_LESSON, *ROUND_3, direction("on"), others, verdicts(0.6, 0.3), NO_LESSON]
    with OpenAIServer(script) as server:
        flags = {"server": {"base_url": server.base_url}, "progress": notes}
        replay(troubled, "replay:r1,openai:m", prompts=edited_prompt(troubled), **flags)
        assert "Prefer shortcuts." in server.requests[0]["messages"][0]["content"]
    with troubled.memory() as memory:
        models = [(row.round, row.role, row.model) for row in memory.calls("r2")]
        spent = memory.spent("r2")
    assert models[:4] == [
        (1, "navigator", "replay:r1"),
        (1, "navigator", "replay:r1"),
        (1, "generator", "replay:r1"),
        (1, "critic", "openai:m"),
    ]
    live = sum(model == "openai:m" for _, _, model in models)
    assert (live, spent.calls - spent.free_calls) == (len(server.requests), len(server.requests))
    assert [note for note in notes.heard if "answers from here on" in note] == notes.heard[1:2]


def test_a_replay_that_asks_for_more_than_was_recorded_says_so(bench):
    first, _ = record(bench, TROUBLED, search={**SHAPE["search"], "patience": 1})
    assert first.reason == "1 round brought no gain"
    with pytest.raises(
        RunFailed, match=r"round 3 navigator: run r1 has no such call; it ended with: 1 round brou"
    ):
        replay(bench)
    with OpenAIServer(ROUND_3) as server:
        flags = {"server": {"base_url": server.base_url}}
        assert replay(bench, "replay:r1,openai:m", **flags).run.state == "finished"
        assert len(server.requests) == 4


@pytest.mark.parametrize("budget", [{"calls": 8}, {"tokens": 10_800}])
def test_a_spent_budget_ends_a_replay_where_it_ended_the_recorded_run(bench, budget):
    limits = {"trials": 6, **budget}
    first, _ = record(bench, TROUBLED, budget=limits)
    assert "trials" not in first.reason
    assert replay(bench, budget=limits).reason == first.reason
    assert calls(bench.db, "r2") == calls(bench.db, "r1")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"model": "replay:r7"}, "no run 'r7'"),
        ({"model": "replay:r1@missing.db"}, "no memory at .*missing.db"),
        ({"model": "replay:r1@broken.db"}, "broken.db"),
        ({"model": "replay:r1,openai:m", "server": {"base_url": "http://example.org/v1"}}, "unencrypted"),
        (
            {"space": "nats-size", "evaluator": "callable", "callable": {"command": "true"}},
            "space 'nas-bench-201' and this one 'nats-size'",
        ),
        ({"workflow": "collm-nas"}, "workflow 'navarch' and this one 'collm-nas'"),
        ({"obfuscate": 3}, "obfuscate None and this one 3.*without --obfuscate"),
    ],
)
def test_a_recording_that_cannot_be_replayed_is_refused_before_anything_starts(bench, flags, words):
    bench.run(budget={"trials": 1})
    (bench.folder / "broken.db").write_bytes(bench.db.read_bytes()[:5000])
    with pytest.raises(NavarchError, match=words):
        bench.run(**{"model": "replay:r1", **flags})
    with bench.memory() as memory:
        assert len(memory.runs()) == 1


def test_an_exported_run_replays_from_its_file_and_holds_no_key(troubled):
    with troubled.memory() as memory:
        memory.export_run("r1", troubled.folder / "run.db")
    other = troubled.folder / "elsewhere" / "new.db"
    replay(troubled, f"replay:r1@{troubled.folder / 'run.db'}", db=other)
    assert calls(other) == calls(troubled.db)
    with Memory.open(troubled.folder / "run.db", read_only=True) as memory:
        stored = [memory.text(digest) for (digest,) in memory._store.rows("SELECT digest FROM texts")]
        rows = [memory._store.rows(f"SELECT * FROM {table}") for table in ("runs", "calls", "proposals")]
    assert "my key is ***" in stored
    assert "canary" not in str(stored) + str(rows)


def test_the_cache_answers_an_equal_question_of_another_run_without_a_request(bench):
    script, cache = [*ROUND_1, *ROUND_3], {"server": {"cache": True}, "budget": {"trials": 4}}
    first, asked = record(bench, script, **cache)
    assert len(asked) == 8
    base = first.run.settings["server"]["base_url"]
    bench.run(model="openai:m", **SHAPE, **cache | {"server": {"cache": True, "base_url": base}})
    with bench.memory() as memory:
        rows, spent = memory.calls("r2"), memory.spent("r2")
        assert {row.model for row in rows} == {"cache:openai:m"}
        assert [row.reply for row in rows] == [row.reply for row in memory.calls("r1")]
        assert (spent.calls, spent.free_calls, spent.tokens - spent.free_tokens) == (8, 8, 0)
        assert [(one.questions, one.requests) for one in ladders(memory, "r2")] == [(8, 0)]
    _, asked = record(bench, script, **cache)  # another server, so another model of that name
    assert len(asked) == 8


def test_the_cache_is_off_unless_asked_for_and_keeps_no_bad_reply(bench):
    with OpenAIServer([Fault(text="no JSON"), *ROUND_1]) as server:
        flags = {"model": "openai:m", "budget": {"trials": 2}, **SHAPE}
        bench.run(**flags, server={"base_url": server.base_url})
        for script, is_cached, expected in ([*ROUND_1], False, 4), ([*ROUND_1], True, 0):
            server.script, before = [Fault(text=text) for text in script], len(server.requests)
            bench.run(**flags, server={"base_url": server.base_url, "cache": is_cached})
            assert len(server.requests) - before == expected
        with bench.memory() as memory:
            assert [row.state for row in memory.calls("r3")] == ["ok"] * 4
