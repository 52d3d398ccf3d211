"""The one path of every model call, offline twins included.

Render the prompt -> is this call settled already? then its reply -> reserve budget -> call -> parse -> at most two
repair turns that quote the exact error -> typed reply. Where a call fails the next spare model is asked. After a third
bad reply, or when no model is left, the offline twin answers, marked `fallback`. Every turn is a row of its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal

from navarch.agents.conversation import MAX_BAD_REPLIES, Conversation, Messages, compact
from navarch.agents.errors import COSTS_NOTHING, FATAL_KINDS, ModelError, ReplyError
from navarch.agents.model import Completion, ModelClient
from navarch.agents.parse import Parsed, parse_reply, split_reasoning
from navarch.agents.question import Question, requests_left, worst_case
from navarch.agents.redaction import Secret, redact
from navarch.agents.replay import Replay, is_same, outcome_of
from navarch.agents.roles import R, Role, Twin
from navarch.agents.schema import reply_schema, schema_digest
from navarch.agents.views import View
from navarch.memory import CACHED, Asked, CallLimit, CallRow, Memory
from navarch.prompts import PromptLibrary

AnswerSource = Literal["model", "offline", "fallback"]


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """A role's reply and where it came from. `dropped` names the items of it that were broken and left out."""

    reply: R
    call_id: str
    source: AnswerSource
    dropped: tuple[str, ...] = ()


