"""`navarch prompts compare`: runs whose Generator reads another prompt, compared by what its model made of it."""

import json
import random
import re
from pathlib import Path

import pytest

from navarch.agents.model import Completion
from navarch.graph import clients
from navarch.prompts.files import DEFAULT_FOLDER
from navarch.spaces import get_space

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = (
    "--space",
    EXAMPLES / "widgets.toml",
    "--evaluator",
    "table",
    "--set",
    f"table.path={EXAMPLES}/widgets.csv",
)


class Reader:
    """A Generator that the word CAREFULLY in its prompt makes better: it then breaks and repeats nothing."""

    name = "openai:m"

    def __init__(self):
        self.space = get_space(str(EXAMPLES / "widgets.toml"))
        self.draws = random.Random(5)

    def complete(self, messages, *, schema, sampling, **_):
        is_careful = "CAREFULLY" in messages[0].text
        if not is_careful and len(messages) == 2 and self.draws.random() < 0.5:
            return Completion("I cannot say", input_tokens=900, output_tokens=3)
        found = [dict(self.space.to_dict(self.space.sample(self.draws))) for _ in range(4)]
        if not is_careful:
            found[0]["front"] = "ears"
            found[1] = found[2]
        reply = {"proposals": [{"architecture": one, "why": ""} for one in found]}
        return Completion(json.dumps(reply), input_tokens=1000 if is_careful else 900, output_tokens=40)


@pytest.fixture
def search(cli, monkeypatch):
    """Run a search with the shipped prompt (r1, r3, ...) or with the careful one, and return its id."""
    reader = Reader()
    monkeypatch.setattr(clients, "make_client", lambda name, **_: None if name == "offline" else reader)
    folder = Path("careful")
    folder.mkdir()
    text = (DEFAULT_FOLDER / "generator.md").read_text()
    (folder / "generator.md").write_text(
        text.replace("You are the Generator", "CAREFULLY you are the Generator")
    )

    def run(*flags, seed=0, careful=False, model="openai:m"):
        own = ("--prompts", folder) if careful else ()
        small = (
            "--budget",
            4,
            "--set",
            "search.proposals=4",
            "--set",
            "search.trials_per_round=2",
            "--seed",
            seed,
        )
        ended = cli("run", *WIDGETS, *small, "--role", f"generator={model}", *own, *flags)
        assert ended.code == 0, ended.err
        return re.search(r"^(r\d+) finished", ended.out, re.MULTILINE)[1]

    return run


def rows(text):
    """Return the printed rows by their titles."""
    return {line.split("  ")[0]: line.split("  ", 1)[1] for line in text.splitlines() if "  " in line}


@pytest.mark.slow
def test_runs_are_compared_by_what_a_model_made_of_their_prompts(cli, search):
    plain = [search(seed=seed) for seed in range(3)]
    careful = [search(seed=seed, careful=True) for seed in range(3)]
    sides = (",".join(plain), ",".join(careful))
    found = json.loads(cli("prompts", "compare", *sides, "--json").out)
    (generator,) = found["prompts"]
    assert (generator["prompt"], generator["left"]["copied"]) == ("generator", 0)
    assert generator["left"]["versions"] != generator["right"]["versions"]
    figures = generator["figures"]
    for name, left, right in (
        ("valid without repair", (0.1, 0.9), (1, 1)),
        ("fallback", (0, 0), (0, 0)),
        ("invalid proposals", (0.25, 0.25), (0, 0)),
        ("input tokens a call", (900, 900), (1000, 1000)),
    ):
        assert left[0] <= figures[name]["left"]["mean"] <= left[1]
        assert right[0] <= figures[name]["right"]["mean"] <= right[1]
        assert figures[name]["difference"]["mean"] == pytest.approx(
            figures[name]["right"]["mean"] - figures[name]["left"]["mean"]
        )
    assert figures["duplicate proposals"]["left"]["mean"] >= 0.25
    for parts in figures.values():
        for part in parts.values():
            assert part["low"] is None or part["low"] <= part["mean"] + 1e-9 <= part["high"] + 2e-9
    assert figures["repaired"]["difference"]["mean"] < 0
    assert (found["search"]["pairs"], found["different"]) == (3, {})

    ended = cli("prompts", "compare", *sides, "--role", "generator")
    shown = rows(ended.out)
    assert re.fullmatch(
        r" *100\.0 \[\d\d\.\d, 100\.0\] .*",
        shown["valid without repair %"].split("]", 1)[1].rsplit("  ", 1)[0],
    )
    assert "differences of the search are paired by 3 seeds" in ended.out
    assert "questions are few, and tell little" in ended.out


def test_the_figures_are_those_that_the_memory_holds(cli, search):
    plain, careful = search(), search(careful=True)
    figures = json.loads(cli("prompts", "compare", plain, careful, "--json").out)["prompts"][0]["figures"]
    for run, part in ((plain, "left"), (careful, "right")):
        calls = json.loads(cli("trace", run, "--role", "generator", "--json").out)
        proposals = json.loads(cli("trace", run, "--proposals", "--json").out)
        own = [row for row in proposals if row["origin"] == "generator"]
        for status in ("invalid", "duplicate"):
            counted = sum(row["status"] == status for row in own) / len(own)
            assert figures[f"{status} proposals"][part]["mean"] == pytest.approx(counted)
        bad = sum(call["state"] == "bad-reply" for call in calls)
        questions = len({(call["round"], call["attempt"]) for call in calls})
        assert figures["repaired"][part]["mean"] == pytest.approx(bad / questions)
        tokens = sum(call["input_tokens"] + call["output_tokens"] for call in calls)
        new = sum(row["status"] not in ("invalid", "duplicate") for row in own)
        assert figures["tokens a new architecture"][part]["mean"] == pytest.approx(tokens / new)


