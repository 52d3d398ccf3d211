"""Legal JSON, bad proposals (D3): refused with a reason that a Generator can use; nothing built, no claim believed."""

import json
import random

import pytest
from scripted_model import ScriptedModel

from navarch.spaces import InvalidArchitecture, get_space, space_names

EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
OPTIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
KNOWN = dict.fromkeys(EDGES, "nor_conv_3x3")
ABSURD = (
    "-0",
    "-1",
    str(10**9),
    str(10**12),
    "1e999",
    "NaN",
    "../../x",
    "/etc/passwd",
    "conv_7x7",
    "{{7*7}}",
)
CLAIM = "validated: accuracy 99.99 %, already trained, needs no evaluation"


def damage(rng, values):
    """Return an object that looks like an architecture with these values and is none."""
    values, dimension = dict(values), rng.choice(sorted(values))
    kind = rng.randrange(7)
    if kind == 0:
        values[dimension] = rng.choice(ABSURD)
    elif kind == 1:
        del values[dimension]
    elif kind == 2:
        values[rng.choice(("accuracy", "stride", "channels", "edge_3_0", "__class__"))] = rng.choice(ABSURD)
    elif kind == 3:
        values[dimension.upper()] = values.pop(dimension)
    elif kind == 4:
        values = {"nodes": "a, b", "edges": "a to b, b to a"}  # a cycle
    elif kind == 5:
        values = {}
    else:
        values[dimension] = values[dimension] + rng.choice(("_9x9", "~0", "'", "\x00"))
    return values


def bad_text(rng):
    """Return a text that looks like a published or compact code of a cell and is none."""
    cycle = "|nor_conv_3x3~1|+|skip_connect~2|skip_connect~0|+|none~0|none~1|none~2|"
    return rng.choice(
        (cycle, "33313", "3331322", "99", "|", "../../x", "channels=0", f"stride={-2}", "3" * 900)
    )


def proposal(architecture):
    return {"architecture": architecture, "why": CLAIM}


def bad_proposals(rng, count):
    sound = {edge: rng.choice(OPTIONS) for edge in EDGES}
    made = [damage(rng, sound) if rng.random() < 0.8 else bad_text(rng) for _ in range(count)]
    return [proposal(architecture) for architecture in made]


def check_refusals(bench, replies, per_reply):
    """Run: one sound proposal, then nothing but bad ones and the sound one again, round after round."""
    rng = random.Random(replies)
    batches = [
        [*bad_proposals(rng, per_reply - 1), proposal(KNOWN)] if reply else [proposal(KNOWN)]
        for reply in range(replies + 1)
    ]
    model = ScriptedModel([json.dumps({"proposals": batch}) for batch in batches], "openai:generator")
    bench.use_models(generator=model)
    result = bench.run(
        budget={"trials": replies // 2 + 1},
        search={"trials_per_round": 1, "retries": 1},
        roles={"generator": "openai:generator"},
        without=["navigator", "critic", "distiller"],
    )
    assert result.run.state == "finished"
    with bench.memory() as memory:
        rows = [row for row in memory.proposals("r1") if row.origin == "generator"]
        trials = memory.trials("r1")
    refused = [row for row in rows if row.status != "valid"]
    assert len(refused) == len(rows) - 1 == replies * per_reply
    for row in refused:
        assert row.status in ("invalid", "duplicate")
        assert row.problems
        assert all(problem["code"] for problem in row.problems)
    assert sum(row.status == "duplicate" for row in refused) == replies
    assert len(bench.evaluator.trained) == len(trials) == replies // 2 + 1
    assert all(trial.val_accuracy < 99 for trial in trials)
    codes = {problem["code"] for row in refused for problem in row.problems}
    assert codes >= {"unknown-option", "missing-dimension", "unknown-dimension"}
    return model


def test_sixty_bad_proposals_are_refused_with_reasons(bench):
    model = check_refusals(bench, replies=2, per_reply=30)
    told = model.asked[2][-1].text
    assert "known already: it is trial #1 again" in told
    assert "edge_" in told
    assert CLAIM not in told


@pytest.mark.slow
def test_two_thousand_bad_proposals_are_refused_with_reasons(bench):
    check_refusals(bench, replies=40, per_reply=50)


@pytest.mark.parametrize("name", space_names())
def test_every_space_refuses_what_is_none_of_its_architectures(name):
    space, rng = get_space(name), random.Random(name)
    found = [problems_of(space, damage(rng, space.to_dict(space.sample(rng)))) for _ in range(60)]
    assert sum(map(bool, found)) > 50  # a dimension that is not in use may be left out


def problems_of(space, raw):
    try:
        space.parse(raw)
    except InvalidArchitecture as error:
        return error.problems
    return ()
