"""What a model would be sent over a run: how much of it was sent before, and how much it is."""

from collections import defaultdict
from itertools import pairwise

import pytest
from texts import shared

from navarch.graph import load_settings
from navarch.graph.rehearsal import rehearsed

# A token of Qwen has 2.87 characters of the Navigator's longest prompts or more (benchmarks/tokens.py).
FEWEST_CHARS = 2.85


def played(workflow, trials):
    """Return (round, text) of every call of a rehearsed run, by prompt, in order."""
    asked = defaultdict(list)
    settings = load_settings(None, {"workflow": workflow, "model": "openai:any"})
    with rehearsed(settings, trials) as (memory, run_id):
        for call in memory.calls(run_id):
            text = "\n".join(text for _, text in memory.rendered(call))
            asked[call.prompt].append((call.round, text))
    return asked


@pytest.mark.parametrize(
    ("workflow", "trials"),
    [
        ("seki", 16),
        pytest.param("collm-nas", 100, marks=pytest.mark.slow),
        pytest.param("navarch", 100, marks=pytest.mark.slow),
    ],
)
def test_most_of_what_a_model_is_sent_it_was_sent_before(workflow, trials):
    same = total = 0
    for prompt, asked in played(workflow, trials).items():
        texts = [text for _, text in asked]
        kept = [shared(last, now) for last, now in pairwise(texts)]
        assert sum(kept) > 0.65 * sum(map(len, texts[1:])), prompt
        same += sum(kept)
        total += sum(map(len, texts))
    assert same > 0.7 * total


@pytest.mark.slow
def test_no_role_of_collm_nas_is_sent_2500_tokens_by_round_20():
    asked = played("collm-nas", 200)
    assert max(round for rounds in asked.values() for round, _ in rounds) >= 20
    for prompt, rounds in asked.items():
        assert max(len(text) for round, text in rounds if round <= 20) < 2_500 * FEWEST_CHARS, prompt
