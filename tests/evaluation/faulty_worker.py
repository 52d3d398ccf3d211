"""Faults that a trial acts out inside its own process; loaded only by a fork server that a test told to.

`act` reads the field `fault` of the request, "NAME" or "NAME:ARGUMENT".
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from navarch.evaluation.outcome import Outcome, TrialCost

COST = TrialCost(0.0, 0.0, 0.0, "cpu", 1)


def act(request, folder, network):
    name, _, argument = request.fault.partition(":")
    if name:
        globals()[f"do_{name}"](request, folder, network, argument)


def reply(request, folder, accuracy=50.0, request_id=None):
    objectives = {"val_accuracy": accuracy, "params": 1.0, "macs": 1.0}
    outcome = Outcome("complete", None, "", objectives, (), COST).to_dict()
    body = {"request_id": request_id or request.request_id, "outcome": outcome}
    (folder / "reply.json").write_text(json.dumps(body))


def do_python_memory(*_):
    hoard = []
    while True:
        hoard.append(bytearray(64 * 2**20))


def do_torch_memory(*_):
    import torch

    torch.zeros(2**40)


def do_oom_of(request, folder, network, argument):
    """Have CUDA refuse memory in the first trainings of one trial, so many of them: "TRIAL COUNT"."""
    import torch

    from navarch.evaluation import trial

    name, count = argument.split()
    trainings, original = iter(range(10**9)), trial.train_network

    def train(*given, **named):
        if next(trainings) < int(count):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return original(*given, **named)

    if request.job.trial_id == name:
        trial.train_network = train


def do_swallow_and_be_killed(request, folder, network, argument):
    hoard = b"x" * (int(argument) * 2**20)
    os.kill(os.getpid(), signal.SIGKILL)
    del hoard


def do_loop(*_):
    while True:
        pass


def do_deaf_loop(*_):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def do_deadlock(*_):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def do_endless_c_call(*_):
    ctypes.CDLL(None).pause()


def do_hang_after_outcome(request, folder, network, argument):
    reply(request, folder)
    do_loop()


def do_nan_at(request, folder, network, argument):
    poison(network, float("nan"), int(argument))


def do_inf_at(request, folder, network, argument):
    poison(network, float("inf"), int(argument))


def poison(network, value, step):
    calls = iter(range(10**9))
    network.register_forward_hook(lambda _m, _i, output: output * (value if next(calls) >= step else 1.0))


def do_constant(request, folder, network, argument):
    """Make the network answer the same to every image."""
    network.register_forward_hook(lambda _m, _i, output: output * 0.0)


def do_explode_at(request, folder, network, argument):
    """Let the loss fall for some steps, then grow tenfold with every step until it is no number."""
    calls = iter(range(10**9))

    def grow(_module, _inputs, output):
        step = next(calls) - int(argument)
        return output if step < 0 else output * 10.0 ** min(8 * (step + 1), 30)

    network.register_forward_hook(grow)


def do_nan_in_validation(request, folder, network, argument):
    """Train well, and give no numbers in validation."""
    network.register_forward_hook(
        lambda module, _i, output: output if module.training else output * float("nan")
    )


def do_stuck_loader(*_):
    """Wait for a helper process that never sends its batch."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        while True:
            signal.pause()
    os.read(reading, 1)
    os.close(writing)


def do_many_files(request, folder, network, argument):
    for number in range(10_000):
        (folder / f"file-{number}").write_bytes(b"")
    held = [open(folder / f"file-{number}") for number in range(10_000)]  # noqa: SIM115
    del held


def do_accuracy(request, folder, network, argument):
    reply(request, folder, float(argument))
    os._exit(0)


def do_signal(request, folder, network, argument):
    os.kill(os.getpid(), signal.Signals[argument])


def do_abort(*_):
    os.abort()


def do_exit(request, folder, network, argument):
    os._exit(int(argument))


def do_half_outcome(request, folder, network, argument):
    (folder / "reply.json").write_text(
        '{"request_id": "' + request.request_id + '", "outcome": {"state": "comp'
    )
    os._exit(0)


def do_deep_outcome(request, folder, network, argument):
    (folder / "reply.json").write_text("[" * 200_000)
    os._exit(0)


def do_huge_outcome(request, folder, network, argument):
    (folder / "reply.json").write_text(" " * (2 * 2**20))
    os._exit(0)


def do_empty_outcome(request, folder, network, argument):
    (folder / "reply.json").write_text(json.dumps({"request_id": request.request_id, "outcome": {}}))
    os._exit(0)


def do_outcome_of_another(request, folder, network, argument):
    reply(request, folder, request_id="1:somebody-else")
    os._exit(0)


def do_two_outcomes(request, folder, network, argument):
    reply(request, folder, 1.0)


def do_flood(request, folder, network, argument):
    block = b"x" * 2**20
    for _ in range(int(argument)):
        os.write(1, block)


