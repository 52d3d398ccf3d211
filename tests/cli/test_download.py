"""`navarch data download` against a server on loopback that serves small sets in the published formats."""

import gzip
import hashlib
import io
import json
import pickle
import resource
import struct
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from navarch.evaluation import Training, prepare_task
from navarch.evaluation.images import downloading
from navarch.evaluation.task_data import load_search_data
from navarch.evaluation.vision import import_torchvision

pytestmark = pytest.mark.slow  # torchvision takes seconds to import

LOADERS = {"cifar10": "CIFAR10", "cifar100": "CIFAR100", "fashion-mnist": "FashionMNIST"}


class Server(ThreadingHTTPServer):
    """Serve files by name. missing: answer 404; cut: send so many bytes and hang up; silent: send nothing more."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked = {}, []
        self.missing, self.silent, self.cut = False, False, None
        self.over = threading.Event()

    def handle_error(self, *_):
        """A client that leaves is none of this server's business."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.head()

    def head(self):
        body = self.server.files.get(self.path[1:])
        is_there = body is not None and not self.server.missing
        self.send_response(200 if is_there else 404)
        self.send_header("Content-Length", str(len(body) if is_there else 0))
        self.end_headers()
        return body if is_there else b""

    def do_GET(self):
        self.server.asked.append(self.path[1:])
        body = self.head()
        if self.server.silent:
            self.server.over.wait(30)
        else:
            self.wfile.write(body[: self.server.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.over.set()
        serving.shutdown()
        thread.join()


@pytest.fixture
def cli(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "store"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return cli


def md5(raw):
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


def made_cifar(classes, per_file, train, test):
    """Return the archive of a CIFAR and what torchvision knows of it."""
    chance = np.random.default_rng(0)
    key = "labels" if classes == 10 else "fine_labels"
    folder = "cifar-10-batches-py" if classes == 10 else "cifar-100-python"
    meta = ("batches.meta", "label_names") if classes == 10 else ("meta", "fine_label_names")
    contents = {
        name: {
            "data": chance.integers(0, 256, (per_file, 3072), dtype=np.uint8),
            key: [number % classes for number in range(per_file)],
        }
        for name in (*train, *test)
    }
    contents[meta[0]] = {meta[1]: [f"c{number}" for number in range(classes)]}
    packed = {name: pickle.dumps(content) for name, content in contents.items()}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, raw in packed.items():
            about = tarfile.TarInfo(f"{folder}/{name}")
            about.size = len(raw)
            archive.addfile(about, io.BytesIO(raw))
    return file.getvalue(), {
        "tgz_md5": md5(file.getvalue()),
        "train_list": [[name, md5(packed[name])] for name in train],
        "test_list": [[name, md5(packed[name])] for name in test],
        "meta": {"filename": meta[0], "key": meta[1], "md5": md5(packed[meta[0]])},
    }


def made_idx(array):
    """Return an array of bytes as MNIST's files have it, compressed."""
    head = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


def publish(server, monkeypatch, name):
    """Let the server have a small set of this name, and torchvision look for it there."""
    loader = getattr(import_torchvision("datasets"), LOADERS[name])
    if name == "fashion-mnist":
        chance = np.random.default_rng(0)
        resources = []
        for split, count in (("train", 200), ("t10k", 20)):
            labels = (np.arange(count) % 10).astype(np.uint8)
            images = chance.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            for kind, array in (
                (f"{split}-images-idx3-ubyte.gz", images),
                (f"{split}-labels-idx1-ubyte.gz", labels),
            ):
                server.files[kind] = made_idx(array)
                resources.append((kind, md5(server.files[kind])))
        monkeypatch.setattr(loader, "mirrors", [server.url])
        monkeypatch.setattr(loader, "resources", resources)
        return loader
    if name == "cifar10":
        raw, known = made_cifar(10, 20, [f"data_batch_{number}" for number in range(1, 6)], ["test_batch"])
    else:
        raw, known = made_cifar(100, 200, ["train"], ["test"])
    server.files[loader.filename] = raw
    monkeypatch.setattr(loader, "url", server.url + loader.filename)
    for field, value in known.items():
        monkeypatch.setattr(loader, field, value)
    return loader


def refused(cli, name, *words):
    """Return the one sentence that a failed download ends with; nothing of the set is kept or half there."""
    ended = cli("data", "download", name)
    assert ended.code == 2
    said = [line for line in ended.err.replace("\r", "\n").splitlines() if "cannot be downloaded" in line]
    assert len(said) == 1, ended.err
    for word in words:
        assert word in said[0]
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert json.loads(cli("data", "list", "--json").out) == []
    return said[0]


@pytest.mark.parametrize(
    ("name", "counts", "shape"),
    [
        ("cifar10", "100 train, 20 test", (3, 32)),
        ("cifar100", "200 train, 100 test, 100 val", (3, 32)),
        ("fashion-mnist", "200 train, 20 test", (1, 28)),
    ],
)
def test_a_set_is_fetched_checked_and_kept_and_then_needs_no_server(
    cli, server, monkeypatch, tmp_path, name, counts, shape
):
    publish(server, monkeypatch, name)
    ended = cli("data", "download", name)
    assert ended.code == 0, ended.err
    assert f"{counts} images of {shape[1]} x {shape[1]} pixels in {tmp_path / 'store'}" in ended.out
    assert f"use it: navarch run --task {name}" in ended.out
    assert "100%" in ended.err  # the progress of each file
    assert set(server.asked) == set(server.files)
    asked = len(server.asked)  # torchvision asks for each twice: where it is, and what it is
    (row,) = json.loads(cli("data", "list", "--json").out)
    assert (row["name"], row["state"]) == (name, "intact")

    server.missing = True
    assert cli("data", "download", name).code == 0
    assert len(server.asked) == asked
    task = prepare_task(name, Training())
    assert (task.in_channels, task.resolution) == shape
    assert len(load_search_data(task).train_labels) == task.train_size


@pytest.mark.parametrize("name", LOADERS)
def test_another_checksum_is_refused_and_nothing_is_kept(cli, server, monkeypatch, tmp_path, name):
    publish(server, monkeypatch, name)
    for file, raw in list(server.files.items()):
        server.files[file] = raw[:-1] + bytes([raw[-1] ^ 1])
    refused(cli, name, "checksum", "try again")
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_no_server_and_no_file_are_one_sentence_with_what_to_do(cli, server, monkeypatch, tmp_path):
    loader = publish(server, monkeypatch, "cifar10")
    server.missing = True
    refused(cli, "cifar10", "404", loader.filename, str(tmp_path / "store" / "images" / "torchvision"))
    monkeypatch.setattr(loader, "url", "http://127.0.0.1:9/none.tar.gz")  # discard: nobody listens
    refused(cli, "cifar10", "Connection refused")


def test_a_name_that_is_not_found_is_one_sentence(cli, server, monkeypatch):
    loader = publish(server, monkeypatch, "fashion-mnist")
    monkeypatch.setattr(loader, "mirrors", ["http://fashion-mnist.invalid/"])
    refused(cli, "fashion-mnist", "train-images-idx3-ubyte.gz", "FashionMNIST/raw")


@pytest.mark.parametrize("name", ["cifar10", "fashion-mnist"])
def test_a_transfer_that_breaks_off_is_begun_again(cli, server, monkeypatch, tmp_path, name):
    publish(server, monkeypatch, name)
    server.cut = 900
    refused(cli, name, "broke off")
    server.cut = None
    assert cli("data", "download", name).code == 0
    assert prepare_task(name, Training()).name == name


def test_a_server_that_falls_silent_is_given_up(cli, server, monkeypatch):
    publish(server, monkeypatch, "cifar10")
    monkeypatch.setattr(downloading, "SILENCE_S", 0.2)
    server.silent = True
    refused(cli, "cifar10", "timed out")


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half(cli, server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "cifar10")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        refused(cli, "cifar10", "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert cli("data", "download", "cifar10").code == 0


def test_an_unpacking_that_was_killed_is_done_again_without_fetching(cli, server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "fashion-mnist")
    assert cli("data", "download", "fashion-mnist").code == 0
    raw = tmp_path / "store" / "images" / "torchvision" / "FashionMNIST" / "raw"
    images = raw / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    assert cli("data", "remove", "fashion-mnist").code == 0
    ended = cli("run", "--task", "fashion-mnist", "--budget", "1")
    assert ended.code == 2
    assert "navarch data download fashion-mnist" in ended.err
    server.missing, asked = True, len(server.asked)
    assert cli("data", "download", "fashion-mnist").code == 0
    assert len(server.asked) == asked


def test_an_archive_that_the_user_put_there_is_used_without_a_server(cli, server, monkeypatch, tmp_path):
    loader = publish(server, monkeypatch, "cifar10")
    server.missing = True
    refused(cli, "cifar10", "404")
    (tmp_path / "store" / "images" / "torchvision" / loader.filename).write_bytes(
        server.files[loader.filename]
    )
    assert cli("data", "download", "cifar10").code == 0


@pytest.mark.parametrize("member", ["../../evil", "/dev/shm/navarch-evil"])
def test_an_archive_cannot_write_outside_its_folder(cli, server, monkeypatch, tmp_path, member):
    loader = publish(server, monkeypatch, "cifar10")
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        about = tarfile.TarInfo(member)
        about.size = 4
        archive.addfile(about, io.BytesIO(b"evil"))
    server.files[loader.filename] = file.getvalue()
    monkeypatch.setattr(loader, "tgz_md5", md5(file.getvalue()))
    refused(cli, "cifar10")
    inside = tmp_path / "store" / "images" / "torchvision"
    assert all(path.is_relative_to(inside) for path in tmp_path.rglob("*evil*"))
    assert not Path("/dev/shm/navarch-evil").exists()


def test_what_cannot_be_downloaded_is_named(cli):
    ended = cli("data", "download", "imagenet16-120")
    assert ended.code == 2
    assert "use one of cifar10, cifar100, fashion-mnist" in ended.err
