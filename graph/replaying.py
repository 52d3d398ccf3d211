"""Runs that are repeated from a recording: which run a model name means, and the settings that repeat it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from navarch import NavarchError
from navarch.agents.model import ReplayName, parse_replay
from navarch.graph.rules import round_sizes
from navarch.graph.sections import Confirm
from navarch.graph.settings import Settings, settings_of
from navarch.memory import Memory, RunRow

# What could run a stranger's command, or send a key to a stranger's server, where a run came from elsewhere.
_REACH = {"server", "callable"}
_PRICES = ("price_input", "price_output")  # the part of a server that reaches nothing
# What a repeated run does not take over: that, where it is stored, and who answers.
_OWN = {"db", "model", "roles"} | _REACH


def recording_path(name: ReplayName, db: Path) -> Path:
    """Return the memory that holds the recorded run."""
    return db if name.file is None else name.file


def find_recorded(name: ReplayName, db: Path) -> RunRow:
    """Return the run that is replayed. Raises: NavarchError if there is no such memory or run."""
    with Memory.open(recording_path(name, db), create=False, read_only=True) as memory:
        return memory.get_run(name.run)


def repeat_flags(flags: Mapping[str, Any], model: str, db: Path) -> dict[str, Any]:
    """Return `flags` on top of the settings of the run that `model` replays, so that nothing need be said twice."""
    name = parse_replay(model)
    if name is None:
        return dict(flags)
    recorded = settings_of(find_recorded(name, db)).model_dump(mode="json")
    kept = {key: value for key, value in recorded.items() if key not in _OWN}
    return _merged({**kept, "server": _prices(recorded)}, flags)


def pin_recordings(settings: Settings) -> Settings:
    """Return settings that name the replayed run for good: its whole id, an absolute file, the sizes of its rounds.

    `latest` means another run as soon as this one exists, and the default sizes depend on who answered. What the run
    knew of the noise stands in its prompts.
    """
    roles = {role: _pinned(name, settings.db) for role, name in settings.roles.items()}
    changes: dict[str, Any] = {
        "model": _pinned(settings.model, settings.db),
        "roles": roles,
        "confirm": _with_recorded_noise(settings),
    }
    name = parse_replay(settings.model_of("generator"))
    if name is not None:
        recorded = settings_of(find_recorded(name, settings.db))
        sizes = round_sizes(recorded)
        open_sizes = {key: value for key, value in sizes.items() if getattr(settings.search, key) is None}
        changes["search"] = settings.search.model_copy(update=open_sizes)
    return settings.model_copy(update=changes)


def _with_recorded_noise(settings: Settings) -> Confirm:
    """Return what is done after the search, with what a replayed run knew of the noise where nothing else is given."""
    recordings = filter(None, map(parse_replay, (settings.model, *settings.roles.values())))
    name = next(recordings, None)
    if name is None or settings.confirm.noise is not None:
        return settings.confirm
    recorded = settings_of(find_recorded(name, settings.db))
    return settings.confirm.model_copy(update={"noise": recorded.confirm.noise})


def refuse_other_search(run: RunRow, settings: Settings, workflow: str, space: str) -> None:
    """Raise NavarchError where no call of the recorded run can answer one of this."""
    recorded = settings_of(run)
    for what, was, now in (
        ("workflow", run.workflow, workflow),
        ("space", run.space, space),
        ("obfuscate", recorded.obfuscate, settings.obfuscate),
    ):
        if was != now:
            flag = f"with --{what} {was}" if was is not None else f"without --{what}"
            raise NavarchError(
                f"run {run.run_id!r} has {what} {was!r} and this one {now!r}, so none of its calls can be replayed: "
                f"start it {flag}"
            )


def without_reach(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored run's settings without what could act outside the memory if the run went on here."""
    kept = {name: value for name, value in settings.items() if name not in _REACH}
    prices = _prices(settings)
    return {**kept, "server": prices} if prices else kept


def _prices(settings: Mapping[str, Any]) -> dict[str, Any]:
    server = settings.get("server") or {}
    return {name: server[name] for name in _PRICES if server.get(name) is not None}


def _pinned(name: str, db: Path) -> str:
    replayed = parse_replay(name)
    if replayed is None:
        return name
    run = find_recorded(replayed, db)
    file = None if replayed.file is None else replayed.file.absolute()
    return str(ReplayName(run.run_id, file, replayed.live))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = (
            _merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
        )
    return merged