def do_flood_and_exit(request, folder, network, argument):
    do_flood(request, folder, network, argument)
    os._exit(3)


def do_odd_bytes(*_):
    os.write(2, b"\xff\xfe\x00 odd \x80")
    os._exit(1)


def do_long_traceback(*_):
    raise RuntimeError("x" * 10_000_000)


def do_big_file(*_):
    with open("big", "wb") as file:
        file.truncate(2**40)


def do_grandchild(request, folder, network, argument):
    child = subprocess.Popen(["sleep", "1000"])
    Path(argument).write_text(str(child.pid))


def do_tell(request, folder, network, argument):
    facts = {
        "environment": dict(os.environ),
        "server_threads": len(os.listdir(f"/proc/{os.getppid()}/task")),
        "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),
        "session": os.getsid(0) == os.getpid(),
        "folder": str(folder),
        "arguments": sys.argv,
    }
    Path(argument).write_text(json.dumps(facts))


def do_seal(*_):
    """Make any look at the test split fail."""
    from navarch.evaluation import digits, task_data, trial

    def refuse(*_args, **_kwargs):
        raise AssertionError("the test split was opened")

    original = digits.make_split
    digits.make_split = lambda split, *rest: refuse() if split == "test" else original(split, *rest)
    task_data.load_test_data = refuse
    trial.load_test_data = refuse


def do_grandchild_and_loop(request, folder, network, argument):
    do_grandchild(request, folder, network, argument)
    do_loop()


def do_silent_until(request, folder, network, argument):
    """Fall silent in the middle of the first epoch, in the first attempt alone: a file says that there was one."""
    note = Path(argument)
    if note.exists():
        return
    note.touch()
    do_silent(request, folder, network, argument)


def do_silent(request, folder, network, argument):
    do_stuck_at(request, folder, network, 20)


def do_stuck_at(request, folder, network, argument):
    """Never come back from the batch of this number, counted from 0."""
    calls = iter(range(10**9))
    network.register_forward_hook(lambda *_: do_loop() if next(calls) == int(argument) else None)


def do_slow(request, folder, network, argument):
    """Take so many milliseconds more for each batch."""
    network.register_forward_hook(lambda *_: time.sleep(int(argument) / 1000))


def do_fork_bomb(*_):
    """Double the processes, up to 256: a real bomb has no end, and a test must have one."""
    for _ in range(8):
        os.fork()
        time.sleep(0.05)
    do_endless_c_call()


def do_orphan_bomb(*_):
    """Fork and end, so that every process but the first is an orphan."""
    for _ in range(128):
        if os.fork() == 0:
            if os.fork() == 0:
                do_endless_c_call()
            os._exit(0)
    do_endless_c_call()


def do_session_bomb(*_):
    """Start 128 processes, each in a session of its own, which no kill of a group reaches."""
    for _ in range(128):
        if os.fork() == 0:
            os.setsid()
            do_endless_c_call()
    do_endless_c_call()


def do_daemon(request, folder, network, argument):
    """Leave an orphan in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path(argument).write_text(str(os.getpid()))
            do_endless_c_call()
        os._exit(0)
    os.wait()
    while not Path(argument).exists():
        time.sleep(0.01)


def do_fill_folder(request, folder, network, argument):
    """Leave 10,000 files behind, and tell where."""
    for number in range(10_000):
        (folder / f"file-{number}").write_bytes(b"x")
    Path(argument).write_text(str(folder))


def do_write_ten_gigabytes(request, folder, network, argument):
    Path(argument).write_text(str(folder))
    with open("big", "wb") as file:
        for _ in range(10 * 1024):
            file.write(b"x" * 2**20)


def do_cuda_memory(request, folder, network, argument):
    """Take memory of the device until it is refused."""
    import torch

    hoard = []
    while True:
        hoard.append(torch.zeros(2**30, dtype=torch.uint8, device="cuda"))


def do_spy(request, folder, network, argument):
    """Write each look at the test split into a file, and let it happen."""
    from navarch.evaluation import digits, trial

    def noting(original, *, always):
        def look(*given, **named):
            if always or "test" in (*given, *named.values()):
                with Path(argument).open("a") as file:
                    file.write(
                        f"{request.action} {request.job.trial_id} seed {request.job.seed}: {original.__name__}\n"
                    )
            return original(*given, **named)

        return look

    digits.make_split = noting(digits.make_split, always=False)
    trial.load_test_data = noting(trial.load_test_data, always=True)


def do_place(request, folder, network, argument):
    """Tell which device the process is pinned to, and whether its server asked CUDA anything; train nothing."""
    import torch

    facts = {
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "device": request.device,
        "limit": resource.getrlimit(resource.RLIMIT_AS)[0],
        "initialised": torch.cuda.is_initialized(),
    }
    (Path(argument) / f"{request.job.trial_id}.json").write_text(json.dumps(facts))
    reply(request, folder)
    os._exit(0)
