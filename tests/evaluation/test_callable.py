"""A user's own command or function: what it is told, what it may answer, and every way in which it can go wrong."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from navarch import NavarchError
from navarch.evaluation import (
    CallableEvaluator,
    Fidelity,
    Job,
    TestFailedError,
    callable_task,
    failed,
    make_command,
)
from navarch.spaces import Architecture, get_space

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
PATIENCE_S = 5.0
GOOD = """print('{"val_accuracy": 70}')"""


@pytest.fixture(scope="module")
def space():
    return get_space(str(EXAMPLES / "widgets.toml"))


class Bench:
    """Write a program, ask it, and close what it ran in."""

    def __init__(self, folder, space):
        self.folder = folder
        self.space = space
        self.evaluators = []

    def evaluator(self, program, *arguments, timeout_s=60.0, slots=1):
        (self.folder / "mine.py").write_text(program)
        words = [sys.executable, "mine.py", *map(str, arguments)]
        command = make_command(shlex.join(words), None, self.folder)
        return self.keep(command, timeout_s=timeout_s, slots=slots)

    def keep(self, command, **settings):
        task = callable_task(command, self.space)
        self.evaluators.append(CallableEvaluator(command, task, self.space, **settings))
        return self.evaluators[-1]

    def ask(self, program, *arguments, code="m1c2--", **settings):
        return self.evaluator(program, *arguments, **settings).evaluate(
            self.space.parse(code), Fidelity(1), 3
        )


@pytest.fixture(scope="module")
def shared(tmp_path_factory, space):
    """Return an evaluator whose program may be replaced between trials: one server for many tests."""
    made = Bench(tmp_path_factory.mktemp("shared"), space)
    evaluator = made.evaluator(GOOD)

    def ask(program):
        (made.folder / "mine.py").write_text(program)
        return evaluator.evaluate(space.parse("m1c2--"), Fidelity(1), 3)

    yield ask
    evaluator.close()


@pytest.fixture
def bench(tmp_path, space, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-8f2e61")
    monkeypatch.setenv("NAVARCH_API_KEY", "canary-8f2e61")
    made = Bench(tmp_path, space)
    yield made
    for evaluator in made.evaluators:
        evaluator.close()


def test_the_command_is_told_the_architecture_and_its_answer_is_the_outcome(bench, space):
    outcome = bench.ask(
        "import json, sys\n"
        "text = sys.stdin.read()\n"
        "open('seen.json', 'w').write(text)\n"
        "point = {'epoch': 3, 'train_loss': 0.5, 'train_accuracy': 80, 'val_accuracy': 71.5}\n"
        "print(json.dumps({'val_accuracy': 71.5, 'params': 12, 'macs': 34.0, 'curve': [point]}))\n"
    )
    assert json.loads((bench.folder / "seen.json").read_text()) == {
        "space": "widgets",
        "architecture": space.to_dict(space.parse("m1c2--")),
        "code": "m1c2--",
        "genotype": "m1c2--",
        "seed": 3,
        "split": "val",
    }
    assert outcome.state == "complete"
    assert outcome.objectives == {"val_accuracy": 71.5, "params": 12.0, "macs": 34.0}
    assert [point.epoch for point in outcome.curve] == [3]
    assert outcome.cost.epochs == 3
    assert outcome.cost.train_seconds > 0
    assert outcome.cost.peak_memory_mb > 1
    assert outcome.cost.cpu_seconds > 0


def test_parameters_and_macs_are_the_spaces_own_where_the_answer_has_none(shared, space):
    objectives = shared(GOOD).objectives
    cost = space.cost(space.parse("m1c2--"), classes=2)
    assert objectives == {"val_accuracy": 70.0, "params": cost.params, "macs": cost.macs}


def test_the_last_line_is_the_answer_whatever_is_printed_before(shared):
    program = "import sys\nprint('epoch 1')\nprint('note', file=sys.stderr)\n" + GOOD + "\nprint()"
    assert shared(program).objectives["val_accuracy"] == 70.0


def test_a_command_need_not_read_its_input(shared):
    assert shared("import sys; sys.stdin.close()\n" + GOOD).state == "complete"


@pytest.mark.parametrize(
    ("program", "reason", "words"),
    {
        "an exit code": ("import sys; sys.exit('no such layer')", "crashed", ["exit code 1", "no such layer"]),
        "a traceback": ("1 / 0", "crashed", ["exit code 1", "ZeroDivisionError"]),
        "a signal": ("import os; os.kill(os.getpid(), 11)", "crashed", ["SIGSEGV"]),
        "nothing": ("", "crashed", ["no reply"]),
        "garbage": ("print('70 percent')", "crashed", ["no JSON object", "'70 percent'"]),
        "odd bytes": ("import os; os.write(1, bytes(range(128, 256)))", "crashed", ["no JSON object"]),
        "a number": ("print(70)", "crashed", ["no JSON object"]),
        "half an answer": ("""print('{"val_accuracy": 7')""", "crashed", ["no JSON object"]),
        "a deep answer": ("print('[' * 100000)", "crashed", ["no JSON object"]),
        "an endless number": ("print('{\"val_accuracy\": ' + '9' * 5000 + '}')", "crashed", ["no JSON object"]),
        "a large number": ("print('{\"val_accuracy\": ' + '9' * 4000 + '}')", "crashed", ["too large"]),
        "no accuracy": ("print('{}')", "crashed", ["no 'val_accuracy'"]),
        "another key": ("""print('{"val_acc": 70}')""", "crashed", ["'val_acc'", "val_accuracy"]),
        "a text": ("""print('{"val_accuracy": "70"}')""", "crashed", ["val_accuracy", "'70'"]),
        "a truth": ("""print('{"val_accuracy": true}')""", "crashed", ["not a number"]),
        "too much": ("""print('{"val_accuracy": 120}')""", "diverged", ["120", "0..100"]),
        "no finite number": ("""print('{"val_accuracy": NaN}')""", "diverged", ["nan"]),
        "parameters below zero": (
            """print('{"val_accuracy": 70, "params": -1}')""", "crashed", ["params", "-1"],
        ),
        "parameters beyond 64 bits": (
            """print('{"val_accuracy": 70, "macs": 1e300}')""", "crashed", ["macs", "1e+300"],
        ),
        "a curve that is none": (
            """print('{"val_accuracy": 70, "curve": [{"epoch": 1}]}')""", "crashed", ["point 1", "train_loss"],
        ),
        "a curve that diverged": (
            """print('{"val_accuracy": 70, "curve": [{"epoch": 1, "train_loss": Infinity, "train_accuracy": 1, """
            """"val_accuracy": 1}]}')""",
            "diverged",
            ["training loss"],
        ),
        "the test split unasked": (
            """print('{"val_accuracy": 70, "test_accuracy": 70}')""", "crashed", ["test_accuracy", "'val'"],
        ),
    }.values(),
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)  # fmt: skip
def test_a_wrong_end_or_answer_is_a_failed_trial_that_says_why(shared, program, reason, words):
    outcome = shared(program)
    assert (outcome.state, outcome.reason, outcome.objectives) == ("failed", reason, {})
    assert len(outcome.detail) <= 4_000
    for word in words:
        assert word in outcome.detail


