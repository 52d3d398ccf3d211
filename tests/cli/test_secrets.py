"""A canary key is in no place where a user, a colleague or a worker could find it: matrix row H1.

One search against a server that says the key in every way it can, then every command on what it left. SINKS names each
place and how to look into it; each is searched for the key plain, in base64 (wherever it begins in the encoded text),
and URL-encoded, and for every piece of 12 characters of these.
"""

import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
from openai_server import Fault, OpenAIServer, error

from navarch.memory import Memory

BIN = Path(sys.executable).parent
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
# Three sources at once: the key in use, the one that is not, and a file that nobody reads.
KEY, OTHER, DOTENV = (
    "sk-canary/R7vQ2mZx8KpL4tWn+c9Yb3HdJ6fGqA==",
    "sk-other1+Xw5Tz7Lk2Vn9Mq4Bs8/Dr6Hf3Jc1Pg==",
    "sk-dotenv/Ue4Ya8So1Ti6Ge3Ro+Ki7Na5Lo2Mu9w=",
)
SMALL = ("--budget", "4", "--set", "search.trials_per_round=2", "--set", "search.proposals=4")

# What an evaluator's process writes down of itself and of its parent, in the middle of a run.
PROBE = """
import json, os, shutil, sys
from pathlib import Path
seen = Path({seen!r})
seen.mkdir(exist_ok=True)
job = sys.stdin.read()
(seen / "job").write_text(job)
(seen / "argv").write_text(repr(sys.argv))
for pid, name in ((os.getpid(), "worker"), (os.getppid(), "parent")):
    (seen / (name + "-cmdline")).write_bytes(Path(f"/proc/{{pid}}/cmdline").read_bytes())
(seen / "worker-environ").write_bytes(Path("/proc/self/environ").read_bytes())
(seen / "environ").write_text(repr(dict(os.environ)))
for file in Path({folder!r}).glob("navarch.db*"):
    if file.is_file():
        shutil.copy(file, seen / ("live-" + file.name))
print(json.dumps({{"val_accuracy": 50.0 + len(job) % 7}}))
"""


