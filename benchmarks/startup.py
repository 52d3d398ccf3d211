"""Start-up time of `navarch --help` as a ratio to a bare typer program's, measured side by side in one run.

Run: .venv/bin/python benchmarks/startup.py [--repeats N]. Goal: at most 1.6, with neither torch nor langgraph imported.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import typer
app = typer.Typer(add_completion=False, rich_markup_mode=None)
@app.command()
def one(name: str = "x") -> None: ...
@app.command()
def two(name: str = "x") -> None: ...
app()
"""


def seconds(command: list[str]) -> float:
    """Return the wall time of one run of a command."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure both programs alternately and print the ratio of their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    navarch = str(Path(sys.executable).with_name("navarch"))
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        pairs = [
            (seconds([navarch, "--help"]), seconds([sys.executable, str(bare), "--help"]))
            for _ in range(repeats)
        ]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    sys.stdout.write(
        f"navarch --help {ours:.3f} s, bare typer {theirs:.3f} s, ratio {ours / theirs:.2f} (goal <= 1.6)\n"
    )


if __name__ == "__main__":
    main()
