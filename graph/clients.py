"""Who answers each role: from model names to clients and recordings, checked before a run starts."""

import os
from collections.abc import Callable, Mapping

from navarch import NavarchError
from navarch.agents.model import ModelClient, make_client, parse_replay
from navarch.agents.redaction import read_api_key
from navarch.agents.replay import Recording, Replay
from navarch.graph.replaying import find_recorded, recording_path, refuse_other_search
from navarch.graph.settings import Settings


def make_clients(
    settings: Settings, models: Mapping[str, str], noted: Callable[[str], None]
) -> dict[str, ModelClient | Replay | None]:
    """Return what answers each role, None for its offline twin. `models` are model names by role.

    noted: is told where a recording no longer answers; roles that share a recording share what was told of it.
    """
    clients: dict[str, ModelClient | Replay | None] = {}
    replays: dict[str, Replay] = {}
    for role, name in models.items():
        replayed = parse_replay(name)
        if replayed is None:
            clients[role] = _client(name, settings, role)
            continue
        if name not in replays:
            recording = Recording(recording_path(replayed, settings.db), replayed.run)
            live = None if replayed.live is None else _client(replayed.live, settings, role)
            replays[name] = Replay(recording, live, goes_on=replayed.live is not None, noted=noted)
        clients[role] = replays[name]
    return clients


def check_model(name: str, settings: Settings, role: str, workflow: str, space: str) -> None:
    """Raise NavarchError for a model that the role cannot have: a name, a server, or a recording that is wrong."""
    replayed = parse_replay(name)
    if replayed is not None:
        refuse_other_search(find_recorded(replayed, settings.db), settings, workflow, space)
    live = name if replayed is None else replayed.live
    if live is not None:
        _client(live, settings, role)


def make_spares(settings: Settings) -> list[ModelClient]:
    """Return the models that are asked where a role's own cannot be called."""
    names = dict.fromkeys(settings.server.fallback)
    if "offline" in names:
        raise NavarchError("server.fallback names 'offline', which comes last by itself: leave it out")
    return [client for name in names if (client := _client(name, settings, "fallback")) is not None]


def _client(name: str, settings: Settings, role: str) -> ModelClient | None:
    try:
        server = settings.server
        return make_client(
            name,
            base_url=server.base_url,
            api_key=read_api_key(os.environ),
            timeout_s=server.timeout_s,
            stream=server.stream,
        )
    except NavarchError as error:
        raise NavarchError(f"role {role!r}: {error}") from None
