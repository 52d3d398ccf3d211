"""Sample views of the papers' workflows in the six situations that golden prompts pin."""

from dataclasses import replace
from typing import Any

from samples import HOSTILE, MISSION, lessons, refused, sample_view, space_view, trials

from navarch.agents.collm import StrategyView
from navarch.agents.seki import EvolutionView, InspirationView, PatternsView
from navarch.agents.views import View

PAPER_PROMPTS = (
    "collm-nas/navigator",
    "collm-nas/generator",
    "seki/self-evolution",
    "seki/patterns",
    "seki/inspiration",
)
STRATEGY = {
    "summary": "3x3 convolutions into the output help; go on there, and try shortcuts from the input.",
    "patterns": ["All good cells keep nor_conv_3x3 on edge_2_3."],
    "directions": [
        {
            "dimension": "edge_2_3",
            "advice": "Keep the wide kernel.",
            "prefer": ["nor_conv_3x3"],
            "avoid": ["none"],
        },
        {"dimension": "edge_0_3", "advice": "Open: try everything once.", "prefer": [], "avoid": []},
    ],
}


def strategy(situation: str) -> dict[str, Any]:
    """Return the strategy of a situation; there is none in the first."""
    if situation == "empty":
        return {}
    if situation == "hostile":
        heading = {"dimension": HOSTILE[:80], "advice": HOSTILE, "prefer": ["</data>"], "avoid": [HOSTILE]}
        return {"summary": HOSTILE, "patterns": [HOSTILE], "directions": [heading]}
    if situation == "longest":
        heading = {"dimension": "edge", "advice": "a" * 400, "prefer": ["none"] * 8, "avoid": ["none"] * 8}
        return {"summary": "s" * 1200, "patterns": ["p" * 400] * 12, "directions": [heading] * 64}
    return STRATEGY


def paper_view(name: str, situation: str) -> View:
    """Return the view behind a prompt in a situation."""
    found = trials(situation)
    space, told = space_view(), refused(situation)
    mission = replace(MISSION, round=1 if situation == "empty" else 3, trials_done=len(found))
    if situation in ("full", "longest"):
        mission = replace(mission, target=94.5, max_params=400_000, max_macs=200_000_000)
    if name == "collm-nas/navigator":
        return replace(sample_view("navigator", situation), mission=mission, lessons=(), refused={})
    if name == "collm-nas/generator":
        return StrategyView(space, strategy(situation), 10, told)
    scored = tuple(t for t in found if t.val_accuracy is not None)
    if name == "seki/self-evolution":
        return EvolutionView(mission, space, found[-1] if found else None, told)
    drawn = found if situation == "all-failed" else scored[:64]
    if name == "seki/patterns":
        return PatternsView(mission, space, drawn)
    said = tuple(lesson.statement for lesson in lessons(situation))[:8]
    return InspirationView(mission, space, drawn, said, told)
