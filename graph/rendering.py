"""A stored round's prompt, rendered again with the prompt files as they are now: what an edit would have changed."""

from navarch import NavarchError
from navarch.agents.recall import Recall
from navarch.agents.roles import NAVIGATOR
from navarch.agents.views import View
from navarch.graph.assemble import make_recall, prepare
from navarch.graph.settings import Settings
from navarch.memory import Memory, ProposalRow, RunRow
from navarch.prompts import PromptLibrary, Rendered


def render_again(memory: Memory, run: RunRow, role: str, round: int, library: PromptLibrary) -> Rendered:
    """Render the role's prompt with what it saw in that round. Raises: NavarchError if the run has no such round."""
    if memory.get_round(run.run_id, round) is None:
        known = len(memory.rounds(run.run_id))
        raise NavarchError(
            f"run {run.run_id!r} has no round {round}: it has {known} (see `navarch show {run.run_id}`)"
        )
    settings = Settings(**run.settings)
    recall = make_recall(settings, prepare(settings), memory, run.run_id)
    view = _view(recall, memory, run.run_id, role, round)
    data = view.to_dict()
    if role == NAVIGATOR.name:
        data["first"] = round == 1
    return library.render(role, data)


def _view(recall: Recall, memory: Memory, run_id: str, role: str, round: int) -> View:
    if role == "navigator":
        return recall.navigator(round)
    if role == "generator":
        return recall.generator(round, 0)
    if role == "critic":
        return recall.critic(round, _candidates(memory.proposals(run_id, round=round)))
    if role == "distiller":
        return recall.distiller(round)
    raise NavarchError(f"prompt {role!r} belongs to no role: use navigator, generator, critic or distiller")


def _candidates(rows: list[ProposalRow]) -> list[ProposalRow]:
    kept = [row for row in rows if row.status in ("valid", "selected", "unselected", "vetoed")]
    return sorted(kept, key=lambda row: (row.attempt, row.position))
