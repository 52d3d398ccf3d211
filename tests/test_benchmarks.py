"""Benchmarks that anyone can repeat: the quickest setting of one runs and prints what its page says it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_benchmark_of_training_compares_with_a_plain_loop(tmp_path):
    environment = {**os.environ, "NAVARCH_DATA": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "training.py"), "--short", "--threads", "1"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stderr
    rows = dict(re.findall(r"^(\D+?) {2,}(.*)$", ended.stdout, re.MULTILINE))
    speed = [float(figure) for figure in rows["candidates a minute"].split()]
    assert speed[1] > speed[0] > 0
    assert speed[2] == pytest.approx(speed[1] / speed[0], rel=0.1)
    plain, ours, *_ = rows["core seconds a candidate"].split()
    assert float(plain) > float(ours) > 0
    assert "nothing is compiled" in rows["seconds of compiling"]
    assert "CPU-days" in ended.stdout
    shares = [float(share) for share in re.findall(r"([\d.]+)%", ended.stdout)]
    assert len(shares) == 4
    assert all(share > 0 for share in shares)
    assert all(share < 110 for share in shares[2:])  # of the bfloat16 rate, or of what stands for it


@pytest.mark.slow
def test_a_search_with_all_roles_stores_less_than_8_kb_for_a_trial(tmp_path):
    run = [sys.executable, str(ROOT / "benchmarks" / "loop.py"), "--workflows", "random", "navarch"]
    ended = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    size = dict(re.findall(r"^(\w+) .* ([\d.]+) kB a trial", ended.stdout, re.MULTILINE))
    assert float(size["navarch"]) < 8
    assert float(size["random"]) < 3
