"""`navarch trace`: every call of a run, with prompt, reply, repairs and cost."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import ROLES, AsJson, Db, LatestRun, db_path, read_memory
from navarch.cli.wording import because
from navarch.graph.counting import counted
from navarch.graph.paths import db_flag

if TYPE_CHECKING:
    from navarch.memory import CallRow, Memory, ProposalRow


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch trace latest --role generator --round 2 --full")(trace)


def trace(
    name: LatestRun = "latest",
    role: Annotated[str | None, typer.Option(help=f"One of {', '.join(ROLES)}.", show_default=False)] = None,
    round: Annotated[int | None, typer.Option(help="Only this round.", show_default=False)] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only calls that failed or fell back.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Print every prompt and reply.")] = False,
    proposals: Annotated[
        bool, typer.Option("--proposals", help="Show what became of each proposal, and why.")
    ] = False,
    db: Db = None,
    as_json: AsJson = False,
) -> None:
    """Show the calls of a run, or its proposals.

    Every prompt, reply, repair and cost; or what became of each proposal, and why.
    """
    if role is not None and role not in ROLES:
        raise NavarchError(f"unknown role {role!r}: use one of {', '.join(ROLES)}")
    if proposals and (role is not None or failed or full):
        raise NavarchError(
            "--proposals shows proposals, not calls: of the other options it takes --round and --json"
        )
    where = db_flag(db_path(db))
    with read_memory(db) as memory:
        run = memory.get_run(name)
        if round is not None and round not in [row.round for row in memory.rounds(run.run_id)]:
            raise NavarchError(
                f"run {run.run_id!r} has no round {round}: see `navarch show {run.run_id}{where}`"
            )
        if proposals:
            _show_proposals(memory.proposals(run.run_id, round=round), as_json)
            return
        calls = memory.calls(run.run_id, role=role, round=round, failed=failed)
        if as_json:
            echo_json([_facts(memory, call) for call in calls])
        elif not calls:
            made = len(memory.calls(run.run_id))
            echo(f"no such calls; run {run.run_id} made {counted(made, 'call') if made else 'none'} in all")
        elif full:
            for call in calls:
                _show_call(_facts(memory, call))
        else:
            _show_list(memory, calls)
            echo(
                f"{counted(len(calls), 'call')}; every prompt and reply: navarch trace {run.run_id}{where} --full"
            )


def _show_proposals(rows: "list[ProposalRow]", as_json: bool) -> None:
    facts = [
        {
            "round": row.round,
            "attempt": row.attempt,
            "code": row.code,
            "raw": row.raw,
            "origin": row.origin,
            "status": row.status,
            "because": because(row),
            "why": row.why,
            "call": row.call_id,
        }
        for row in rows
    ]
    if as_json:
        echo_json(facts)
        return
    headings = ("round", "attempt", "code", "origin", "status", "because", "why")
    echo_columns(headings, [[row[heading] for heading in headings] for row in facts])


def _show_list(memory: "Memory", calls: "list[CallRow]") -> None:
    headings = (
        "call",
        "model",
        "source",
        "state",
        "prompt",
        "tokens in",
        "cached",
        "out",
        "seconds",
        "reply or error",
    )
    rows = []
    for call in calls:
        text = call.error or (memory.text(call.reply) if call.reply else "")
        prompt = f"{call.prompt}@{call.prompt_digest[:8]}"
        label = f"round {call.round} {call.role}" + (f" retry {call.attempt}" if call.attempt else "")
        label += " fallback" if call.source == "fallback" else f" repair {call.turn}" if call.turn else ""
        tokens = (call.input_tokens, call.cached_tokens, call.output_tokens)
        rows.append([label, call.model, call.source, call.state, prompt, *tokens, call.latency_s, text])
    echo_columns(headings, rows)


def _show_call(facts: dict[str, Any]) -> None:
    echo(f"=== {facts['call']}  {facts['model']} [{facts['source']}]  {facts['state']}")
    echo(f"prompt file {facts['prompt']} version {facts['prompt_version']!r} ({facts['prompt_digest'][:12]})")
    for message in facts["messages"]:
        echo(f"--- {message['role']}")
        echo(message["text"])
    for part in ("reasoning", "reply", "error"):
        if facts[part]:
            echo(f"--- {part}")
            echo(facts[part])
    echo()


def _facts(memory: "Memory", call: "CallRow") -> dict[str, Any]:
    return {
        "call": call.call_id,
        "round": call.round,
        "role": call.role,
        "attempt": call.attempt,
        "turn": call.turn,
        "model": call.model,
        "source": call.source,
        "state": call.state,
        "prompt": call.prompt,
        "prompt_digest": call.prompt_digest,
        "prompt_version": call.prompt_version,
        "messages": [{"role": role, "text": memory.text(digest)} for role, digest in call.messages],
        "reply": memory.text(call.reply) if call.reply else None,
        "reasoning": memory.text(call.reasoning) if call.reasoning else None,
        "parsed": call.parsed,
        "error": call.error,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cached_tokens": call.cached_tokens,
        "tries": call.tries,
        "seconds": call.latency_s,
        "started_at": call.started_at,
    }
