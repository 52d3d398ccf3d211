"""Settings: three layers, and one sentence for each mistake."""

import pytest

from navarch import NavarchError
from navarch.graph.settings import Settings, assign, load_settings, parse_budget
from navarch.graph.task_settings import load_run_settings


def test_flags_win_over_the_environment_and_the_environment_over_the_file(tmp_path):
    file = tmp_path / "navarch.toml"
    file.write_text("seed = 1\n[budget]\ntrials = 1\ncalls = 11\ntokens = 111\n")
    environ = {"NAVARCH_BUDGET__TRIALS": "2", "NAVARCH_BUDGET__CALLS": "22"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        settings = load_settings(file, {"budget": {"trials": 3}})
    assert (settings.budget.trials, settings.budget.calls, settings.budget.tokens) == (3, 22, 111)
    assert settings.seed == 1


@pytest.mark.parametrize("fraction", [0.9, 1.0])
def test_a_target_that_is_no_percentage_is_refused_and_that_of_a_stored_run_is_read(fraction):
    with pytest.raises(NavarchError, match=rf"percent: write {100 * fraction:g}, not {fraction:g}"):
        load_settings(None, {"target": fraction})
    assert load_settings(None, {"target": 1.5}).target == 1.5
    assert Settings(target=fraction).target == fraction


@pytest.mark.parametrize(
    ("flags", "evaluator", "space"),
    [
        ({}, "train", "nas-bench-201"),
        ({"task": "cifar10"}, "train", "nas-bench-201"),
        ({"task": "nb201-cifar10"}, "table", "nas-bench-201"),
        ({"task": "nas-bench-macro"}, "table", "nas-bench-macro"),
        ({"task": "nas-bench-macro", "space": "darts"}, "table", "darts"),
        ({"task": "nb201-cifar10", "evaluator": "train"}, "train", "nas-bench-201"),
        ({"task": "mine/images.npz"}, "train", "nas-bench-201"),
    ],
)
def test_a_named_task_says_how_it_is_measured_and_what_is_given_wins(flags, evaluator, space):
    settings = load_run_settings(None, flags)
    assert (settings.evaluator, settings.space, settings.task) == (evaluator, space, flags.get("task"))


def test_a_task_of_the_settings_file_says_it_too_and_so_wins_nothing_over_the_environment(
    tmp_path, monkeypatch
):
    file = tmp_path / "navarch.toml"
    file.write_text('task = "nas-bench-macro"\n')
    assert load_run_settings(file).evaluator == "table"
    monkeypatch.setenv("NAVARCH_EVALUATOR", "train")
    assert load_run_settings(file).evaluator == "train"


@pytest.mark.parametrize("code", ["434440", "010104"])
def test_a_code_of_digits_is_a_code(code):
    flags = {}
    assign(flags, f"seki.start={code}")
    assert load_settings(None, flags).seki.start == code


def test_stored_settings_come_back_as_they_were():
    settings = load_settings(None, {"budget": {"trials": 5}, "roles": {"critic": "openai:x"}})
    assert Settings(**settings.model_dump(mode="json")) == Settings(**settings.model_dump())


@pytest.mark.parametrize(
    ("assignment", "device", "slots"),
    [
        ("train.device=cuda:0,cuda:1", ("cuda:0", "cuda:1"), 2),
        ('train.device=["cuda:0","cuda:1"]', ("cuda:0", "cuda:1"), 2),
        ("train.slots=auto", ("auto",), "auto"),
        ("train.slots=3", ("auto",), 3),
    ],
)
def test_devices_and_slots_are_given_as_names_lists_and_numbers(assignment, device, slots):
    flags = {}
    assign(flags, assignment)
    settings = load_settings(None, flags)
    assert (settings.train.device, settings.train.slots) == (device, slots)
    assert settings.slots == (2 if slots == "auto" else slots)
    assert Settings(**settings.model_dump(mode="json")) == Settings(**settings.model_dump())


def test_slots_come_from_the_environment_too(monkeypatch):
    monkeypatch.setenv("NAVARCH_TRAIN__SLOTS", "3")
    assert load_settings(None, {}).train.slots == 3


def test_a_device_that_an_earlier_version_stored_is_read():
    assert Settings(train={"device": "cuda"}).train.device == ("cuda",)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"budget": {"trials": 0}}, ["'budget.trials'", "0", "greater than or equal to 1"]),
        ({"budget": {"trails": 3}}, ["'budget.trails'", "did you mean 'trials'"]),
        ({"wrkflow": "x"}, ["'wrkflow'", "did you mean 'workflow'"]),
        ({"roles": {"boss": "offline"}}, ["roles.boss", "'navigator'"]),
        ({"train": {"device": "tpu"}}, ["'train.device'", "'tpu'", "auto, cpu, cuda, cuda:N"]),
        ({"supernet": {"device": ["cpu", "cuda"]}}, ["'supernet.device'", "a list is of cuda:N alone"]),
        ({"train": {"slots": 0}}, ["'train.slots'", "has value 0: give a number from 1 to 64, or auto"]),
        ({"train": {"slots": "many"}}, ["'train.slots'", "'many'", "or auto"]),
        ({"train": {"silent_s": 0}}, ["'train.silent_s'", "greater than 0"]),
        ({"target": float("nan")}, ["'target'", "finite"]),
        ({"server": {"base_url": "http://me:secret@host/v1"}}, ["'server.base_url'"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(flags, words):
    with pytest.raises(NavarchError) as caught:
        load_settings(None, flags)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"seed = ", "not valid TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"seed = 1\nseed = 2", "not valid TOML"),
        (b"#" * 300_000, "larger than"),
    ],
)
def test_an_unreadable_settings_file_is_named(tmp_path, content, word):
    file = tmp_path / "odd.toml"
    file.write_bytes(content)
    with pytest.raises(NavarchError, match=word) as caught:
        load_settings(file, {})
    assert "odd.toml" in str(caught.value)


