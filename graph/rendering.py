"""A stored round's prompt, rendered again with the prompt files as they are now: what an edit would have changed."""

from navarch import NavarchError
from navarch.agents.recall import Recall
from navarch.agents.roles import NAVIGATOR
from navarch.agents.views import View
from navarch.graph.assemble import make_recall, prepare
from navarch.graph.selection import candidates_of, wanted_of
from navarch.graph.settings import Settings, settings_of
from navarch.memory import Memory, RunRow
from navarch.prompts import PromptLibrary, Rendered


def render_again(memory: Memory, run: RunRow, role: str, round: int, library: PromptLibrary) -> Rendered:
    """Render the role's prompt with what it saw in that round.

    Raises: NavarchError if the run has no such role or round.
    """
    settings = settings_of(run)
    parts = prepare(settings)
    if role not in parts.workflow.roles:
        known = ", ".join(parts.workflow.roles) or "none"
        raise NavarchError(f"run {run.run_id!r} has no role {role!r}: the roles of its workflow are {known}")
    rounds = [row.round for row in memory.rounds(run.run_id)]
    if round not in rounds:
        raise NavarchError(f"run {run.run_id!r} has no round {round}: it has {len(rounds)}")
    view = _view(make_recall(settings, parts, memory, run.run_id), memory, run.run_id, settings, role, round)
    data = view.to_dict()
    if role == NAVIGATOR.name:
        data["first"] = round == 1
    return library.render(role, data)


def _view(recall: Recall, memory: Memory, run_id: str, settings: Settings, role: str, round: int) -> View:
    if role == "navigator":
        return recall.navigator(round)
    if role == "generator":
        return recall.generator(round, 0)
    if role == "distiller":
        return recall.distiller(round)
    candidates = candidates_of(memory.proposals(run_id, round=round))
    return recall.critic(round, candidates, wanted_of(memory, run_id, settings, round))
