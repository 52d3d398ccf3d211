"""The command that a Python function becomes: read the message, call the function, print what it returns.

What the function itself prints goes to standard error, so that it cannot be taken for the reply.
"""

import json
import os
import sys
from importlib import import_module


def main(target: str) -> None:
    """Call MODULE:NAME with the message as a dictionary."""
    reply_to = os.dup(1)
    os.dup2(2, 1)
    sys.path.insert(0, os.getcwd())
    module, _, name = target.partition(":")
    measured = getattr(import_module(module), name)(json.load(sys.stdin))
    sys.stdout.flush()
    with os.fdopen(reply_to, "w", encoding="utf-8") as reply:
        json.dump(measured, reply)


if __name__ == "__main__":
    main(sys.argv[1])