def test_a_hundred_megabytes_are_read_and_forgotten(bench, processes):
    flood = "import sys\nfor _ in range(100): sys.stdout.write('x' * 2**20)\n"
    outcome = bench.ask(flood)
    assert (outcome.reason, outcome.detail) == (
        "crashed",
        "the last line of its output is longer than 1048576 bytes",
    )
    flood = "import sys\nfor _ in range(100): sys.stderr.write(('y' * 63 + '\\n') * 2**14)\n" + GOOD
    evaluator = bench.evaluator(flood)
    assert evaluator.evaluate(bench.space.parse("m1c2--"), Fidelity(1), 0).state == "complete"
    assert processes.resident_mb(evaluator.server_pid) < 100


def test_a_command_that_hangs_is_stopped_at_its_deadline_with_its_children(bench, processes):
    note = bench.folder / "pid"
    started = time.monotonic()
    outcome = bench.ask(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n",
        timeout_s=1.5,
    )
    assert (outcome.reason, outcome.detail) == ("timeout", "stopped at its time limit of 1.5 s")
    assert time.monotonic() - started < 1.5 + PATIENCE_S + 5
    pid = int(note.read_text())
    assert processes.eventually(lambda: not processes.is_running(pid), PATIENCE_S)


def test_a_process_that_a_command_leaves_behind_is_killed_and_delays_nothing(bench, processes):
    note = bench.folder / "pid"
    outcome = bench.ask(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"  # holds the output open
        f"open({str(note)!r}, 'w').write(str(child.pid))\n" + GOOD
    )
    assert outcome.state == "complete"
    pid = int(note.read_text())
    assert processes.eventually(lambda: not processes.is_running(pid), PATIENCE_S)


def test_a_command_that_closes_its_output_and_hangs_is_stopped(bench):
    outcome = bench.ask("import os, time\nos.close(1); os.close(2); time.sleep(600)", timeout_s=1.0)
    assert outcome.reason == "timeout"


def test_a_program_that_disappears_is_a_failed_trial(bench):
    program = bench.folder / "mine.sh"
    program.write_text("#!/bin/sh\necho '{\"val_accuracy\": 70}'\n")
    program.chmod(0o755)
    evaluator = bench.keep(make_command("./mine.sh", None, bench.folder))
    assert evaluator.evaluate(bench.space.parse("m1c2--"), Fidelity(1), 0).state == "complete"
    program.unlink()
    outcome = evaluator.evaluate(bench.space.parse("m1c2--"), Fidelity(1), 0)
    assert (outcome.state, outcome.reason) == ("failed", "crashed")
    assert "could not be started" in outcome.detail


