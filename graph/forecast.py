"""What a run would take, before it is started: calls, tokens, money and time, each from low to high.

The prompts are those of a rehearsed run, counted in characters. A tokenizer differs from model to model: English prose
has about 4.5 characters a token, codes and JSON as few as 2.5. A reply is at least what the offline twin wrote and at
most what the prompt's `max_tokens` allows, reasoning included. A pilot (a few real rounds) puts measurements in the
place of these. Not counted: the JSON schema, which some servers add to the prompt, and questions that a model is asked
again because its proposals were refused more often than the twin's.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from navarch.agents.question import DEFAULT_MAX_TOKENS
from navarch.graph.assemble import RunParts
from navarch.graph.estimates import Forecast, Measured, PromptForecast, Question, Rehearsal, Span, total
from navarch.graph.money import prices_of
from navarch.graph.pilot import play_pilot, question_of, role_of
from navarch.graph.rehearsal import rehearsed
from navarch.graph.rungs import epochs_spent
from navarch.graph.settings import Settings, settings_of
from navarch.graph.workflows import WORKFLOWS
from navarch.prompts import PromptLibrary

TOKENS_PER_MESSAGE = 4  # the marks that a chat template puts around a message
CHARS_PER_TOKEN = Span(2.5, 4.5)


def forecast(
    settings: Settings, parts: RunParts, *, slots: int, pilot: int = 0, epoch_seconds: Span | None = None
) -> Forecast:
    """Return what a run with these settings takes; `pilot` rounds are played for real, and thrown away.

    slots: trials that run at once. epoch_seconds: what is known of the time of a trial's epoch without a
    pilot.
    Raises: NavarchError, also for a model that the pilot cannot use.
    """
    measured: dict[str, Measured] = {}
    if pilot:
        measured, piloted = play_pilot(settings, parts, pilot)
        epoch_seconds = piloted or epoch_seconds
    played = rehearse(settings, settings.budget.trials)
    epochs = played.epochs + settings.confirm.trainings * parts.fidelity.epochs
    return Forecast(
        rounds=played.rounds,
        trials=played.trials,
        prompts=_by_prompt(played.asked, settings, parts.library, measured),
        prices=prices_of(settings),
        train_seconds=epoch_seconds and epoch_seconds.times(epochs, epochs),
        slots=slots,
    )


def forecast_round(settings: Settings, library: PromptLibrary, rehearsal: Rehearsal, round: int) -> Forecast:
    """Return what one round of a rehearsal takes by itself, its trials left out."""
    asked = [one for one in rehearsal.asked if one.round == round]
    return Forecast(1, 0, _by_prompt(asked, settings, library, {}), prices_of(settings), None, 1)


def rehearse(settings: Settings, trials: int) -> Rehearsal:
    """Return what models would be asked in a run of so many trials. Raises: NavarchError."""
    with rehearsed(settings, trials) as (memory, run_id):
        asked = [
            question_of(memory, row)
            for row in memory.calls(run_id)
            if settings.model_of(role_of(row)) != "offline"
        ]
        epochs = epochs_spent(memory.trials(run_id), settings_of(memory.get_run(run_id)))
        return Rehearsal(tuple(asked), len(memory.rounds(run_id)), memory.count_finished(run_id), epochs)


def rehearse_workflows(settings: Settings, trials: int) -> Iterator[tuple[Settings, Rehearsal]]:
    """Yield the rehearsal of each workflow that calls models, with the settings it was made with.

    Raises: NavarchError.
    """
    for workflow in WORKFLOWS:
        if workflow.roles:
            one = settings.model_copy(update={"workflow": workflow.name, "without": (), "roles": {}})
            yield one, rehearse(one, trials)


def longest_prompts(settings: Settings, library: PromptLibrary) -> dict[str, PromptForecast]:
    """Return the forecast of every prompt of a role, from the workflow in which its longest request is the longest.

    Every workflow is rehearsed for `budget.trials` trials as if its roles were models. Raises: NavarchError.
    """
    found: dict[str, PromptForecast] = {}
    asked = settings.model_copy(update={"model": "openai:any"})
    for one, rehearsal in rehearse_workflows(asked, settings.budget.trials):
        for prompt in _by_prompt(rehearsal.asked, one, library, {}):
            known = found.get(prompt.prompt)
            if known is None or known.longest.low < prompt.longest.low:
                found[prompt.prompt] = prompt
    return found


def _by_prompt(
    asked: Sequence[Question], settings: Settings, library: PromptLibrary, measured: Mapping[str, Measured]
) -> tuple[PromptForecast, ...]:
    grouped: dict[str, list[Question]] = {}
    for one in asked:
        grouped.setdefault(one.prompt, []).append(one)
    return tuple(
        _forecast_prompt(name, same, settings, library, measured.get(name)) for name, same in grouped.items()
    )


def _forecast_prompt(
    name: str,
    asked: Sequence[Question],
    settings: Settings,
    library: PromptLibrary,
    measured: Measured | None,
) -> PromptForecast:
    rate = measured.chars_per_token if measured else None
    per_token, marks = (CHARS_PER_TOKEN, TOKENS_PER_MESSAGE) if rate is None else (rate, 0)
    turns = measured.turns if measured else 1.0
    cap = library.get(name).sampling.max_tokens or DEFAULT_MAX_TOKENS

    def sent(one: Question) -> Span:
        extra = one.messages * marks
        return Span(one.chars / per_token.high + extra, one.chars / per_token.low + extra)

    def replied(one: Question) -> Span:
        known = measured.output_tokens if measured else None
        return known or Span(min(cap, one.reply_chars / per_token.high), cap)

    longest = max(asked, key=lambda one: one.chars)
    return PromptForecast(
        prompt=name,
        model=settings.model_of(longest.role),
        calls=Span(len(asked), math.ceil(len(asked) * turns)),
        input_tokens=total(map(sent, asked)).times(1, turns),
        output_tokens=total(map(replied, asked)).times(1, turns),
        longest=sent(longest),
        max_tokens=cap,
        seconds=measured.seconds.times(len(asked), len(asked) * turns) if measured else None,
    )
