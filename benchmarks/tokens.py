"""What the prompts of a search cost in tokens, and how much of each a server has in its prompt cache already.

Every prompt is really rendered: the run is played by the offline roles, with the batch sizes of models and made-up
accuracies, and counted with the tokenizer of Qwen, by its own ranks. Replies are the offline twins', without reasoning.
An input's prefix is what it shares, character by character from its beginning, with the last input of the same prompt.
The baseline is the same run with each history row as a JSON object instead of a row of a table.

The ranks are a file of the dashscope wheel: pip download --no-deps dashscope
Run: .venv/bin/python benchmarks/tokens.py --ranks dashscope-*.whl [--trials 100] [--space nas-bench-201]
"""

import argparse
import base64
import json
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import tiktoken

from navarch.graph import load_settings
from navarch.graph.rehearsal import rehearsed
from navarch.memory import CallRow, Memory, TrialRow

WORKFLOWS = ("navarch", "collm-nas", "seki")
RANKS = "dashscope/resources/qwen.tiktoken"
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
MARKS = 4  # tokens that a chat template puts around a message
ROUND = 20
ROW = re.compile(r"^#(\d+) .*$", re.MULTILINE)

Count = Callable[[str], int]


class Asked(NamedTuple):
    """One call: tokens in and out, the share of the input that is a prefix, and tokens in with history as JSON."""

    round: int
    prompt: str
    tokens_in: int
    tokens_out: int
    prefix: float | None
    as_json: int


def read_counter(path: Path) -> Count:
    """Return what counts a text's tokens, from the file of ranks or the wheel that holds it."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            data = wheel.read(RANKS)
    else:
        data = path.read_bytes()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, data.splitlines())}
    encoding = tiktoken.Encoding("qwen", pat_str=SPLIT, mergeable_ranks=ranks, special_tokens={})
    return lru_cache(maxsize=None)(lambda text: len(encoding.encode_ordinary(text)))


def play(workflow: str, space: str, trials: int, count: Count) -> tuple[list[Asked], int]:
    """Play a run of so many trials; return its calls, and how many valid and new architectures they brought."""
    settings = load_settings(None, {"workflow": workflow, "space": space, "model": "openai:qwen"})
    with rehearsed(settings, trials) as (memory, run_id):
        finished = {trial.number: trial for trial in memory.trials(run_id)}
        before: dict[str, str] = {}
        asked = []
        for call in memory.calls(run_id):
            texts = [text for _, text in memory.rendered(call)]
            whole = "\n".join(texts)
            last = before.get(call.prompt)
            prefix = None if last is None else _shared(last, whole) / len(whole)
            before[call.prompt] = whole
            asked.append(_ask(call, texts, prefix, finished, memory, count))
        return asked, memory.count_new(run_id)


def _ask(
    call: CallRow,
    texts: list[str],
    prefix: float | None,
    finished: dict[int, TrialRow],
    memory: Memory,
    count: Count,
) -> Asked:
    said = count(memory.text(call.reply)) if call.reply else 0
    told = sum(count(text) + MARKS for text in texts)
    rows = [row for text in texts for row in ROW.finditer(text)]
    more = sum(count(_as_json(finished[int(row[1])])) - count(row[0]) for row in rows)
    return Asked(call.round, call.prompt, told, said, prefix, told + more)


def _shared(last: str, now: str) -> int:
    """Return how many characters two texts have in common from their beginning."""
    pairs = enumerate(zip(last, now, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(last), len(now)))


def _as_json(trial: TrialRow) -> str:
    facts = {"trial": trial.number, "architecture": trial.architecture, "val_accuracy": trial.val_accuracy}
    return json.dumps({**facts, "params": trial.params, "macs": trial.macs})


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def show(workflow: str, asked: list[Asked], new: int) -> None:
    """Print the table of one workflow: tokens in of the first call, of the last one by round 20, and of the longest."""
    by_prompt = defaultdict(list)
    for one in asked:
        by_prompt[one.prompt].append(one)
    say(f"\n{workflow}: {len(asked)} calls in {max(one.round for one in asked)} rounds")
    say(
        f"{'prompt':24} {'calls':>5} {'in, first':>9} {f'round {ROUND}':>8} {'most':>6} {'out':>5} {'prefix':>6}"
    )
    for prompt, calls in by_prompt.items():
        there = max((one.tokens_in for one in calls if one.round <= ROUND), default=0)
        shares = [one.prefix for one in calls if one.prefix is not None]
        share = f"{100 * fmean(shares):.0f} %" if shares else "-"
        most, out = max(one.tokens_in for one in calls), fmean(one.tokens_out for one in calls)
        say(f"{prompt:24} {len(calls):5} {calls[0].tokens_in:9,} {there:8,} {most:6,} {out:5,.0f} {share:>6}")
    into, out = sum(one.tokens_in for one in asked), sum(one.tokens_out for one in asked)
    kept = sum(one.tokens_in * (one.prefix or 0) for one in asked)
    as_json = sum(one.as_json for one in asked)
    say(f"tokens for each of {new} valid and new architectures: {(into + out) / new:,.0f}")
    say(f"without the prefix, which is {kept / into:.0%} of the input: {(into - kept + out) / new:,.0f}")
    say(f"history rows as JSON instead: {as_json / into:.2f} x the input")


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--space", default="nas-bench-201")
    parser.add_argument("--workflows", nargs="+", default=WORKFLOWS, choices=WORKFLOWS)
    given = parser.parse_args(arguments)
    count = read_counter(given.ranks)
    for workflow in given.workflows:
        show(workflow, *play(workflow, given.space, given.trials, count))


if __name__ == "__main__":
    main(sys.argv[1:])