def forms(key):
    """Return the four forms in which a key is looked for, as texts of which every 12 characters count."""
    raw = key.encode()
    shifted = [
        base64.b64encode(bytes(n) + raw).decode()[-(-n * 8 // 6) : (n + len(raw)) * 8 // 6] for n in range(3)
    ]
    return [
        key,
        *shifted,
        *(form.replace("+", "-").replace("/", "_") for form in shifted),
        quote(key, safe=""),
    ]


PIECES = {
    form[at : at + 12].encode()
    for key in (KEY, OTHER, DOTENV)
    for form in forms(key)
    for at in range(len(form) - 11)
}


def found_in(*texts):
    """Return the pieces of a key that texts hold."""
    whole = b"\n".join(text if isinstance(text, bytes) else text.encode(errors="replace") for text in texts)
    return sorted(piece for piece in PIECES if piece in whole)


def test_the_search_for_a_key_finds_every_form_of_it():
    for key in (KEY, OTHER, DOTENV):
        for text in (
            key, f"x{key}y", key[9:21], quote(key), base64.b64encode(f"Bearer {key}".encode()).decode(),
            base64.urlsafe_b64encode(f"ab{key}cd".encode()).decode(), json.dumps({"k": key}),
        ):  # fmt: skip
            assert found_in(text), text
    assert not found_in("sk-canary/", "canary", KEY[:11])


def leaky(key):
    """Return what a server may answer that puts its client's key into everything it sends."""
    encoded = base64.b64encode(f"Bearer {key}".encode()).decode()
    said = f"{key} {encoded} {quote(key, safe='')} {key[5:20]}"
    direction = {"summary": said, "patterns": [said], "guidance": [], "build_on": [], "explore": 1.0}
    verdict = {"candidate": 1, "decision": "accept", "score": 0.5, "reason": said[:300]}
    lesson = {"statement": said[:300], "dimension": None, "option": key[:40], "effect": "helps"}
    echo = {"Authorization": f"Bearer {key}", "X-Echo": encoded, "Set-Cookie": f"k={quote(key, safe='')}"}
    return [
        error(500, f"your key {said} broke me", X_Request_Id=key),
        Fault(text=json.dumps(direction), headers=echo, message={"reasoning_content": f"my key is {said}"}),
        Fault(text=f"<think>{said}</think>no JSON but {said}"),
        Fault(text=json.dumps({key: 1, said: {}})),
        Fault(text='{"a": 1, "a": 2, "' + key + '": 3, "' + key + '": 4}', finish_reason=key),
        error(429, f"slow down {said}", Retry_After="0"),
        error(400, f"bad {said}", code=key),
        Fault(text=json.dumps({"verdicts": [verdict]})),
        Fault(text=json.dumps({"lessons": [{**lesson, "supports": [1], "contradicts": []}], "retire": []})),
        Fault(status=302, body=said.encode(), headers={"Location": f"http://127.0.0.1:9/?key={key}"}),
        Fault(status=200, body=f"<html>{said}</html>".encode(), headers={"Content-Type": "text/html"}),
        Fault(body=json.dumps({"error": said, "choices": said, "usage": said, "model": key}).encode()),
        Fault(text=said, usage={"prompt_tokens": key, "completion_tokens": said}),
        Fault(text=said),
    ]


def environment(folder, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG") if name in os.environ}
    own = {
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "data"),
        "TMPDIR": str(folder / "tmp"),
    }
    return {**kept, **own, "NAVARCH_API_KEY": KEY, "OPENAI_API_KEY": OTHER, **more}


class Left:
    """What a run against the leaky server left: its folder, and the output of commands on it."""

    def __init__(self, folder):
        self.folder, self.work, self.seen = folder, folder / "work", folder / "seen"
        for part in (self.work, folder / "tmp"):
            part.mkdir()
        (self.work / ".env").write_text(f"NAVARCH_API_KEY={DOTENV}\nOPENAI_API_KEY={DOTENV}\n")
        probe = self.work / "probe.py"
        probe.write_text(PROBE.format(seen=str(self.seen), folder=str(self.work)))
        self.space = ("--space", EXAMPLES / "widgets.toml")
        measured = ("--evaluator", "callable", "--set", f"callable.command={sys.executable} {probe}")
        self.server = OpenAIServer(leaky(KEY), {"/v1/models": error(403, f"no {KEY}", X_Echo=KEY)})
        model = ("--model", "openai:m", "--base-url", self.server.base_url)
        command = [BIN / "navarch", "run", *map(str, (*self.space, *measured, *model, *SMALL))]
        environ = environment(folder, OPENAI_LOG="debug")
        self.ran = subprocess.run(command, cwd=self.work, env=environ, capture_output=True, timeout=120)
        assert self.ran.returncode == 0, self.ran.stderr

    def shown(self, *arguments, code=0):
        """Return what a command prints, of both streams; it is called in this process, which is faster."""
        from navarch.cli.main import main

        with pytest.MonkeyPatch.context() as patch, StringIO() as printed:
            patch.chdir(self.work)
            for name, value in environment(self.folder).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["navarch", *map(str, arguments)])
            ended = 0
            with redirect_stdout(printed), redirect_stderr(printed):
                try:
                    main()
                except SystemExit as leaving:
                    ended = leaving.code or 0
            assert code in (ended, None), (arguments, printed.getvalue())
            return printed.getvalue()

    def cells(self, file):
        """Return every cell of a memory, compressed texts unpacked."""
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            cells = [cell for table in tables for row in db.execute(f"SELECT * FROM {table}") for cell in row]
        db.close()
        packed = [cell for cell in cells if isinstance(cell, bytes)]
        with Memory.open(file, create=False, read_only=True) as memory:
            digests = [digest for (digest,) in memory._store.rows("SELECT digest FROM texts")]
            return [*map(str, cells), *packed, *(memory.text(digest).encode() for digest in digests)]

    def files(self, *patterns):
        found = [file for pattern in patterns for file in self.folder.glob(pattern) if file.is_file()]
        assert found, patterns
        return [file.read_bytes() for file in found]

    def failing(self, answer, *arguments):
        """Return what a run prints against a server that gives one answer for ever."""
        with OpenAIServer([answer]) as server:
            return self.shown("run", *self.against(server, "failing.db"), *arguments, code=None)

    def traced(self):
        """Return the traceback of a run that fails in a way that nobody foresaw, and the provider's log."""
        with OpenAIServer([error(403, f"no {KEY}", X_Echo=KEY)]) as server:
            broken = f"import navarch.agents.caller as c; c.redact = lambda *a: 1 / 0 if {KEY!r} else 0"
            start = (
                f"{broken}; import sys; sys.argv[0] = 'navarch'; from navarch.cli.main import main; main()"
            )
            start = start.replace(repr(KEY), "__import__('os').environ['NAVARCH_API_KEY']")
            command = [sys.executable, "-c", start, "run", *map(str, self.against(server, "traced.db"))]
            environ = environment(self.folder, NAVARCH_DEBUG="1", OPENAI_LOG="debug")
            ended = subprocess.run(command, cwd=self.work, env=environ, capture_output=True, timeout=120)
        assert b"ZeroDivisionError" in ended.stderr
        assert b"Traceback" in ended.stderr
        return [ended.stdout, ended.stderr]

    def against(self, server, db):
        own = ("--model", "openai:m", "--base-url", server.base_url, "--db", db)
        return (*self.space, *self.table, *own, *SMALL)

    @property
    def table(self):
        return ("--evaluator", "table", "--set", f"table.path={EXAMPLES / 'widgets.csv'}")

    def checked(self, *flags):
        """Return what a check of the model prints, and what it remembers."""
        good = [
            Fault(text=f"red {KEY}"),
            Fault(text='{"colour": "red"}'),
            error(400, f"json_schema {KEY}"),
            "{}",
        ]
        listing = {"data": [{"id": "m", "owned_by": KEY, "max_model_len": 9000}, {"id": KEY}]}
        with OpenAIServer(good, {"/v1/models": Fault(body=json.dumps(listing).encode())}) as server:
            return self.shown("models", "check", "m", "--base-url", server.base_url, *flags)

    def exported(self):
        out = self.work / "run.db"
        if not out.exists():
            self.shown("export", "r1", "-o", out)
        return [*self.cells(out), out.read_bytes()]

    def imported(self):
        self.exported()
        self.shown("import", "run.db", "--db", "copy.db")
        return self.cells(self.work / "copy.db")

    def benched(self):
        model = ("model=openai:m", f"server.base_url={self.server.base_url}", "budget.calls=9")
        flags = [part for text in model for part in ("--set", text)]
        flags += ["--set", f"space={EXAMPLES / 'widgets.toml'}", "--set", "evaluator=table", "--seeds", "1"]
        said = self.shown(
            "bench", "--workflow", "navarch", *flags, *self.table[2:], "--budget", "4", "--jobs", "1"
        )
        cells = [cell for file in self.folder.glob("work/bench/**/*.db") for cell in self.cells(file)]
        return [said, *cells, *self.files("work/bench/**/*")]


SINKS = {
    "memory, every cell": lambda left: left.cells(left.work / "navarch.db"),
    "memory, bytes of the file": lambda left: left.files("work/navarch.db"),
    "memory and its write-ahead log while the run goes on": lambda left: left.files("seen/live-*"),
    "checkpoints, locks and all else beside it": lambda left: left.files("work/*.db*", "work/*/**/*"),
    "temporary files": lambda left: [file.read_bytes() for file in left.folder.glob("tmp/**/*") if file.is_file()],
    "standard output of a run": lambda left: [left.ran.stdout],
    "standard error of a run, with the provider's log at DEBUG": lambda left: [left.ran.stderr],
    "arguments of every process": lambda left: left.files("seen/*-cmdline", "seen/argv"),
    "environment of a worker": lambda left: left.files("seen/worker-environ", "seen/environ"),
    "a worker's job": lambda left: left.files("seen/job"),
    "trace": lambda left: [left.shown("trace")],
    "trace --full": lambda left: [left.shown("trace", "--full")],
    "trace --json": lambda left: [left.shown("trace", "--json")],
    "trace --failed": lambda left: [left.shown("trace", "--failed")],
    "trace --proposals": lambda left: [left.shown("trace", "--proposals", "--json")],
    "show": lambda left: [left.shown("show", "--lessons")],
    "show --json": lambda left: [left.shown("show", "--json")],
    "runs and best": lambda left: [left.shown("runs", "--json"), left.shown("best")],
    "doctor": lambda left: [left.shown("doctor")],
    "plan": lambda left: [
        left.shown("plan", *left.space, *left.table, "--model", "openai:m", "--base-url", left.server.base_url, *flag)
        for flag in ([], ["--json"])
    ],
    "models check": lambda left: [left.checked()],
    "models check --json": lambda left: [left.checked("--json")],
    "what is remembered of endpoints": lambda left: (left.checked(), left.files("cache/**/*"))[1],
    "an exported run": lambda left: left.exported(),
    "an imported run": lambda left: left.imported(),
    "a bench's folder, report and figures": lambda left: left.benched(),
    "prompts render, check and compare": lambda left: [
        left.shown("prompts", "render", "navigator", "--round", "2"),
        left.shown("prompts", "check"),
        left.shown("prompts", "compare", "r1", "r1", "--json"),
    ],
    "answers of the cache": lambda left: [
        left.failing(Fault(text=KEY), "--set", "server.cache=true"),
        *left.cells(left.work / "failing.db"),
    ],
    "a run that a refused key ends": lambda left: [left.failing(error(401, f"Incorrect API key provided: {KEY}"))],
    "a run that a refused request ends": lambda left: [left.failing(error(400, f"key {KEY}", code=KEY))],
    "a run that an unknown model ends": lambda left: [left.failing(error(404, f"no model for {KEY}", X_Echo=KEY))],
    "a run that is sent elsewhere": lambda left: [
        left.failing(Fault(status=307, headers={"Location": f"http://127.0.0.1:9/{quote(KEY, safe='')}"}))
    ],
    "a traceback, with the provider's log at DEBUG": lambda left: left.traced(),
    "a setting with the key": lambda left: [
        left.shown("run", *arguments, code=2)
        for arguments in (
            ("--set", f"server.api_key={KEY}"), ("--model", f"openai:{KEY}"), ("--set", f"server.timeout_s={KEY}"),
            ("--base-url", f"https://h/v1?key={KEY}"), ("--base-url", f"https://u:{KEY}@h/v1"),
            ("--base-url", f"https://h/{quote(KEY, safe='')}/v1"), ("--space", KEY), ("--workflow", KEY), (KEY,),
        )
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    found = Left(tmp_path_factory.mktemp("leaks"))
    yield found
    found.server.close()
    shutil.rmtree(found.folder)


@pytest.mark.slow
@pytest.mark.parametrize("sink", SINKS)
def test_no_form_of_a_key_is_in(left, sink):
    assert len(SINKS) >= 30
    texts = SINKS[sink](left)
    assert found_in(*texts) == []


@pytest.mark.slow
def test_the_key_did_go_to_the_server_in_its_header_alone(left):
    assert {headers["authorization"] for headers in left.server.headers} == {f"Bearer {KEY}"}
    assert not found_in(json.dumps(left.server.requests), *left.server.paths)
    assert len(left.server.requests) > len(leaky(KEY))  # every answer was given
    assert b"DEBUG" in left.ran.stderr  # the provider's log was on
    assert b"***" in left.ran.stderr  # and had the key in it
    for headers in left.server.headers:
        assert not found_in(json.dumps({k: v for k, v in headers.items() if k != "authorization"}))
