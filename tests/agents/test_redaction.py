"""Keys stay out of texts: in full, encoded, in pieces; and a secret never shows itself."""

import base64
import copy
import os
import pickle
from dataclasses import asdict, dataclass
from urllib.parse import quote

import pytest

from navarch import NavarchError
from navarch.agents.redaction import Secret, known_secrets, read_api_key, redact

KEY = "sk-canary/0123456789+abcdefghijklmnop=="


def test_a_secret_never_shows_its_value():
    secret = Secret(KEY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>10}", repr([secret]), repr({"a": secret})]
    assert not [text for text in shown if "canary" in text]
    assert secret.reveal() == KEY


def test_a_secret_survives_copies_and_refuses_pickling():
    @dataclass
    class Holder:
        key: Secret

    assert asdict(Holder(Secret(KEY)))["key"].reveal() == KEY
    assert copy.deepcopy(Secret(KEY)).reveal() == KEY
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(KEY))


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        base64.b64encode(b"Bearer " + KEY.encode()).decode(),
        KEY.encode().hex(),
        KEY[:20],
        KEY[-12:],
        KEY[5:25],
    ],
)
def test_every_form_of_a_key_is_masked(form):
    text = redact(f"before {form} after {form}", [Secret(KEY)])
    assert text.startswith("before ***")
    assert not [KEY[n : n + 12] for n in range(len(KEY) - 11) if KEY[n : n + 12] in text]
    assert form not in text


def test_other_text_stays():
    assert redact("nothing to hide: sk-other", [Secret(KEY)]) == "nothing to hide: sk-other"
    assert redact("text", []) == redact("text", [Secret("")]) == "text"


def test_the_text_around_a_key_stays():
    assert redact(f"{KEY}, a {KEY} z", [Secret(KEY)]) == "***, a *** z"


@pytest.mark.parametrize("placeholder", ["none", "EMPTY", "x", "not-needed", "12345678901"])
def test_a_key_of_less_than_twelve_characters_is_a_placeholder_and_stays(placeholder):
    raw = placeholder.encode()
    encoded = [base64.b64encode(raw).decode(), base64.b64encode(b"Bearer " + raw).decode(), raw.hex()]
    text = f"the option {placeholder}, {' '.join(encoded)}"
    assert redact(text, [Secret(placeholder)]) == text


def test_a_key_of_twelve_characters_is_masked():
    assert redact("key abc123abc123 end", [Secret("abc123abc123")]) == "key *** end"


def test_keys_come_from_two_variables_in_order():
    assert read_api_key({}) is None
    assert read_api_key({"OPENAI_API_KEY": "  "}) is None
    both = {"OPENAI_API_KEY": "b", "NAVARCH_API_KEY": "a\n"}
    assert read_api_key(both).reveal() == "a"
    assert read_api_key({"OPENAI_API_KEY": "b"}).reveal() == "b"


@pytest.mark.parametrize("before", ["", "x", "xx", "xxx", "user:", "Authorization: Bearer "])
@pytest.mark.parametrize("after", ["", "y", "yy", "\r\nHost: h"])
def test_a_key_anywhere_in_a_longer_encoded_text_is_masked(before, after):
    encoded = base64.b64encode(f"{before}{KEY}{after}".encode()).decode()
    text = redact(encoded, [Secret(KEY)])
    head, *tail = text.split("***")
    shown = base64.b64decode(head[: len(head) // 4 * 4])
    assert len(tail) == 1
    assert len(shown) <= len(before) + 1
    assert len(tail[0]) <= len(base64.b64encode(after.encode())) + 4


def key_file(path, text=f"{KEY}\n", mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return {"NAVARCH_API_KEY_FILE": str(path)}


def test_a_key_may_lie_in_a_file_of_its_owner_alone(tmp_path):
    environ = key_file(tmp_path / "key")
    assert read_api_key(environ).reveal() == KEY
    assert read_api_key({**environ, "OPENAI_API_KEY": "other"}).reveal() == KEY
    assert read_api_key({**environ, "NAVARCH_API_KEY": "own"}).reveal() == "own"
    everything = {**environ, "OPENAI_API_KEY": "other", "NAVARCH_API_KEY": "own"}
    assert {secret.reveal() for secret in known_secrets(everything)} == {KEY, "other", "own"}


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (KEY, 0o640, "can be used by others (mode 0640): run chmod 600"),
        (KEY, 0o604, "chmod 600"),
        (KEY, 0o620, "chmod 600"),
        ("", 0o600, "holds no key"),
        (f"{KEY}\n{KEY}", 0o600, "holds no key"),
        (f"KEY={KEY} x", 0o600, "holds no key"),
        (KEY * 200, 0o600, "holds no key"),
        (f"{KEY}\x00", 0o600, "holds no key"),
    ],
)
def test_a_key_file_that_is_open_or_odd_is_refused_without_its_content(tmp_path, text, mode, said):
    environ = key_file(tmp_path / "key", text, mode)
    with pytest.raises(NavarchError) as caught:
        read_api_key(environ)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
    assert known_secrets(environ) == ()


def test_a_key_file_that_is_missing_or_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, said in ((tmp_path / "none", "cannot be read"), (tmp_path / "pipe", "not a plain file")):
        with pytest.raises(NavarchError, match=said):
            read_api_key({"NAVARCH_API_KEY_FILE": str(path)})
