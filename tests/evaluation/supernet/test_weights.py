"""Files that are no weights of ours are refused in one sentence, and nothing in them runs (RELIABILITY.md F12)."""

import json
import os
import pickle
import zipfile
from dataclasses import asdict, replace

import pytest
import torch

from navarch import NavarchError
from navarch.evaluation.supernet.weights import About, read_weights, write_weights
from navarch.evaluation.tensor_file import digest_of

ABOUT = About("nas-bench-201", "digits", "0" * 16, 10, 1, 12, {"width": 4}, 2, 2, 0, "uniform", 25, 0.1)
WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(())}


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return open, (str(self.sentinel), "w")


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.pt"
    write_weights(path, ABOUT, WEIGHTS, {})
    return path


def content_of(path):
    return torch.load(path, weights_only=True)


def plain_pickle(path, good, sentinel):
    path.write_bytes(pickle.dumps({"format": "navarch supernet 1", "weights": Payload(sentinel)}))


def pickle_in_a_zip(path, good, sentinel):
    torch.save({**content_of(good), "state": {"optimizer": Payload(sentinel)}}, path)


def pickle_in_the_old_format(path, good, sentinel):
    torch.save({**content_of(good), "state": Payload(sentinel)}, path, _use_new_zipfile_serialization=False)


def pickle_beside_the_weights(path, good, sentinel):
    path.write_bytes(good.read_bytes())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, pickle.dumps(Payload(sentinel)) if name.endswith("data.pkl") else data)


def cut_to(share):
    def cut(path, good, sentinel):
        whole = good.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])

    return cut


def cut_one_byte(path, good, sentinel):
    path.write_bytes(good.read_bytes()[:-1])


def flipped_bit(path, good, sentinel):
    data = bytearray(good.read_bytes())
    at = data.find(WEIGHTS["a"].numpy().tobytes())
    data[at + 5] ^= 1
    path.write_bytes(bytes(data))


def changed(**parts):
    def change(path, good, sentinel):
        content = content_of(good)
        torch.save({**content, **{name: new(content[name]) for name, new in parts.items()}}, path)

    return change


QUICK = {
    "pickle payload": pickle_in_a_zip,
    "truncated": cut_to(0.5),
    "wrong digest": changed(weights=lambda weights: {**weights, "a": weights["a"] + 1}),
}
FULL = QUICK | {
    "plain pickle payload": plain_pickle,
    "payload in the old format": pickle_in_the_old_format,
    "payload as the index": pickle_beside_the_weights,
    "empty": cut_to(0.0),
    "first tenth": cut_to(0.1),
    "one byte short": cut_one_byte,
    "flipped bit": flipped_bit,
    "weights dropped": changed(weights=lambda weights: {"a": weights["a"]}),
    "said to be of another space": changed(
        about=lambda text: text.replace("nas-bench-201", "spos-shufflenetv2")
    ),
}
CASES = [
    pytest.param(spoil, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name, spoil in FULL.items()
]


@pytest.mark.parametrize("spoil", CASES)
def test_a_spoilt_file_is_refused_and_nothing_in_it_runs(good, tmp_path, spoil):
    sentinel, path = tmp_path / "ran", tmp_path / "spoilt.pt"
    spoil(path, good, sentinel)
    with pytest.raises(NavarchError, match=r"spoilt\.pt' is no supernet of navarch's: .*\.$") as told:
        read_weights(path)
    assert "\n" not in str(told.value)
    assert not sentinel.exists()


def test_the_full_column_has_twelve_cases():
    assert len(FULL) == 12


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "pipe", "text", "other zip", "other content", "no tensors", "odd facts"]
)
def test_an_alien_file_is_one_sentence(tmp_path, good, kind):
    path = tmp_path / "alien.pt"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "text":
        path.write_text("weights")
    elif kind == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "b")
    elif kind == "other content":
        torch.save({"state_dict": WEIGHTS}, path)
    elif kind == "no tensors":
        write_weights(path, ABOUT, {"a": torch.ones(1)}, {})
        torch.save({**content_of(path), "weights": {"a": [1.0]}}, path)
    elif kind == "odd facts":
        write_weights(path, replace(ABOUT, epochs="many"), WEIGHTS, {})
    with pytest.raises(NavarchError, match="alien"):
        read_weights(path)


def test_weights_come_back_equal_with_what_they_are_of(good):
    stored = read_weights(good)
    assert asdict(stored.about) == asdict(ABOUT)
    assert all(torch.equal(stored.weights[name], value) for name, value in WEIGHTS.items())
    assert stored.digest == read_weights(good).digest
    assert not list(good.parent.glob("*.part"))


def test_a_file_of_before_weights_could_be_imported_is_read(tmp_path, good):

    content = content_of(good)
    facts = json.loads(content["about"])
    del facts["origin"]
    content["about"] = json.dumps(facts, sort_keys=True)
    del content["digest"]
    torch.save({**content, "digest": digest_of(content)}, tmp_path / "older.pt")
    assert read_weights(tmp_path / "older.pt").about == ABOUT


def test_the_digest_follows_weights_facts_and_state(tmp_path, good):
    found = {read_weights(good).digest}
    for number, (about, weights, state) in enumerate(
        [
            (replace(ABOUT, seed=1), WEIGHTS, {}),
            (ABOUT, {**WEIGHTS, "b": torch.zeros(())}, {}),
            (ABOUT, {**WEIGHTS, "a": WEIGHTS["a"].view(3, 2)}, {}),
            (ABOUT, WEIGHTS, {"optimizer": {"state": {0: {"momentum_buffer": torch.ones(2)}}}}),
        ]
    ):
        path = tmp_path / f"{number}.pt"
        write_weights(path, about, weights, state)
        found.add(read_weights(path).digest)
    assert len(found) == 5


def test_a_kill_while_writing_leaves_the_file_of_the_epoch_before(good, monkeypatch):
    before = good.read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("navarch.evaluation.tensor_file.os.fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        write_weights(good, replace(ABOUT, seed=5), WEIGHTS, {})
    assert good.read_bytes() == before
    assert json.loads(content_of(good)["about"])["seed"] == 0


def test_a_folder_that_takes_no_file_is_one_sentence(tmp_path):
    with pytest.raises(NavarchError, match=r"cannot be written: No such file or directory\.$"):
        write_weights(tmp_path / "gone" / "a.pt", ABOUT, WEIGHTS, {})
