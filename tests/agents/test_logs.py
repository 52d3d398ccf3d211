"""With every logger at DEBUG no log line and no `repr` holds the key, whatever the server answers: matrix row H2."""

import base64
import logging
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from openai_server import Fault, OpenAIServer, error, reset, reset_in_body

from navarch.agents.endpoint_models import offered_models
from navarch.agents.errors import ModelError
from navarch.agents.logs import mask_logs
from navarch.agents.model import Message
from navarch.agents.openai_model import OpenAIModel
from navarch.agents.redaction import Secret
from navarch.prompts import Sampling

KEY = "sk-canary/1234567890+abcdefghijkl=="
ENCODED = base64.b64encode(f"Bearer {KEY}".encode()).decode()
SAID = f"{KEY} {ENCODED} {quote(KEY, safe='')} {KEY[4:20]}"
ECHO = {"X-Echo": f"Bearer {KEY}", "Set-Cookie": f"k={quote(KEY, safe='')}", "WWW-Authenticate": ENCODED}
ANSWERS = {
    "a good reply": Fault(text=f"my key is {SAID}", headers=ECHO),
    "401": Fault(status=401, body=f'{{"error": {{"message": "{KEY}"}}}}'.encode(), headers=ECHO),
    "400": Fault(status=400, body=SAID.encode(), headers=ECHO),
    "429": Fault(status=429, body=SAID.encode(), headers={**ECHO, "Retry-After": "0"}),
    "500": error(500, SAID, code=KEY, X_Request_Id=KEY),
    "redirect": Fault(
        status=307, body=SAID.encode(), headers={**ECHO, "Location": f"http://127.0.0.1:9/?k={KEY}"}
    ),
    "HTML": Fault(body=f"<html>{SAID}</html>".encode(), headers={**ECHO, "Content-Type": "text/html"}),
    "odd usage": Fault(text=SAID, usage={"prompt_tokens": KEY}, finish_reason=KEY),
    "reset": Fault(act=reset),
    "reset in the body": Fault(act=reset_in_body),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_no_log_line_holds_the_key(caplog, answer):
    caplog.set_level(logging.DEBUG)
    with OpenAIServer([ANSWERS[answer]], {"/v1/models": ANSWERS[answer]}) as server:
        secret = Secret(KEY)
        model = OpenAIModel("m", base_url=server.base_url, api_key=secret, timeout_s=20, sleep=lambda s: None)
        said = []
        for _ in range(2):  # the second call finds the libraries' loggers as the first has left them
            try:
                model.complete((Message("user", "u"),), schema=None, sampling=Sampling())
            except ModelError as error:
                said.append(str(error))
        try:
            offered_models(server.base_url, "m", secret, 20)
        except ModelError as error:
            said.append(str(error))
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    lines = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    shown = [lines, *said, repr(model), repr(vars(model)), repr(model._chat), str(model._chat.model_dump())]
    for form in (KEY, ENCODED[10:], quote(KEY, safe=""), KEY[4:20], KEY[9:21]):
        assert not [text for text in shown if form in text]
    if answer not in ("reset", "reset in the body", "odd usage"):
        assert "***" in lines  # it was there, and was masked
    assert len(caplog.records) > 5


def test_a_traceback_in_a_log_line_is_masked_too(caplog):
    logger = logging.getLogger("httpx.test")
    mask_logs([Secret(KEY)])
    try:
        raise ValueError(f"no {KEY}")
    except ValueError:
        logger.exception("with %s", KEY)
    assert "canary" not in caplog.text
    assert "ValueError: no ***" in caplog.text


class Unshowable:
    def __repr__(self):
        raise RuntimeError(KEY)


@pytest.mark.parametrize("arguments", [(KEY, KEY), (Unshowable(),)])
def test_a_log_line_that_cannot_be_put_together_ends_no_call_and_shows_no_key(caplog, arguments):
    logger = logging.getLogger("httpx.test")
    mask_logs([Secret(KEY)])
    logger.error("with %s", *arguments)
    assert "cannot be put together" in caplog.text
    assert "canary" not in caplog.text


FRESH = """
import logging, sys
sys.path.insert(0, sys.argv[1])
logging.basicConfig(level=logging.DEBUG)
from openai_server import Fault, OpenAIServer
from navarch.agents.endpoint_models import offered_models
from navarch.agents.redaction import Secret
with OpenAIServer(["x"], {"/v1/models": Fault(body=b"{}", headers={"X-Echo": sys.argv[2]})}) as server:
    offered_models(server.base_url, "m", Secret(sys.argv[2]), 20)
"""


def test_the_first_thing_that_a_process_asks_is_masked():
    arguments = [sys.executable, "-c", FRESH, str(Path(__file__).resolve().parent.parent), KEY]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    assert "***" in done.stderr
    assert "receive_response_headers" in done.stderr
    assert "canary" not in done.stderr


def test_a_servers_cookie_is_not_sent_back():
    with OpenAIServer([Fault(text="ok", headers={"Set-Cookie": "tracked=yes; Path=/"})]) as server:
        model = OpenAIModel("m", base_url=server.base_url, api_key=Secret(KEY), timeout_s=20)
        for _ in range(2):
            model.complete((Message("user", "u"),), schema=None, sampling=Sampling())
        assert "tracked" not in str(server.headers)
