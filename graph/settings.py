"""What a run is made of, from `navarch.toml`, the environment and flags, in that order of strength (flags win).

Every field says what it means; an unknown key, a wrong type or a value out of range is one sentence that names the key.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from navarch import NavarchError
from navarch.agents.redaction import KEY_ADVICE, known_secrets, redact
from navarch.graph.evaluator_sections import TRAIN_SLOTS, Own, Proxies, Supernet, Table, Train
from navarch.graph.sections import Budget, Collm, Confirm, Limits, Search, Section, Seki, Server, listed

if TYPE_CHECKING:
    from navarch.memory import RunRow

ENV_PREFIX = "NAVARCH_"
NOT_SETTINGS = {"NAVARCH_API_KEY", "NAVARCH_API_KEY_FILE", "NAVARCH_DATA", "NAVARCH_DEBUG", "NAVARCH_FAULT"}
SETTINGS_FILE = "navarch.toml"
MAX_FILE_BYTES = 256 * 1024

RoleName = Literal["navigator", "generator", "critic", "distiller"]


PROPOSALS = 16
OFFLINE_GROWTH = 25  # the shortest rounds come first, when a result teaches most


class Settings(Section):
    """All settings of a run."""

    workflow: str = Field(default="navarch", description="see `navarch workflows`")
    space: str = Field(default="nas-bench-201", description="see `navarch spaces`; or a .toml file")
    obfuscate: int | None = Field(
        default=None,
        ge=0,
        lt=2**63,
        description="hide the space from models under neutral names that this seed draws",
    )
    task: str | None = Field(
        default=None, description="see `navarch tasks`; default: digits to train on, else what you measured"
    )
    evaluator: Literal["train", "table", "supernet", "callable"] = Field(
        default="train", description="how a candidate is measured; a named task says it by itself"
    )
    model: str = Field(default="offline", description="openai:NAME, offline, or replay:RUN, for every role")
    roles: dict[RoleName, str] = Field(
        default_factory=dict, description="a role's own model, where it differs"
    )
    without: Annotated[tuple[RoleName, ...], BeforeValidator(listed)] = Field(
        default_factory=tuple, description="roles to leave out: critic, navigator, distiller"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="search seed")
    target: float | None = Field(
        default=None, gt=0, le=100, description="stop at this validation accuracy, percent"
    )
    db: Path = Field(default=Path("navarch.db"), description="the memory, one SQLite file")
    prompts: Path | None = Field(default=None, description="a folder of prompt files that come first")
    budget: Budget = Budget()
    search: Search = Search()
    confirm: Confirm = Confirm()
    train: Train = Train()
    proxies: Proxies = Proxies()
    table: Table = Table()
    supernet: Supernet = Supernet()
    callable: Own = Own()
    limits: Limits = Limits()
    server: Server = Server()
    collm: Collm = Collm()
    seki: Seki = Seki()

    @property
    def admitted(self) -> dict[str, Any]:
        """Return which trials may be called best, for `Memory.best_trial`: within the limits, at the full fidelity."""
        return {**self.limits.bounds, "epochs": self.full_epochs}

    @property
    def full_epochs(self) -> int | None:
        """Return the epochs of the trials that may be best; None before a run begins, when any may."""
        return None if self.search.rungs is None else self.search.rungs[-1]

    @property
    def proposals_per_call(self) -> int:
        """Return how many architectures the Generator is asked for."""
        return self.search.proposals or PROPOSALS

    @property
    def grow_every(self) -> int:
        """Return after how many trials a round grows by one; 0 where rounds are full from the start."""
        search = self.search
        if search.grow_every is not None or search.trials_per_round is not None:
            return search.grow_every or 0
        return OFFLINE_GROWTH if self.is_offline_navarch else 0

    @property
    def is_offline_navarch(self) -> bool:
        """Return whether this is the combined workflow with all roles offline."""
        roles: tuple[RoleName, ...] = get_args(RoleName)
        return self.workflow == "navarch" and all(self.model_of(role) == "offline" for role in roles)

    @property
    def slots(self) -> int:
        """Return how many trials run at once, for what must not depend on the machine: "auto" counts as the default."""
        trained = TRAIN_SLOTS if self.train.slots == "auto" else self.train.slots
        own = {"train": trained, "supernet": self.supernet.slots, "callable": self.callable.slots}
        return own.get(self.evaluator, 1)

    def model_of(self, role: RoleName) -> str:
        """Return the model name that a role uses."""
        return self.roles.get(role, self.model)


def load_settings(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a run: `file` (default: ./navarch.toml if there), environment, then `flags` on top.

    `flags` is nested like the file, such as `{"budget": {"trials": 8}}`. Raises: NavarchError naming the key.
    """
    from_file = _read_file(file)
    refuse_unknown_variables(os.environ)
    given = dict(flags or {})

    class Layered(Settings, BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=ENV_PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid"
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=from_file)

        @field_validator("target")
        @classmethod
        def _in_percent(cls, target: float | None) -> float | None:  # a stored run may have had a fraction
            if target is not None and target <= 1:
                raise ValueError(f"accuracies are in percent: write {100 * target:g}, not {target:g}")
            return target

    try:
        return _without_key(Layered(**given))
    except ValidationError as error:
        raise NavarchError(_sentence(error, given, file)) from None
    except ValueError as error:  # a malformed environment value, such as broken JSON for a table
        raise NavarchError(f"the environment gives an unreadable setting: {error}") from None