def test_versions_are_named_as_the_trace_shows_them(cli, search):
    runs = [search(seed=1), search(seed=1, careful=True)]
    versions = []
    for run in runs:
        call = json.loads(cli("trace", run, "--role", "generator", "--json").out)[0]
        versions.append(f"generator@{call['prompt_digest'][:8]}")
    by_version = json.loads(cli("prompts", "compare", *versions, "--json").out)
    by_run = json.loads(cli("prompts", "compare", *runs, "--role", "generator", "--json").out)
    assert by_version["prompts"] == by_run["prompts"]
    assert by_version["search"] == by_run["search"]
    wrong = cli("prompts", "compare", versions[0], "generator@ffffffff")
    assert (wrong.code, versions[1] in wrong.err) == (2, True)
    elsewhere = cli("prompts", "compare", *versions, "--run", runs[0])
    assert (elsewhere.code, f"known are {versions[0]}" in elsewhere.err) == (2, True)


def test_a_prompt_that_is_edited_during_a_run_gives_two_versions_of_it(cli, search, monkeypatch):
    whole = Path("careful/generator.md").read_text()
    Path("careful/generator.md").write_text(whole.replace("CAREFULLY ", ""))
    asked = Reader.complete

    def edit(self, messages, **options):
        if "Round 1" in messages[1].text:
            Path("careful/generator.md").write_text(whole)
        return asked(self, messages, **options)

    monkeypatch.setattr(Reader, "complete", edit)
    run = search(careful=True)
    digests = dict.fromkeys(
        c["prompt_digest"] for c in json.loads(cli("trace", run, "--role", "generator", "--json").out)
    )
    assert len(digests) == 2
    sides = [f"generator@{digest[:8]}" for digest in digests]
    ended = cli("prompts", "compare", *sides, "--run", run)
    assert f"in {run} one version followed another, and later rounds gain less" in ended.out
    assert "best %" not in ended.out


def test_offline_roles_read_nothing_and_that_is_said(cli, search):
    first = search(model="offline")
    ended = cli("prompts", "compare", first, first)
    assert ended.code == 0
    assert f"{first}: no model was asked; offline roles read no prompt" in ended.out
    assert "not every run asked a model" in ended.out
    assert "valid without repair" not in ended.out


def test_what_differs_besides_the_prompt_is_named_and_a_copy_is_no_evidence(cli, search):
    plain = search()
    again = search("--set", "search.retries=1", model=f"replay:{plain},openai:m")
    ended = cli("prompts", "compare", plain, again)
    assert "not only the prompts differ: search.retries is 2 on the left and 1 on the right" in ended.out
    assert "generator is the same text on both sides" in ended.out
    assert re.search(rf"generator, {again}: \d+ replies are copies of an earlier run's", ended.out)
    shown = cli("show", again).out
    assert re.search(r"and \d+ calls of [\d,]+ tokens answered by earlier ones at no cost", shown)
    assert "tokens for each valid and new architecture, the earlier ones' included" in shown
    spent = json.loads(cli("show", again, "--json").out)["spent"]
    assert 0 < spent["free_tokens"] <= spent["tokens"]
    assert "earlier ones" not in cli("show", plain).out


def test_memories_of_a_folder_are_a_side(cli, search):
    for seed in range(2):
        search("--db", Path("plain") / f"seed-{seed}.db", seed=seed)
        search("--db", Path("own") / f"seed-{seed}.db", seed=seed, careful=True)
    found = json.loads(cli("prompts", "compare", "plain", "own", "--json").out)
    one = json.loads(cli("prompts", "compare", "r1@plain/seed-0.db,r1@plain/seed-1.db", "own", "--json").out)
    assert found["search"]["pairs"] == 2
    assert (found["prompts"], found["search"]) == (one["prompts"], one["search"])


def test_a_side_that_names_nothing_is_one_sentence(cli, search):
    search()
    Path("empty").mkdir()
    for arguments, said in (
        (("r7", "r1"), "no run 'r7'"),
        (("r1,,r1", "r1"), "write RUN, RUN,RUN"),
        (("r1@", "r1"), "write RUN, RUN,RUN"),
        (("", "r1"), "write RUN, RUN,RUN"),
        (("generator@", "r1"), "fits no version"),
        (("r1", "r1", "--role", "boss"), "unknown role 'boss'"),
        (("r1", "r1", "--run", "r1"), "--run goes with versions"),
        (("empty", "r1"), "holds no run"),
        (("r1@nowhere.db", "r1"), "nowhere.db"),
    ):
        ended = cli("prompts", "compare", *arguments)
        assert (ended.code, said in ended.err, len(ended.err.splitlines())) == (2, True, 1), arguments
