"""The Distiller's node: turn the round's outcomes into a lesson, and retire lessons that no longer hold."""

from langgraph.runtime import Runtime

from navarch.agents.replies import Lessons
from navarch.agents.roles import DISTILLER
from navarch.graph.asking import ask
from navarch.graph.context import RunContext, context_of
from navarch.graph.state import RunState, Update, position_of
from navarch.graph.stopping import BudgetSpent
from navarch.memory import UnknownLessonError, UnknownTrialError


def distiller(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Ask the Distiller about this round; what it says of trials or lessons that do not exist is refused."""
    ctx = context_of(runtime)
    round = position_of(state).round
    try:
        answer = ask(ctx, DISTILLER, ctx.recall.distiller(round), round=round)
    except BudgetSpent:
        return ctx.done()  # the trials of the round are stored; only the lesson is lost
    with ctx.repeatable():
        notes = _keep(ctx, round, answer.reply)
    for note in notes:
        ctx.progress.noted(note)
    return ctx.done()


def _keep(ctx: RunContext, round: int, reply: Lessons) -> list[str]:
    """Store what the Distiller said; return what was refused, in words."""
    notes = []
    for lesson in reply.lessons:
        try:
            ctx.memory.add_lesson(ctx.run_id, round, **lesson.model_dump())
        except UnknownTrialError as error:
            notes.append(f"a lesson was refused: {error}")
    for number in reply.retire:
        try:
            ctx.memory.retire_lesson(ctx.run_id, number, round)
        except UnknownLessonError as error:
            notes.append(f"a lesson could not be retired: {error}")
    return notes