def _without_key(settings: Settings) -> Settings:
    """Return the settings. Raises: NavarchError where one of them holds the key, for settings are stored and shown."""
    secrets = known_secrets(os.environ)
    for name, value in settings.model_dump(mode="json").items() if secrets else ():
        text = json.dumps(value, ensure_ascii=False)
        if redact(text, secrets) != text:
            raise NavarchError(
                f"setting {name!r} holds the API key, or a piece of it: leave it out; {KEY_ADVICE}"
            )
    return settings


def assign(flags: dict[str, Any], assignment: str) -> None:
    """Put `KEY=VALUE` (dotted key, TOML or plain text value) into nested `flags`."""
    key, separator, text = assignment.partition("=")
    if not separator or not key.strip() or "\n" in assignment:
        raise NavarchError(f"--set {assignment!r}: write KEY=VALUE, such as --set budget.trials=12")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    *parents, last = key.strip().split(".")
    table = flags
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise NavarchError(f"--set {assignment!r}: {parent!r} is not a table of settings")
    table[last] = value


def parse_budget(text: str) -> dict[str, Any]:
    """Return the budget of `--budget`: a number of trials, or `trials=24,calls=100,seconds=90`."""
    if text.strip().isdecimal():
        return {"trials": int(text)}
    budget: dict[str, Any] = {}
    for part in text.split(","):
        name, separator, _ = part.partition("=")
        if not separator or not name.strip():
            raise NavarchError(
                f"--budget {text!r}: give a number of trials, or such as trials=24,calls=100,seconds=90"
            )
        assign(budget, part.strip())
    return budget


def settings_of(run: "RunRow") -> Settings:
    """Return the settings that a run was started with. Raises: NavarchError if this version cannot read them."""
    search = dict(run.settings.get("search") or {})
    # Earlier versions trained rungs anew.
    search.setdefault("continuation", len(search.get("rungs") or ()) < 2)
    try:
        return Settings(**{**run.settings, "search": search})
    except (ValidationError, TypeError):
        raise NavarchError(
            f"run {run.run_id!r} was stored by version {run.version} with settings that this version cannot read: "
            "start a new run"
        ) from None


def refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """Raise for a NAVARCH_ variable that no setting has, so that a typing error is not silently ignored."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX) or name in NOT_SETTINGS:
            continue
        if name.split("__")[0] not in known:
            hint = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {hint[0]}?" if hint else "unset it"
            raise NavarchError(f"environment variable {name} names no setting: {advice}")


def _read_file(file: Path | None) -> dict[str, Any]:
    path = file if file is not None else Path(SETTINGS_FILE)
    if file is None and not path.exists():
        return {}
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise NavarchError(
                f"settings file {str(path)!r} is larger than {MAX_FILE_BYTES} bytes: shorten it"
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NavarchError(f"settings file {str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NavarchError(f"settings file {str(path)!r} is not UTF-8 text: save it as UTF-8") from None
    except (ValueError, RecursionError) as error:  # numbers of 5,000 digits and deep nesting among them
        raise NavarchError(f"settings file {str(path)!r} is not valid TOML: {error}") from None


def _sentence(error: ValidationError, flags: Mapping[str, Any], file: Path | None) -> str:
    first = error.errors(include_url=False)[0]
    keys = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(keys)
    variable = ENV_PREFIX + "__".join(keys).upper()
    if _holds(flags, keys):
        where = "given on the command line"
    elif variable in os.environ:
        where = f"from environment variable {variable}"
    else:
        where = f"in {str(file or SETTINGS_FILE)!r}"
    if first["type"] == "extra_forbidden" and re.search("key|token|secret|password", keys[-1], re.IGNORECASE):
        return f"unknown setting {key!r} ({where}): a key is no setting; {KEY_ADVICE}"
    if first["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1])
        hint = difflib.get_close_matches(keys[-1], known, n=1)
        advice = f"did you mean {hint[0]!r}?" if hint else f"known here: {', '.join(known)}"
        return f"unknown setting {key!r} ({where}): {advice}"
    if key == "server.base_url":  # it may hold a password
        return f"setting {key!r} ({where}) is not a plain http or https URL without a user and password: {first['msg']}"
    why = first["msg"].removeprefix("Value error, ")
    return f"setting {key!r} ({where}) has value {_short(first['input'])}: {why}"


def _holds(table: Any, keys: list[str]) -> bool:
    for key in keys:
        if isinstance(table, list) and key.isdecimal():
            return True
        if not isinstance(table, Mapping) or key not in table:
            return False
        table = table[key]
    return True


def _known_keys(parents: list[str]) -> list[str]:
    model: Any = Settings
    for parent in parents:
        field = model.model_fields.get(parent)
        model = field.annotation if field is not None else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return sorted(model.model_fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