class Caller:
    """Asks roles, through a model or offline, and stores every turn."""

    def __init__(
        self,
        memory: Memory,
        library: PromptLibrary,
        *,
        clients: Mapping[str, ModelClient | Replay | None],
        spares: Sequence[ModelClient] = (),
        twins: Mapping[str, Twin],
        space_schema: Mapping[str, Any],
        limit: CallLimit | None = None,
        cache: bool = False,
        secrets: Iterable[Secret] = (),
        fault: Callable[[str], None] = lambda name: None,
    ) -> None:
        """Take what calls need. `clients` go by role, `twins` by prompt; a role without a client is offline.

        `spares` are asked in their order where a role's own model cannot be called.
        cache: a question that another run asked the same model in the same words takes that answer.
        """
        self._memory = memory
        self._library = library
        self._conversation = Conversation(memory, library)
        self._clients = clients
        self._spares = tuple(spares)
        self._twins = twins
        self._space_schema = space_schema
        self._schemas: dict[str, tuple[dict[str, Any], str]] = {}  # and their digests
        self._limit = limit
        self._cache = cache
        self._secrets = tuple(secrets)
        self._fault = fault

    def ask(
        self, role: Role[R], view: View, *, run_id: str, round: int, attempt: int = 0, seed: int
    ) -> Answer[R]:
        """Return the role's reply to a view. A question that was answered before is not asked again.

        Raises: BudgetExhausted; PromptError; ModelError when the model cannot be used at all and never
        answered in this run, so that the run stops before anything is wasted; Diverged.
        """
        settled = self._settled(role, run_id, round, attempt)
        if settled and settled[-1].state == "ok":
            return _stored_answer(role, settled[-1])
        prompt, messages = self._conversation.open(role, view, run_id, round)
        request = Question(role, view, run_id, round, attempt, seed, prompt, messages)
        self._fault("call.rendered")
        client = self._clients.get(role.name)
        if isinstance(client, Replay):
            settled = self._replay(request, client, settled)
            if settled and settled[-1].state == "ok":
                return _stored_answer(role, settled[-1])
            client = client.live
        if client is None:
            return self._ask_twin(request, turn=len(settled), source="offline")
        return self._ask_model(request, client, settled)

    def _ask_model(self, request: Question[R], client: ModelClient, settled: list[CallRow]) -> Answer[R]:
        """Call the model until a reply is good or hopeless; go on where an interrupted question stopped."""
        bad = [row for row in settled if row.state == "bad-reply"]
        errors = [row for row in settled if row.state == "error"]
        gave_up = {row.model for row in errors if _kind(row) not in FATAL_KINDS}
        spares = [spare for spare in self._spares if spare.name != client.name]
        clients = [one for one in (client, *spares) if one.name not in gave_up]
        turn = len(settled)
        while len(bad) < MAX_BAD_REPLIES and clients:
            client = clients[0]
            messages = self._conversation.add_repair(request.role, request.messages, bad)
            known = self._find_known(request, client, messages)
            if known is not None:
                name = f"{CACHED}{client.name}"
                row = self._copy(request, turn, messages, name, known, self._memory.text)
                return _stored_answer(request.role, row)
            row = self._reserve(request, turn, messages, client.name, "model")
            turn += 1
            try:
                completion = self._complete(client, request, messages)
            except ModelError as error:
                spent = 0 if error.kind in COSTS_NOTHING else None
                self._memory.settle_call(
                    row.call_id,
                    state="error",
                    error=f"{error.kind}: {error}",
                    attempts=error.attempts,
                    input_tokens=spent,
                    output_tokens=spent,
                )
                del clients[0]
                if error.kind in FATAL_KINDS and not clients and not self._has_answered(request):
                    raise
                continue
            settled_row, parsed = self._settle(request, row, completion)
            if parsed is not None:
                return Answer(parsed.reply, row.call_id, "model", parsed.dropped)
            bad.append(settled_row)
        return self._ask_twin(request, turn=turn, source="fallback")

    def _replay(self, request: Question[R], replay: Replay, settled: list[CallRow]) -> list[CallRow]:
        """Copy the recorded turns of a question as far as it is asked in the same words; return its settled turns.

        Raises: Diverged; BudgetExhausted where the recorded run had no budget for the next turn either.
        """
        rows, schema = list(settled), self._described(request.role)[1]
        recorded = replay.recording.turns(request.key(0))
        while not rows or rows[-1].state != "ok":
            turn, messages = len(rows), request.messages
            call = recorded[turn] if turn < len(recorded) else None
            bad = [row for row in rows if row.state == "bad-reply"]
            if len(bad) < MAX_BAD_REPLIES and (call is None or call.source == "model"):
                messages = self._conversation.add_repair(request.role, messages, bad)
            if call is None or not is_same(call, messages, schema):
                if replay.recording.source == "model" and self._limit is not None:
                    tokens = worst_case(messages, request.prompt)
                    self._memory.refuse_over_limit(request.run_id, tokens, self._limit)
                replay.leave(request.key(turn), messages, schema)
                break
            rows.append(self._copy(request, turn, messages, replay.name, call, replay.recording.text))
        return rows

    def _ask_twin(
        self, request: Question[R], *, turn: int, source: Literal["offline", "fallback"]
    ) -> Answer[R]:
        """Let the offline twin answer; its reply takes the same way through JSON as a model's."""
        with self._library.looking_once():
            text = self._twins[request.role.prompt].act(request.view, request.make_rng()).model_dump_json()
        parsed, key = parse_reply(text, request.role.reply_type), request.key(turn)
        asked = self._asked(request, request.messages, "offline")
        with self._memory.transaction(durable=False):  # the twin says the same again
            self._memory.answer_call(key, source=source, reply=text, **asked)
        return Answer(parsed.reply, key.call_id, source, parsed.dropped)

    def _copy(
        self,
        request: Question[R],
        turn: int,
        messages: Messages,
        model: str,
        call: CallRow,
        text: Callable[[str], str],
    ) -> CallRow:
        """Store an earlier call's outcome as this turn's, in one step; nothing is sent."""
        with self._memory.transaction():
            row = self._reserve(request, turn, messages, model, call.source)
            return self._memory.settle_call(row.call_id, **outcome_of(call, text))

    def _find_known(self, request: Question[R], client: ModelClient, messages: Messages) -> CallRow | None:
        if not self._cache:
            return None
        return self._memory.find_answer(
            request.run_id,
            model=client.name,
            prompt_digest=request.prompt.digest,
            messages=messages,
            schema_digest=self._described(request.role)[1],
        )

    def _complete(self, client: ModelClient, request: Question[R], messages: Messages) -> Completion:
        left = requests_left(self._memory, request.run_id, self._limit)
        self._fault("call.sending")
        try:
            schema, sampling = self._described(request.role)[0], request.prompt.sampling
            completion = client.complete(messages, schema=schema, sampling=sampling, max_attempts=left)
        except ModelError as error:
            clean = redact(str(error), self._secrets)
            raise ModelError(error.kind, clean, retryable=error.retryable, attempts=error.attempts) from None
        self._fault("call.answered")
        return completion

    def _settle(
        self, request: Question[R], row: CallRow, completion: Completion
    ) -> tuple[CallRow, Parsed[R] | None]:
        """Parse and store a completion; return the settled row, and the reply where there is one."""
        text = redact(completion.text, self._secrets)
        apart = redact(completion.reasoning, self._secrets)
        parsed: Parsed[R] | None = None
        error: str | None = None
        said: dict[str, Any] | None = None
        try:
            parsed = parse_reply(text, request.role.reply_type)
            reasoning, error = parsed.reasoning, "\n".join(parsed.dropped) or None
        except ReplyError as reply_error:
            if completion.finish_reason != "stop":
                reply_error.stopped = redact(completion.finish_reason, self._secrets)[:40]
            reasoning, error = split_reasoning(text)[1], str(reply_error)
            said = reply_error.as_dict()
        settled = self._memory.settle_call(
            row.call_id,
            state="bad-reply" if parsed is None else "ok",
            reply=text,
            reasoning="\n".join(part for part in (apart, reasoning) if part) or None,
            parsed=None if parsed is None else parsed.reply.model_dump(mode="json"),
            error=error,
            reply_error=said,
            attempts=completion.attempts,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cached_tokens=completion.cached_tokens,
            latency_s=completion.latency_s,
        )
        return settled, parsed

    def _reserve(
        self,
        request: Question[R],
        turn: int,
        messages: Messages,
        model: str,
        source: AnswerSource,
    ) -> CallRow:
        return self._memory.reserve_call(
            request.key(turn),
            source=source,
            reserved_tokens=worst_case(messages, request.prompt) if source == "model" else 0,
            limit=self._limit,
            **self._asked(request, messages, model),
        )

    def _asked(self, request: Question[R], messages: Messages, model: str) -> Asked:
        prompt = request.prompt
        return {
            "model": model,
            "prompt": prompt.name,
            "prompt_digest": prompt.digest,
            "prompt_version": prompt.version,
            "messages": [(message.role, message.text) for message in messages],
            "schema_digest": self._described(request.role)[1],
        }

    def _described(self, role: Role[R]) -> tuple[dict[str, Any], str]:
        """Return the schema of a role's reply, and its digest."""
        if role.prompt not in self._schemas:
            schema = reply_schema(role.reply_type, self._space_schema)
            self._schemas[role.prompt] = schema, schema_digest(schema)
        return self._schemas[role.prompt]

    def _settled(self, role: Role[R], run_id: str, round: int, attempt: int) -> list[CallRow]:
        """Return the settled turns of a question in order.

        A turn left open by a crash is the next to be made.
        """
        rows = self._memory.calls(run_id, role=role.name, round=round)
        mine = [row for row in rows if row.attempt == attempt and row.state != "reserved"]
        return sorted(mine, key=lambda row: row.turn)

    def _has_answered(self, request: Question[R]) -> bool:
        """Tell whether any model that the role may use has answered in this run."""
        asked = (self._clients.get(request.role.name), *self._spares)
        names = {client.name for client in asked if client is not None}
        rows = self._memory.calls(request.run_id)
        return any(row.model in names and row.state in ("ok", "bad-reply") for row in rows)


def _stored_answer(role: Role[R], row: CallRow) -> Answer[R]:
    reply = role.reply_type.model_validate_json(compact(row.parsed))
    return Answer(reply, row.call_id, row.source, tuple((row.error or "").splitlines()))


def _kind(row: CallRow) -> str:
    return (row.error or "").partition(":")[0]