def test_a_missing_settings_file_is_named_when_it_was_asked_for(tmp_path):
    with pytest.raises(NavarchError, match="cannot be read"):
        load_settings(tmp_path / "none.toml", {})


def test_a_misspelt_variable_is_not_silently_ignored(monkeypatch):
    monkeypatch.setenv("NAVARCH_BUGDET__TRIALS", "3")
    with pytest.raises(NavarchError, match="did you mean NAVARCH_BUDGET"):
        load_settings()


def test_a_wrong_value_from_the_environment_names_the_variable(monkeypatch):
    monkeypatch.setenv("NAVARCH_BUDGET__TRIALS", "many")
    with pytest.raises(NavarchError, match="NAVARCH_BUDGET__TRIALS"):
        load_settings()


def test_assignments_read_toml_values_and_plain_text():
    flags = {}
    for assignment in ("budget.trials=7", "train.device=cpu", "target=91.5", 'model="openai:m"'):
        assign(flags, assignment)
    assert flags == {"budget": {"trials": 7}, "train": {"device": "cpu"}, "target": 91.5, "model": "openai:m"}


@pytest.mark.parametrize("assignment", ["budget", "=3", " = "])
def test_an_assignment_without_key_and_value_is_refused(assignment):
    with pytest.raises(NavarchError, match="KEY=VALUE"):
        assign({}, assignment)


def test_an_assignment_below_a_plain_value_is_refused():
    with pytest.raises(NavarchError, match="not a table"):
        assign({"seed": 1}, "seed.x=2")


def test_a_budget_is_a_number_of_trials_or_named_limits():
    assert parse_budget("12") == {"trials": 12}
    assert parse_budget("trials=4, calls=9,seconds=1.5") == {"trials": 4, "calls": 9, "seconds": 1.5}


KEY = "sk-canary-R7vQ2mZx8KpL4tWn"


@pytest.mark.parametrize("name", ["api_key", "apikey", "token", "password", "client_secret"])
@pytest.mark.parametrize("source", ["file", "environment", "flag"])
def test_a_key_is_no_setting_and_is_refused_without_being_shown(tmp_path, monkeypatch, name, source):
    file, flags = None, {}
    if source == "file":
        file = tmp_path / "mine.toml"
        file.write_text(f'[server]\n{name} = "{KEY}"\n')
    elif source == "environment":
        monkeypatch.setenv(f"NAVARCH_SERVER__{name.upper()}", KEY)
    else:
        flags = {"server": {name: KEY}}
    with pytest.raises(NavarchError, match="a key is no setting; it is read from NAVARCH_API_KEY") as caught:
        load_settings(file, flags)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("variable", ["NAVARCH_API_KEY", "OPENAI_API_KEY"])
@pytest.mark.parametrize(
    "flags",
    [
        {"model": f"openai:{KEY}"},
        {"server": {"base_url": f"http://127.0.0.1/{KEY}/v1"}},
        {"callable": {"command": f"curl -H 'Authorization: Bearer {KEY}' h"}},
        {"roles": {"critic": f"openai:{KEY[3:20]}"}},
        {"db": f"{KEY}.db"},
    ],
)
def test_a_setting_that_holds_the_key_is_refused_before_it_is_stored(monkeypatch, variable, flags):
    monkeypatch.setenv(variable, KEY)
    (name,) = flags
    with pytest.raises(NavarchError, match=f"setting '{name}' holds the API key, or a piece of it") as caught:
        load_settings(None, flags)
    assert "canary" not in str(caught.value)
    monkeypatch.delenv(variable)
    load_settings(None, flags)
