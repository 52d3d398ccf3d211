"""A model server that has bad luck: of its answers many are faults, drawn at random from a seed; it keeps a log."""

import json
import random
from collections import Counter

from faulty_server import CASES
from openai_server import Fault, OpenAIServer

EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
OPTIONS = ("skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
DIRECTION = {"summary": "look around", "patterns": [], "guidance": [], "build_on": [], "explore": 0.5}

PASSING = tuple(name for name, case in CASES.items() if case.requests == 4)
FINAL = tuple(
    name
    for name, case in CASES.items()
    if case.kinds and case.requests == 1 and case.answer and not case.waits
)
UNUSABLE = (
    "",
    "I cannot help with that.",
    "<think>hm</think>",
    '{"answer": 42}',
    '{"proposals": [{"architec',
)
ODD_USAGE = (None, {}, {"prompt_tokens": -1, "completion_tokens": 10**12})
WRAPPINGS = ("```json\n{}\n```", "Here it is:\n{}\nGood luck!", "<think>maybe {{</think>{}")


class BadLuckServer(OpenAIServer):
    """Answers each role (the model's name is the role) well, badly, or not at all.

    `log` holds (role, what): "whole", "wrapped", "partly", "unusable", "passing" or "final". A final fault comes only
    once a role was answered: before that it would rightly stop the run.
    """

    def __init__(self, seed: int, luck: float = 0.45) -> None:
        super().__init__([Fault(act=lambda handler: handler.answer(self.draw()))])
        self.rng = random.Random(seed)
        self.luck = luck
        self.log: list[tuple[str, str]] = []

    def draw(self) -> Fault:
        role = self.requests[-1]["model"]
        what = self._choose(role)
        self.log.append((role, what))
        if what in ("passing", "final"):
            name = self.rng.choice(PASSING if what == "passing" else FINAL)
            make = CASES[name].answer
            assert make is not None
            return make(self, "")
        usage = {"prompt_tokens": 100, "completion_tokens": 20}
        if self.rng.random() < 0.2:
            usage = self.rng.choice(ODD_USAGE)
        return Fault(text=self._text(role, what), usage=usage)

    def _choose(self, role: str) -> str:
        if self.rng.random() < self.luck:
            return "whole"
        kinds = ["wrapped", "unusable", "unusable", "passing", "passing", "passing", "passing"]
        kinds += [] if role == "navigator" else ["partly"]
        is_answered = any(kind in ("whole", "wrapped", "partly") for asked, kind in self.log if asked == role)
        return self.rng.choice([*kinds, "final"] if is_answered else kinds)

    def _text(self, role: str, what: str) -> str:
        if what == "unusable":
            return self.rng.choice(UNUSABLE)
        text = json.dumps(self._reply(role, is_partly=what == "partly"))
        return self.rng.choice(WRAPPINGS).format(text) if what == "wrapped" else text

    def _reply(self, role: str, *, is_partly: bool) -> dict[str, object]:
        if role == "navigator":
            return DIRECTION
        if role == "critic":
            verdicts = [
                {"candidate": n, "decision": "accept", "score": self.rng.random(), "reason": "r"}
                for n in range(1, 9)
            ]
            return {"verdicts": verdicts + [{"candidate": 9, "score": 7}] * is_partly}
        if role == "distiller":
            lesson = {
                "statement": f"{self.rng.random()}",
                "dimension": None,
                "option": None,
                "effect": "helps",
            }
            lesson |= {"supports": [1], "contradicts": []}
            return {"lessons": [{"statement": ""}] * is_partly + [lesson], "retire": []}
        cells = [{edge: self.rng.choice(OPTIONS) for edge in EDGES} for _ in range(4)]
        proposals = [{"architecture": cell, "why": "a guess"} for cell in cells]
        return {"proposals": proposals + [{"architecture": 7}] * is_partly}

    def expected(self) -> dict[str, Counter[str]]:
        """Return what must be counted of each role's model, played through from the log by the documented rules."""
        return {role: played([what for asked, what in self.log if asked == role]) for role, _ in self.log}


def played(log: list[str]) -> Counter[str]:
    """Count how questions end: four attempts at what may pass, one at what will not, three replies, then the twin."""
    found: Counter[str] = Counter(requests=len(log))
    tries = bad = 0
    for what in log:
        tries += 1
        if what == "passing" and tries < 4:
            continue
        found["calls"] += 1
        found["errors"] += what in ("passing", "final")
        tries = 0
        if what == "unusable":
            bad += 1
            if bad < 3:
                continue
        is_lost = what in ("passing", "final", "unusable")
        at_first = "extracted" if what == "wrapped" else "at_once"
        found["twin" if is_lost else f"repaired_{bad}" if bad else at_first] += 1
        found["partly_valid"] += what == "partly"
        found["questions"] += 1
        bad = 0
    return found
