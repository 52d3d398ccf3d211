"""The sentences of the offline twins."""

import pytest

CASES = [
    (
        "direction",
        {"trials": 0, "best_code": None, "best_accuracy": None, "explore": 1.0, "stagnation": 0},
        "Nothing is measured yet: start with a varied sample of the space.",
    ),
    (
        "direction",
        {"trials": 3, "best_code": None, "best_accuracy": None, "explore": 1.0, "stagnation": 0},
        "No accuracy is known of the 3 trials so far: try a varied sample of the space.",
    ),
    (
        "direction",
        {"trials": 12, "best_code": "333132", "best_accuracy": 91.256, "explore": 0.35, "stagnation": 2},
        "After 12 trials the best is 333132 with 91.26 %. No gain for 2 rounds. "
        "Spend 35 % of the next proposals on new ground and the rest on variations of the best trials.",
    ),
    (
        "pattern",
        {"dimension": "edge_0_1", "option": "none", "effect": "hurts", "difference": -2.5, "support": 1},
        "none in edge_0_1 hurts: -2.50 points on average over 1 trial.",
    ),
    (
        "lesson",
        {
            "dimension": "edge_0_1",
            "option": "none",
            "effect": "unclear",
            "difference": 0.1,
            "with_n": 3,
            "without_n": 9,
        },
        "none in edge_0_1 has an unclear effect: +0.10 points, 3 trials with it against 9 without it.",
    ),
    (
        "verdict",
        {"decision": "accept", "estimate": None, "uncertainty": None, "best": None, "least_known": False},
        "Accepted: no estimate yet.",
    ),
    (
        "verdict",
        {"decision": "veto", "estimate": 60.0, "uncertainty": 1.5, "best": 91.0, "least_known": False},
        "Vetoed: estimated 60.00 ± 1.50 % where the best has 91.00 %.",
    ),
    (
        "verdict",
        {"decision": "accept", "estimate": 60.0, "uncertainty": 1.5, "best": 91.0, "least_known": True},
        "Accepted: estimated 60.00 ± 1.50 % where the best has 91.00 %; "
        "no candidate is expected to gain, and of this one least is known.",
    ),
    ("why", {"kind": "mutation", "parents": [3], "edits": 1}, "1 change to #3."),
    ("why", {"kind": "crossover", "parents": [3, 4], "edits": 0}, "A cross of #3 and #4."),
    ("why", {"kind": "sample", "parents": [], "edits": 0}, "New ground, drawn by the weight of the options."),
    (
        "why",
        {"kind": "anywhere", "parents": [], "edits": 0},
        "Drawn anywhere in the space: nothing near the best is expected to gain.",
    ),
    ("why", {"kind": "fill", "parents": [], "edits": 0}, "Unlike everything measured so far."),
    (
        "strategy",
        {"trials": 0, "best_code": None, "best_accuracy": None},
        "Nothing is measured yet: start with a varied sample of the space.",
    ),
    (
        "strategy",
        {"trials": 1, "best_code": None, "best_accuracy": None},
        "1 trial brought no result that counts: try a varied sample of the space.",
    ),
    (
        "strategy",
        {"trials": 9, "best_code": "333132", "best_accuracy": 91.256},
        "After 9 trials the best is 333132 with 91.26 %: go where the directions point, and leave open what they "
        "leave open.",
    ),
    (
        "heading",
        {"dimension": "wall", "prefer": ["oak", "ash"], "avoid": ["beech"]},
        "In wall prefer oak, then ash; avoid beech.",
    ),
    ("heading", {"dimension": "wall", "prefer": [], "avoid": ["beech"]}, "In wall avoid beech."),
    ("heading", {"dimension": "wall", "prefer": [], "avoid": []}, "In wall anything may do."),
    ("change", {"dimension": "wall", "before": "oak", "after": "ash"}, "Change wall from oak to ash."),
    ("change", {"dimension": "wall", "before": None, "after": "ash"}, "Begin with ash in wall."),
    (
        "change",
        {"dimension": "wall", "before": "ash", "after": "ash"},
        "Keep ash in wall: no other change was found.",
    ),
    (
        "common",
        {"dimension": "wall", "option": "oak", "count": 4, "of": 5},
        "oak in wall: 4 of 5 good architectures have it.",
    ),
    (
        "common",
        {"dimension": None, "option": None, "count": 0, "of": 0},
        "There is nothing to compare yet.",
    ),
    ("why", {"kind": "other", "parents": [], "edits": 0}, 'Chosen by the rule "other".'),
]


@pytest.mark.parametrize(("name", "data", "text"), CASES)
def test_a_phrase_is_one_sentence_or_two(library, name, data, text):
    assert library.phrase(f"offline/{name}", data) == text


def test_a_phrase_is_cut_at_400_characters(library):
    data = {
        "dimension": "d" * 500,
        "option": "o",
        "effect": "helps",
        "difference": 1.0,
        "with_n": 1,
        "without_n": 1,
    }
    assert len(library.phrase("offline/lesson", data)) == 400


def test_a_project_may_reword_a_phrase(project):
    library = project({"offline/why": "{{ kind }}!\nfrom {{ parents | length }}"})
    assert library.phrase("offline/why", {"kind": "fill", "parents": [1], "edits": 0}) == "fill! from 1"
