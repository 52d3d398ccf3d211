"""A stored round's prompt, rendered again with the prompt files as they are now: what an edit would have changed."""

from collections.abc import Callable, Mapping

from navarch import NavarchError
from navarch.agents import collm, seki
from navarch.agents.recall import Recall
from navarch.agents.views import View
from navarch.graph.ablation import turns_of
from navarch.graph.assemble import make_recall, prepare
from navarch.graph.seki import current_of, draw
from navarch.graph.selection import candidates_of, wanted_of
from navarch.graph.settings import Settings, settings_of
from navarch.memory import Memory, RunRow
from navarch.prompts import PromptLibrary, Rendered

Look = Callable[[Recall, Settings, int], View]
PAPERS: Mapping[str, Look] = {
    "collm-nas/navigator": lambda recall, settings, round: collm.navigator_view(recall, round),
    "collm-nas/generator": lambda recall, settings, round: collm.generator_view(
        recall, round, 0, settings.collm.proposals
    ),
    "seki/self-evolution": lambda recall, settings, round: seki.evolution_view(
        recall, round, 0, current_of(recall, settings, round)
    ),
    "seki/patterns": lambda recall, settings, round: seki.patterns_view(
        recall, round, draw(recall, settings, round)
    ),
    "seki/inspiration": lambda recall, settings, round: seki.inspiration_view(
        recall, round, 0, draw(recall, settings, round)
    ),
}


def render_again(memory: Memory, run: RunRow, name: str, round: int, library: PromptLibrary) -> Rendered:
    """Render a prompt with what its role saw in that round.

    Raises: NavarchError if the run's workflow has no such prompt, or the run no such round.
    """
    settings = settings_of(run)
    parts = prepare(settings)
    if name not in parts.workflow.prompts:
        known = ", ".join(parts.workflow.prompts) or "none"
        raise NavarchError(
            f"run {run.run_id!r} has no prompt {name!r}: the prompts of its workflow are {known}"
        )
    rounds = [row.round for row in memory.rounds(run.run_id)]
    if round not in rounds:
        raise NavarchError(f"run {run.run_id!r} has no round {round}: it has {len(rounds)}")
    view = _view(make_recall(settings, parts, memory, run.run_id), memory, run.run_id, settings, name, round)
    data = view.to_dict()
    if name == "collm-nas/navigator":
        data["first"] = round == 1 or turns_of(settings, "navigator") == 0
    return library.render(name, data)


def _view(recall: Recall, memory: Memory, run_id: str, settings: Settings, name: str, round: int) -> View:
    if name in PAPERS:
        return PAPERS[name](recall, settings, round)
    if name == "navigator":
        return recall.navigator(round)
    if name == "generator":
        return recall.generator(round, 0)
    if name == "distiller":
        return recall.distiller(round)
    candidates = candidates_of(memory.proposals(run_id, round=round))
    done = sum(row.new_trials for row in memory.rounds(run_id) if row.round < round)
    return recall.critic(round, candidates, wanted_of(memory, run_id, settings, round, done))
