"""How nodes put a question to a role: one call of the one path, told to whoever watches."""

from typing import TypeVar

from navarch.agents.caller import Answer
from navarch.agents.replies import Reply
from navarch.agents.roles import Role
from navarch.agents.views import View
from navarch.graph.context import RunContext
from navarch.graph.stopping import BudgetSpent, StopRun
from navarch.memory import BudgetExhausted

R = TypeVar("R", bound=Reply)


def ask_in_round(ctx: RunContext, role: Role[R], view: View, *, round: int, attempt: int) -> Answer[R] | None:
    """Return the same; None where no budget is left to ask again: the round goes on with what was proposed before."""
    try:
        return ask(ctx, role, view, round=round, attempt=attempt)
    except BudgetSpent:
        if attempt == 0:
            raise
        return None


def ask(ctx: RunContext, role: Role[R], view: View, *, round: int, attempt: int = 0) -> Answer[R]:
    """Return the role's answer to the view; the same question asked again returns what is stored.

    Raises: BudgetSpent when the budget has no room for another call; StopRun when somebody asked to stop.
    """
    ctx.leave_if_asked()
    ctx.stop.in_call = True
    try:
        answer = ctx.caller.ask(
            role, view, run_id=ctx.run_id, round=round, attempt=attempt, seed=ctx.settings.seed
        )
    except BudgetExhausted as error:
        raise BudgetSpent(str(error)) from None
    except KeyboardInterrupt:
        raise StopRun("interrupted", signal=ctx.stop.signal) from None
    finally:
        ctx.stop.in_call = False
    ctx.progress.answered(round, role.name, answer)
    if answer.source == "fallback":
        why = ctx.memory.reply_sources(ctx.run_id).last_error or "no usable reply"
        ctx.progress.noted(f"the {role.name}'s model was replaced by its offline twin: {why}")
    return answer
