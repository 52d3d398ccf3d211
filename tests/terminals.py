"""A terminal for a command: a real pty, and what its screen shows, with the few control sequences that are in use."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

CTRL_C = "\x03"
_PIECE = re.compile(r"\x1b\[(\d*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Terminal:
    """Runs a command in a terminal of its own, as its foreground session; as a context it is killed at the end."""

    def __init__(self, command, *, columns=100, lines=24, **how):
        """Start the command; `how` is for subprocess.Popen."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        how["env"] = {**how.get("env", os.environ), "TERM": "xterm"}

        def lead():
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a terminal's; tests in the background ignore it
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = subprocess.Popen(command, preexec_fn=lead, **streams, **how)
        os.close(slave)
        self.raw = ""
        self._bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        if self._master is not None:
            os.close(self._master)

    def type(self, keys):
        """Press keys; CTRL_C becomes SIGINT for the whole foreground group."""
        os.write(self._master, keys.encode())

    def read_until(self, claim, seconds):
        """Read until the claim about this terminal holds; return whether it did before so many seconds were over."""
        deadline = time.monotonic() + seconds
        while not claim(self):
            if time.monotonic() > deadline or not self._read():
                return claim(self)
        return True

    def end(self, seconds=20.0):
        """Read until the command ends and return its exit code."""
        self.read_until(lambda self: False, seconds)
        os.close(self._master)
        self._master = None
        return self.process.wait(timeout=seconds)

    def screen(self):
        """Return the lines that were written, as they stand now."""
        rows, row, column = [""], 0, 0
        for number, command, control, text in _PIECE.findall(self.raw):
            if text:
                rows[row] = rows[row][:column].ljust(column) + text + rows[row][column + len(text) :]
                column += len(text)
            elif control == "\r":
                column = 0
            elif control == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            elif command == "A":
                row = max(0, row - int(number or 1))
            elif command == "J":
                rows[row] = rows[row][:column]
                del rows[row + 1 :]
        return [line.rstrip() for line in rows]

    def _read(self):
        """Read what has come within a moment; tell whether more may come."""
        ready, _, _ = select.select([self._master], [], [], 0.1)
        if not ready:
            return self.process.poll() is None
        try:
            came = os.read(self._master, 65536)
        except OSError:  # what Linux says when nobody has the other end any more
            return False
        self._bytes += came
        self.raw = self._bytes.decode("utf-8", "replace")
        return bool(came)
