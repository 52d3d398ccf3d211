"""Work on a grid of runs with several processes; what a cell cost is noted beside the memories.

A worker is one process that does one cell after another, so that the libraries are imported and warm once. It holds
no result: a cell's memory does. If the driver dies, even by `kill -9`, its workers die with it at once, and the same
command goes on where they were.
"""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from navarch import NavarchError
from navarch.graph.grid import Cell, stored_run
from navarch.graph.interrupts import listening
from navarch.graph.settings import Settings
from navarch.graph.stopping import StopRequest

COSTS = "costs.jsonl"
_LOOK_S = 0.5  # how often a wish to stop is looked for while nothing ends


@dataclass(frozen=True, slots=True)
class CellEnd:
    """How the work on a cell ended. `trials`, `wall_s` and `cpu_s` (of this process alone) are of this segment."""

    cell: Cell
    state: str
    reason: str
    best: float | None
    trials: int
    wall_s: float
    cpu_s: float


class GridFailed(NavarchError):
    """A cell of the grid stopped on a problem; what is done is kept."""


OnEnd = Callable[[CellEnd], None]


def run_grid(cells: Sequence[Cell], jobs: int, out: Path, on_end: OnEnd) -> int:
    """Work on the cells, `jobs` at a time; return the signal that stopped it, 0 if none.

    `on_end` is called when a cell's segment ended and its cost is noted. After a cell failed no other is begun.
    Raises: GridFailed naming the cell.
    """
    stop = StopRequest()
    with listening(stop):
        driver = _Driver(list(cells), out, on_end, stop)
        driver.work(min(jobs, len(cells)))
    if driver.failure is not None and not stop:
        raise GridFailed(driver.failure)
    return stop.signal


def read_costs(out: Path) -> dict[Path, tuple[int, float]]:
    """Return trials and CPU seconds noted for each memory of a grid; what a killed process did is in neither."""
    costs: dict[Path, tuple[int, float]] = {}
    try:
        lines = (out / COSTS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return costs
    for line in lines:
        try:
            noted = json.loads(line)
            db, trials, seconds = out / noted["db"], int(noted["trials"]), float(noted["cpu_s"])
        except (ValueError, KeyError, TypeError):  # a line that a crash cut short
            continue
        before = costs.get(db, (0, 0.0))
        costs[db] = (before[0] + trials, before[1] + seconds)
    return costs


@dataclass(slots=True)
class _Worker:
    """One process, the pipe to it, and the cell it works on."""

    process: SpawnProcess
    pipe: Connection
    cell: Cell | None = None


class _Driver:
    """Hands out cells in order and takes what the workers report."""

    def __init__(self, cells: list[Cell], out: Path, on_end: OnEnd, stop: StopRequest) -> None:
        self._left = cells[::-1]
        self._out = out
        self._on_end = on_end
        self._stop = stop
        self.failure: str | None = None

    def work(self, jobs: int) -> None:
        workers: list[_Worker] = []
        try:
            workers += [_start_worker() for _ in range(jobs)]
            for worker in workers:
                self._hand_out(worker)
            asked = False
            while busy := {worker.pipe: worker for worker in workers if worker.cell is not None}:
                for pipe in wait(list(busy), timeout=_LOOK_S):
                    self._take(busy[pipe])  # type: ignore[index]  # what was given comes back
                if self._stop and not asked:
                    asked = True
                    _ask_to_stop(workers)
        finally:
            for worker in workers:
                worker.pipe.close()  # a worker without work ends when its pipe does
            for worker in workers:
                if worker.cell is not None:
                    worker.process.kill()
                worker.process.join()

    def _hand_out(self, worker: _Worker) -> None:
        worker.cell = None
        if self._left and self.failure is None and not self._stop:
            worker.cell = self._left.pop()
            worker.pipe.send_bytes(json.dumps(worker.cell.settings.model_dump(mode="json")).encode())

    def _take(self, worker: _Worker) -> None:
        cell = worker.cell
        assert cell is not None
        try:
            told: dict[str, Any] = json.loads(worker.pipe.recv_bytes())
        except (EOFError, ConnectionError):
            worker.cell = None
            worker.process.join()
            self._fail(cell, f"its process ended with code {worker.process.exitcode}")
            return
        if "error" in told:
            self._fail(cell, told["error"])
        else:
            end = CellEnd(cell, **told)
            self._note(end)
            self._on_end(end)
        self._hand_out(worker)

    def _fail(self, cell: Cell, why: str) -> None:
        self.failure = self.failure or f"{cell.name} failed: {why}"

    def _note(self, end: CellEnd) -> None:
        db = end.cell.settings.db.relative_to(self._out)
        noted = {"db": str(db), "trials": end.trials, "wall_s": end.wall_s, "cpu_s": end.cpu_s}
        try:
            with (self._out / COSTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(noted) + "\n")
        except OSError as error:
            raise NavarchError(
                f"file {str(self._out / COSTS)!r} cannot be written: {error.strerror}"
            ) from None


def _start_worker() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _ask_to_stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        if worker.cell is not None and worker.process.pid is not None and worker.process.is_alive():
            os.kill(worker.process.pid, signal.SIGTERM)


# --- In the worker ---


def _serve(pipe: Connection) -> None:
    """Do one cell after another until the driver closes the pipe."""
    os.setpgrp()  # Ctrl-C meets the driver alone, which passes the wish on once
    threading.Thread(target=_die_with_driver, daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the processes share the cores among them
    import navarch.graph.build
    import navarch.graph.run  # noqa: F401  # so that the first cell's time is not that of imports

    while True:
        try:
            settings = Settings(**json.loads(pipe.recv_bytes()))
        except EOFError:
            return
        pipe.send_bytes(json.dumps(_work_on(settings)).encode())


def _die_with_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)


def _work_on(settings: Settings) -> dict[str, Any]:
    """Start or resume the run of a cell; what is wrong is told and not raised."""
    from navarch.graph.run import resume_run, start_run

    try:
        run = stored_run(settings.db)
        before = 0 if run is None else _trials(settings.db, run.run_id)
        wall, cpu = time.perf_counter(), time.process_time()
        settings.db.parent.mkdir(parents=True, exist_ok=True)
        result = start_run(settings) if run is None else resume_run(run.run_id, settings.db)
        spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        trials = _trials(settings.db, result.run.run_id) - before
        best = None if result.best is None else result.best.val_accuracy
        return {"state": result.run.state, "reason": result.reason, "best": best, "trials": trials, **spent}
    except NavarchError as error:
        return {"error": str(error)}
    except KeyboardInterrupt:  # a model's answer was waited for; the run stored that it was stopped
        return {"error": "interrupted"}
    except OSError as error:
        return {"error": f"{str(settings.db)!r} cannot be written: {error.strerror}"}
    except Exception as error:
        return {"error": f"this is a bug: {type(error).__name__}: {error}"}


def _trials(db: Path, run_id: str) -> int:
    from navarch.memory import Memory

    with Memory.open(db, create=False, read_only=True) as memory:
        return memory.count_finished(run_id)
