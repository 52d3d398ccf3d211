"""`navarch models check`: what a model of a server can do, and what a round would cost with it."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch.cli.echo import echo, echo_columns, echo_json, one_line
from navarch.cli.estimates import about, about_money, facts_of
from navarch.cli.options import AsJson, Prompts
from navarch.cli.run_options import Assignments, BaseUrl, read_settings

if TYPE_CHECKING:
    from navarch.agents.endpoint_check import Checked, Tried
    from navarch.graph.estimates import Forecast
    from navarch.graph.settings import Settings
    from navarch.prompts import PromptLibrary

REHEARSED = 20  # trials: enough for a last round whose prompts have grown
SAID = {"json_schema": "a JSON schema", "json_object": "JSON of any form", "none": "plain text"}


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(no_args_is_help=True, help="Try out models of OpenAI-compatible servers.")
    group.callback()(models)
    group.command(epilog="Example: navarch models check qwen3 --base-url http://127.0.0.1:8000/v1")(check)
    app.add_typer(group, name="models")


def models() -> None:
    """Try out models of OpenAI-compatible servers."""


def check(
    name: Annotated[str, typer.Argument(help="The model as the server knows it.", show_default=False)],
    base_url: BaseUrl = None,
    prompts: Prompts = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Check what a model can do.

    Sends a handful of tiny requests (the prompt `check`), remembers how replies are best asked for, and estimates
    what one round of each workflow takes. Server, prices, space and task come from the settings.
    """
    from navarch.agents.endpoint_check import check_model
    from navarch.agents.redaction import read_api_key
    from navarch.prompts import PromptLibrary

    name = name.removeprefix("openai:")
    settings = read_settings(
        None,
        {"model": f"openai:{name}", "prompts": prompts},
        base_url=base_url,
        assignments=assignments,
        is_one_run=False,  # it looks at a round of every workflow
    )
    library = PromptLibrary(option=settings.prompts)
    found = check_model(
        name,
        library.render("check", {}),
        base_url=settings.server.base_url,
        api_key=read_api_key(os.environ),
        timeout_s=settings.server.timeout_s,
    )
    rounds = _rounds(settings, found, library)
    if as_json:
        echo_json({**_facts(found), "rounds": [_round_facts(*row) for row in rounds]})
        return
    _show(found)
    _show_rounds(settings, found, rounds)


def _rounds(
    settings: "Settings", found: "Checked", library: "PromptLibrary"
) -> "list[tuple[str, Forecast, Forecast]]":
    """Return the first and the last round of each workflow that calls models."""
    from navarch.graph.forecast import forecast_round, rehearse_workflows

    server = settings.server
    if server.price_input is None and server.price_output is None and found.prices is not None:
        stated = {"price_input": found.prices[0], "price_output": found.prices[1]}
        settings = settings.model_copy(update={"server": server.model_copy(update=stated)})
    rows = []
    for one, rehearsal in rehearse_workflows(settings, REHEARSED):
        first, last = (
            forecast_round(one, library, rehearsal, pick(asked.round for asked in rehearsal.asked))
            for pick in (min, max)
        )
        rows.append((one.workflow, first, last))
    return rows


def _show(found: "Checked") -> None:
    count = "none" if found.models is None else found.models
    echo(f"server       {found.host} answers; models that it lists: {count}")
    is_absent = found.offered is None and found.models is not None
    echo(f"model        {found.model} answers{', though it is not listed' if is_absent else ''}")
    echo(f"context      {_context(found)}")
    for one in found.tried:
        echo(f"asked for    {SAID[one.format]}: {_verdict(one)}")
    echo(f"replies      will be asked for as {SAID[found.format]}; this is remembered")
    echo(f"temperature  {'taken' if found.sends_temperature else 'refused: it is left out'}")
    reported = (
        "reported" if found.reports_usage else "not reported: a call counts as what was reserved for it"
    )
    echo(f"usage        {reported}")
    echo(f"reasoning    {found.reasoning}")
    echo(f"speed        {found.seconds:.2f} s a call; {found.requests} completions were requested")
    if found.prices is not None:
        into, out = found.prices
        echo(f"prices       {into:g} in and {out:g} out for a million tokens, says the server")


def _verdict(one: "Tried") -> str:
    if not one.is_accepted:
        return f"refused ({one_line(one.refusal, 120)})"
    return "the reply has that form" if one.is_kept else "taken, but the reply does not have that form"


def _context(found: "Checked") -> str:
    if found.offered is None or found.offered.context is None:
        return "unknown"
    bound = " (of the model; the server may allow less)" if found.offered.is_of_model else ""
    return f"{found.offered.context:,} tokens{bound}"


def _show_rounds(
    settings: "Settings", found: "Checked", rounds: "list[tuple[str, Forecast, Forecast]]"
) -> None:
    echo()
    echo(f"one round in space {settings.space}, the first and the last of {REHEARSED} trials, estimated:")
    rows = []
    for workflow, first, last in rounds:
        for which, one in (("first", first), ("last", last)):
            money = "-" if one.money is None else about_money(one.money)
            row = [
                workflow,
                which,
                about(one.calls),
                about(one.input_tokens),
                about(one.output_tokens),
                money,
            ]
            rows.append(row)
    echo_columns(("workflow", "round", "calls", "tokens in", "tokens out", "money"), rows)
    if all(last.money is None for _, _, last in rounds):
        echo("for money set server.price_input and server.price_output, per million tokens")
    context = found.offered.context if found.offered else None
    for workflow, _, last in rounds:
        longest = max(last.prompts, key=lambda prompt: prompt.longest.low + prompt.max_tokens)
        if context is not None and longest.longest.low + longest.max_tokens > context:
            echo(
                f"{workflow} may not fit: its prompt {longest.prompt} has about {about(longest.longest)} tokens, "
                f"a reply up to {longest.max_tokens:,}, and the context {context:,}"
            )


def _facts(found: "Checked") -> dict[str, Any]:
    offered = found.offered
    return {
        "server": found.host,
        "model": found.model,
        "models": found.models,
        "is_listed": offered is not None,
        "context": offered.context if offered else None,
        "formats": {one.format: {"accepted": one.is_accepted, "kept": one.is_kept} for one in found.tried},
        "format": found.format,
        "sends_temperature": found.sends_temperature,
        "reports_usage": found.reports_usage,
        "reasoning": found.reasoning,
        "seconds": found.seconds,
        "requests": found.requests,
        "prices": found.prices,
    }


def _round_facts(workflow: str, first: "Forecast", last: "Forecast") -> dict[str, Any]:
    return {"workflow": workflow, "first": facts_of(first), "last": facts_of(last)}
