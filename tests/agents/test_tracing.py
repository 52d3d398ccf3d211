"""Tracing variables of other programs alone send nothing anywhere: matrix row H3.

Whole commands, with every socket watched.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openai_server import OpenAIServer

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
LANGSMITH = {
    "LANGSMITH_TRACING": "true", "LANGSMITH_TRACING_V2": "true", "LANGSMITH_API_KEY": "ls-canary-key",
    "LANGSMITH_PROJECT": "p", "LANGSMITH_ENDPOINT": "{spy}", "LANGSMITH_RUNS_ENDPOINTS": '{{"{spy}": "ls-canary-key"}}',
    "LANGSMITH_GATEWAY": "true",
}  # fmt: skip
LANGCHAIN = {
    "LANGCHAIN_TRACING": "true", "LANGCHAIN_TRACING_V2": "true", "LANGCHAIN_API_KEY": "ls-canary-key",
    "LANGCHAIN_ENDPOINT": "{spy}", "LANGCHAIN_PROJECT": "p", "LANGCHAIN_HANDLER": "langchain",
    "LANGCHAIN_VERBOSE": "true",
}  # fmt: skip
OTEL = {
    "LANGSMITH_OTEL_ENABLED": "true", "LANGCHAIN_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true",
    "LANGSMITH_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "{spy}", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{spy}",
    "OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_SDK_DISABLED": "false", "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
}  # fmt: skip
VARIABLES = {
    "LANGSMITH": LANGSMITH,
    "LANGCHAIN": LANGCHAIN,
    "OTEL": OTEL,
    "all of them": LANGSMITH | LANGCHAIN | OTEL,
}
# Runs the command with every connection and every name that is looked up written down.
WATCHED = """
import atexit, json, socket, sys
seen = []
connect, look_up = socket.socket.connect, socket.getaddrinfo
def spied(self, address):
    seen.append(["connect", str(address)])
    return connect(self, address)
def spied_name(*names, **more):
    seen.append(["name", str(names[0])])
    return look_up(*names, **more)
socket.socket.connect, socket.getaddrinfo = spied, spied_name
send = socket.socket.sendto
socket.socket.sendto = lambda self, *what: (seen.append(["sendto", str(what[-1])]), send(self, *what))[1]
atexit.register(lambda: open("seen.json", "w").write(json.dumps(seen)))
sys.argv[0] = "navarch"
from navarch.cli.main import main
main()
"""


def watched(folder, variables, *arguments):
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environ = {**kept, "HOME": str(folder), "XDG_CACHE_HOME": str(folder), **variables}
    command = [sys.executable, "-c", WATCHED, *map(str, arguments)]
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return json.loads((folder / "seen.json").read_text())


def search(*flags):
    table = ("--evaluator", "table", "--set", f"table.path={EXAMPLES / 'widgets.csv'}", "--budget", "3")
    return ("run", "--space", EXAMPLES / "widgets.toml", *table, *flags)


@pytest.mark.slow
@pytest.mark.parametrize("variables", VARIABLES)
def test_a_run_with_tracing_variables_talks_to_its_model_server_alone(tmp_path, variables):
    with OpenAIServer(["spied"]) as spy, OpenAIServer(["no JSON"]) as server:
        root = spy.base_url.removesuffix("/v1")
        given = {name: value.format(spy=root) for name, value in VARIABLES[variables].items()}
        seen = watched(tmp_path, given, *search("--model", "openai:m", "--base-url", server.base_url))
        port = server.base_url.split(":")[2].removesuffix("/v1")
        asked = list(server.requests)
    assert len(asked) >= 3
    assert {address for kind, address in seen if kind == "connect"} == {f"('127.0.0.1', {port})"}
    assert {name for kind, name in seen if kind == "name"} <= {"127.0.0.1"}
    assert not [one for one in seen if one[0] == "sendto"]
    assert spy.requests == []


@pytest.mark.slow
def test_an_offline_run_with_tracing_variables_opens_no_connection(tmp_path):
    with OpenAIServer(["spied"]) as spy:
        root = spy.base_url.removesuffix("/v1")
        given = {name: value.format(spy=root) for name, value in VARIABLES["all of them"].items()}
        assert watched(tmp_path, given, *search()) == []
        assert spy.requests == []
