"""A caller with a real memory, real prompts, a scripted model and twins that count their calls."""

import json
from pathlib import Path

from samples import sample_view
from scripted_model import ScriptedModel

from navarch.agents.caller import Caller
from navarch.agents.replies import Direction, Lessons, Proposal, Proposals, Verdicts
from navarch.agents.roles import GENERATOR, ROLES
from navarch.spaces import get_space

SPACE = get_space("nas-bench-201").json_schema()
REPLIES = Path(__file__).resolve().parent / "golden" / "replies"
GOOD = {role.name: (REPLIES / f"{role.name}-plain.txt").read_text() for role in ROLES}


class Twin:
    """A twin that counts its calls and shows its random state in its reply."""

    def __init__(self, role):
        self.role = role
        self.calls = 0

    def act(self, view, rng):
        self.calls += 1
        if self.role == "generator":
            return Proposals(proposals=[Proposal(architecture=f"{rng.randrange(10**6):06d}", why="twin")])
        reply = json.loads(GOOD[self.role])
        types = {"navigator": Direction, "critic": Verdicts, "distiller": Lessons}
        return types[self.role].model_validate_json(json.dumps(reply))


class Bench:
    """A caller with its parts in reach."""

    def __init__(self, memory, library, script=None, role=GENERATOR, *, model=None, **more):
        self.memory = memory
        self.model = model if script is None else ScriptedModel(script)
        self.twins = {r.name: Twin(r.name) for r in ROLES}
        self.caller = Caller(
            memory, library, clients={role.name: self.model}, twins=self.twins, space_schema=SPACE, **more
        )
        self.role = role
        self.view = lambda situation: sample_view(role.name, situation)

    def ask(self, situation="full", round=1, attempt=0, seed=0):
        return self.caller.ask(
            self.role, self.view(situation), run_id="r1", round=round, attempt=attempt, seed=seed
        )

    def rows(self):
        return [(row.turn, row.source, row.state) for row in self.memory.calls("r1", role=self.role.name)]


class Killed(BaseException):
    """Stands for SIGKILL at a fault point."""


def killer(name):
    def fault(point):
        if point == name:
            raise Killed

    return fault
