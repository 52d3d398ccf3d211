"""The Distiller's node: turn the round's outcomes into a lesson, and retire lessons that no longer hold."""

from langgraph.runtime import Runtime

from navarch import NavarchError
from navarch.agents.roles import DISTILLER
from navarch.graph.asking import ask
from navarch.graph.context import RunContext, context_of
from navarch.graph.state import RunState, Update


def distiller(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Ask the Distiller about this round; a lesson that cites trials which do not exist is refused and said so."""
    ctx = context_of(runtime)
    round = state["round"]
    reply = ask(ctx, DISTILLER, ctx.recall.distiller(round), round=round)
    for lesson in reply.lessons:
        try:
            ctx.memory.add_lesson(ctx.run_id, round, **lesson.model_dump())
        except NavarchError as error:
            ctx.progress.noted(f"a lesson was refused: {error}")
    for number in reply.retire:
        ctx.memory.retire_lesson(ctx.run_id, number, round)
    return {}