def test_the_command_sees_no_key_and_a_session_of_its_own_outside_ours(bench):
    outcome = bench.ask(
        "import json, os\n"
        "facts = {'environment': dict(os.environ), 'session': os.getsid(0), 'folder': os.getcwd()}\n"
        "open('facts.json', 'w').write(json.dumps(facts))\n" + GOOD
    )
    assert outcome.state == "complete"
    facts = json.loads((bench.folder / "facts.json").read_text())
    assert "canary-8f2e61" not in str(facts)
    assert facts["environment"]["PATH"]
    assert facts["session"] not in (os.getsid(0), bench.evaluators[0].server_pid)
    assert facts["folder"] == str(bench.folder)


def test_threads_are_left_as_the_user_set_them(bench, monkeypatch):
    tell = "import os; open('threads', 'w').write(os.environ.get('OMP_NUM_THREADS', 'unset'))\n" + GOOD
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    bench.ask(tell)
    assert (bench.folder / "threads").read_text() == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    bench.ask(tell)
    assert (bench.folder / "threads").read_text() == "unset"


def test_no_torch_is_imported_to_start_commands(bench):
    evaluator = bench.evaluator(GOOD)
    evaluator.evaluate(bench.space.parse("m1c2--"), Fidelity(1), 0)
    assert "torch" not in Path(f"/proc/{evaluator.server_pid}/maps").read_text()


def test_several_run_at_once_and_a_stop_kills_them(bench, space, processes):
    evaluator = bench.evaluator(
        "import os, time\nopen(f'pid-{os.getpid()}', 'w').close()\ntime.sleep(600)", slots=2
    )
    jobs = [Job(f"t{n}", space.parse("m1c2--"), Fidelity(1), n) for n in range(3)]
    heard = []
    evaluator.evaluate_many(
        jobs,
        on_start=lambda job: heard.append(job.trial_id),
        on_outcome=lambda job, outcome: heard.append(outcome),
        should_stop=lambda: len(list(bench.folder.glob("pid-*"))) == 2,
    )
    assert heard == ["t0", "t1"]
    for file in bench.folder.glob("pid-*"):
        pid = int(file.name[4:])
        assert processes.eventually(lambda pid=pid: not processes.is_running(pid), PATIENCE_S)


DRIVER = """
import sys
from pathlib import Path
from navarch.evaluation import CallableEvaluator, Fidelity, callable_task, make_command
from navarch.spaces import get_space

space = get_space(sys.argv[1])
command = make_command(f"{sys.executable} mine.py", None, Path.cwd())
evaluator = CallableEvaluator(command, callable_task(command, space), space)
evaluator.evaluate(space.parse("m1c2--"), Fidelity(1), 0)
"""


def test_the_command_is_gone_when_the_driver_is_killed(bench, processes):
    note = bench.folder / "pid"
    program = "import os, time\nopen('part', 'w').write(str(os.getpid()))\nos.rename('part', 'pid')\ntime.sleep(600)"
    (bench.folder / "mine.py").write_text(program)
    arguments = [sys.executable, "-c", DRIVER, str(EXAMPLES / "widgets.toml")]
    with subprocess.Popen(arguments, cwd=bench.folder) as driver:
        assert processes.eventually(note.exists, 60.0)
        os.kill(driver.pid, signal.SIGKILL)
    pid = int(note.read_text())
    assert processes.eventually(lambda: not processes.is_running(pid), PATIENCE_S)


def test_an_architecture_of_another_space_is_invalid_and_starts_nothing(bench):
    evaluator = bench.evaluator(GOOD)
    outcome = evaluator.evaluate(Architecture("moon", ("a",)), Fidelity(1), 0)
    assert (outcome.state, outcome.reason) == ("failed", "invalid")
    assert evaluator.server_pid is None


# --- the final test


TWO_SPLITS = """
import json, sys
split = json.load(sys.stdin)["split"]
print(json.dumps({"val_accuracy": 70, **({"test_accuracy": 68.5} if split == "test" else {})}))
"""


def test_the_test_split_is_asked_for_by_name(bench, space):
    evaluator = bench.evaluator(TWO_SPLITS)
    score = evaluator.test(space.parse("m1c2--"), Fidelity(1), 3, split="test")
    assert (score.accuracy, score.val_accuracy) == (68.5, 70.0)
    assert score.seconds > 0


def test_a_command_that_knows_no_test_split_gives_none(bench, space):
    assert bench.evaluator(GOOD).test(space.parse("m1c2--"), Fidelity(1), 3, split="test") is None


@pytest.mark.parametrize("program", ["1 / 0", TWO_SPLITS.replace("68.5", "120")])
def test_a_final_test_that_fails_can_be_repeated(bench, space, program):
    with pytest.raises(TestFailedError, match="m1c2--"):
        bench.evaluator(program).test(space.parse("m1c2--"), Fidelity(1), 3, split="test")


# --- Python functions


def function(bench, program, target="mine:measure", **settings):
    (bench.folder / "mine.py").write_text(program)
    return bench.keep(make_command(None, target, bench.folder), **settings)


def test_a_function_is_called_with_the_message_and_may_print(bench, space):
    evaluator = function(
        bench,
        "import sys\n"
        "def measure(request):\n"
        "    print('loss 0.5')\n"
        "    assert request['split'] == 'val'\n"
        "    return {'val_accuracy': 60 + len(request['architecture'])}\n",
    )
    outcome = evaluator.evaluate(space.parse("m1c2--"), Fidelity(1), 3)
    assert (outcome.state, outcome.objectives["val_accuracy"]) == ("complete", 66.0)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("def other(request): pass", ["AttributeError", "measure"]),
        ("def measure(request): raise ValueError('odd width')", ["ValueError", "odd width"]),
        ("def measure(request): return 70.0", ["no JSON object"]),
        ("def measure(request): return {'val_accuracy': {1, 2}}", ["TypeError"]),
        ("import nothing_of_this_name", ["ModuleNotFoundError"]),
    ],
)
def test_a_function_that_goes_wrong_is_a_failed_trial(bench, space, program, words):
    outcome = function(bench, program).evaluate(space.parse("m1c2--"), Fidelity(1), 3)
    assert (outcome.state, outcome.reason) == ("failed", "crashed")
    for word in words:
        assert word in outcome.detail


# --- settings


@pytest.mark.parametrize(
    ("command", "target", "words"),
    [
        (None, None, ["one command or one function"]),
        ("true", "mine:measure", ["one command or one function"]),
        ("", None, ["empty"]),
        ("   ", None, ["empty"]),
        ('python "mine.py', None, ["cannot be split"]),
        ("nothing-of-this-name mine.py", None, ["'nothing-of-this-name'", "PATH"]),
        ("./mine.py", None, ["'./mine.py'"]),
        ("true\n", None, ["printable"]),
        ("true \0", None, ["printable"]),
        ("true " + "x" * 9_000, None, ["8192"]),
        (None, "mine", ["MODULE:NAME"]),
        (None, "mine.py:measure()", ["MODULE:NAME"]),
        (None, "nothing_of_this_name:measure", ["no module 'nothing_of_this_name'"]),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_before_anything_starts(tmp_path, command, target, words):
    with pytest.raises(NavarchError) as refused:
        make_command(command, target, tmp_path)
    for word in words:
        assert word in str(refused.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(NavarchError, match="no folder"):
        make_command("true", None, tmp_path / "none")


@pytest.mark.parametrize("settings", [{"slots": 0}, {"timeout_s": 0.0}, {"timeout_s": float("nan")}])
def test_numbers_that_make_no_sense_are_refused(tmp_path, space, settings):
    command = make_command("true", None, tmp_path)
    with pytest.raises(NavarchError, match="; give "):
        CallableEvaluator(command, callable_task(command, space), space, **settings)


def test_the_task_follows_the_command_the_files_it_names_and_the_space(tmp_path, space):
    def digest(text, space=space):
        return callable_task(make_command(text, None, tmp_path), space).digest

    (tmp_path / "mine.py").write_text("one")
    first = digest("python mine.py")
    assert digest("python mine.py") == first
    assert digest("python mine.py --fast") != first
    assert digest("python mine.py", get_space("nas-bench-201")) != first
    (tmp_path / "mine.py").write_text("two")
    assert digest("python mine.py") != first
    assert digest(f"python -c {'x' * 5_000}") != first  # no name of a file can be as long


def test_the_task_of_a_function_follows_its_file(tmp_path, space):
    (tmp_path / "mine.py").write_text("one")
    first = callable_task(make_command(None, "mine:measure", tmp_path), space)
    assert first.name == "callable:mine.py"
    (tmp_path / "mine.py").write_text("two")
    assert callable_task(make_command(None, "mine:measure", tmp_path), space).digest != first.digest


def test_a_job_too_large_to_send_is_invalid(bench, monkeypatch):
    evaluator = bench.evaluator(GOOD)
    monkeypatch.setattr(evaluator, "_message", lambda action, job: {"architecture": "x" * 70_000})
    outcome = evaluator.evaluate(bench.space.parse("m1c2--"), Fidelity(1), 0)
    assert outcome == failed("invalid", outcome.detail)
    assert "65536" in outcome.detail
